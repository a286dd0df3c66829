//! Panel: the user interface around the worlds, made with egui. Every section of the panel is a file; drawing of worlds
//! and handling of keys are in `view`.

mod animation;
mod banner;
mod compare;
mod curves;
mod doctor;
pub mod drawn_levels;
mod earlier_run;
pub mod editor;
mod hud;
mod keybar;
mod layers;
mod learner_stats;
mod learning;
mod memory;
mod names;
mod notices;
mod physics;
mod playback;
mod player_keys;
mod players;
pub mod plots;
mod points;
mod preferences;
mod saliency;
mod saving;
pub mod section;
pub mod session;
mod settings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text_box;
mod theme;
mod time;
pub mod title;
mod title_keys;
mod tuning;
mod unsaved;
mod values;
mod widgets;

use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy_egui::{EguiContext, EguiContexts, EguiInput, EguiPlugin, PrimaryEguiContext, egui};
pub(crate) use bevy_egui::{EguiPreUpdateSet, EguiPrimaryContextPass};
use bevy_state::prelude::in_state;

use crate::sim::arena::Spec;
use crate::view::commands::AddKeys as _;
use crate::view::record::ScreenshotFolder;
use crate::view::screens::Visit;
use crate::view::{ScreenLayout, StageLegend, Toast};

/// Width of the panel in logical pixels.
const WIDTH: f32 = 336.0;

/// Adds what every screen needs: egui, the title screen, saved preferences. Add once, after `view::screen`.
pub fn screen(app: &mut App) {
    app.add_plugins((EguiPlugin::default(), title::plugin))
        .add_keys(layers::KEYS)
        .init_resource::<preferences::SaveError>()
        .add_systems(Update, preferences::save)
        .add_systems(EguiPrimaryContextPass, saving::show.run_if(in_state(Visit::Saving)));
}

/// Adds the panel and the key bar of a world. Add after `view`.
pub fn plugin(app: &mut App) {
    app.add_plugins(sections).add_systems(
        PreUpdate,
        ignore_tab.after(EguiPreUpdateSet::ProcessInput).before(EguiPreUpdateSet::BeginPass),
    );
}

/// Panel for your own game: training status, curves, settings and checkpoints of its
/// [`LiveLearner`](crate::agent::LiveLearner), at the right edge of the window. It needs a window, but nothing else of
/// the arcade. Add sections with [`AddPanelSection`](section::AddPanelSection).
pub struct LearnerPanelPlugin;

impl Plugin for LearnerPanelPlugin {
    fn build(&self, app: &mut App) {
        if !app.is_plugin_added::<EguiPlugin>() {
            app.add_plugins(EguiPlugin::default());
        }
        app.add_plugins(learner_sections);
    }
}

/// The panel with the sections of a learner.
fn learner_sections(app: &mut App) {
    app.add_plugins((learning::plugin, doctor::plugin))
        .init_resource::<ScreenLayout>()
        .init_resource::<Toast>()
        .init_resource::<ScreenshotFolder>()
        .init_resource::<Time<Real>>()
        .init_resource::<plots::Plots>()
        .add_systems(
            EguiPrimaryContextPass,
            (theme::apply, show, plots::show, release_focus).chain().run_if(resource_exists::<Spec>),
        );
}

/// The whole interface of a world.
fn sections(app: &mut App) {
    app.add_plugins((
        learner_sections,
        hud::plugin,
        banner::plugin,
        player_keys::plugin,
        layers::plugin,
        editor::plugin,
    ))
    .add_plugins((
        time::plugin,
        physics::plugin,
        playback::plugin,
        values::plugin,
        memory::plugin,
        saliency::plugin,
        players::plugin,
        session::plugin,
    ))
    .add_systems(
        EguiPrimaryContextPass,
        (
            (hud::show, banner::show, compare::show).chain().after(show).before(plots::show),
            unsaved::show.after(plots::show).before(release_focus),
        )
            .run_if(resource_exists::<Spec>),
    );
}

/// Tab toggles the panel, so egui must not use it to move the focus.
fn ignore_tab(mut inputs: Query<&mut EguiInput>) {
    for mut input in &mut inputs {
        let tab = |event: &egui::Event| matches!(event, egui::Event::Key { key: egui::Key::Tab, .. });
        if input.events.iter().any(tab) {
            input.events.retain(|event| !tab(event));
        }
    }
}

/// Keys go to the game unless a text field has the focus. A clicked button must not keep it, or the space bar would
/// press the button again.
fn release_focus(mut contexts: EguiContexts, mut screen: ResMut<ScreenLayout>) -> Result {
    let context = contexts.ctx_mut()?;
    let typing = context.text_edit_focused();
    if !typing && let Some(focused) = context.memory(|memory| memory.focused()) {
        context.memory_mut(|memory| memory.surrender_focus(focused));
    }
    if screen.typing != typing {
        screen.typing = typing;
    }
    let pointed = context.egui_is_using_pointer() || is_over_window(context);
    if screen.pointed != pointed {
        screen.pointed = pointed;
    }
    Ok(())
}

/// Whether the pointer is over a window, list or dialog. The panel and the key bar are in the background, as the stage is.
fn is_over_window(context: &egui::Context) -> bool {
    let pointer = context.input(|input| input.pointer.interact_pos());
    let layer = pointer.and_then(|at| context.layer_id_at(at));
    layer.is_some_and(|layer| layer.order != egui::Order::Background)
}

/// The panel at the right edge. Its width is fixed, whatever it contains.
fn column(context: &egui::Context) -> egui::Ui {
    let screen = context.viewport_rect();
    let area = egui::Rect::from_min_max(egui::pos2(screen.right() - WIDTH, screen.top()), screen.max);
    let builder = egui::UiBuilder::new().layer_id(egui::LayerId::background());
    let inner = egui::Rect::from_min_max(area.min + egui::vec2(12.0, 10.0), area.max - egui::vec2(4.0, 8.0));
    let mut ui = egui::Ui::new(context.clone(), "panel".into(), builder.max_rect(inner));
    ui.set_clip_rect(area);
    ui.painter().rect_filled(area, 0.0, theme::tone(crate::view::palette::SLATE));
    ui
}

/// Shows the panel if there is room for it.
fn show(
    world: &mut World,
    contexts: &mut QueryState<&mut EguiContext, With<PrimaryEguiContext>>,
    windows: &mut QueryState<&Window, With<PrimaryWindow>>,
) -> Result {
    let context = contexts.single_mut(world)?.get_mut().clone();
    // A narrow window shows only the worlds.
    let narrow = windows.single(world).is_ok_and(|window| window.width() < WIDTH + 200.0);
    let mut right = 0.0;
    if world.resource::<ScreenLayout>().panel && !narrow {
        let mut ui = column(&context);
        if let Some(spec) = world.get_resource::<Spec>() {
            let legend = world.get_resource::<StageLegend>().map(|legend| legend.0);
            widgets::title(&mut ui, &spec.name, &spec.summary, legend);
        }
        let scroll = egui::ScrollArea::vertical().auto_shrink(false);
        let shown = scroll.show(&mut ui, |ui| {
            ui.set_max_width(WIDTH - 28.0);
            section::show(ui, world)
        });
        shown.inner?;
        right = WIDTH;
    }
    let mut screen = world.resource_mut::<ScreenLayout>();
    if screen.right != right {
        screen.right = right;
    }
    Ok(())
}
