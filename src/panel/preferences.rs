//! Preferences: the page of the title screen for colors, motion, size, sound and key bindings.

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::theme::tone;
use super::title_keys;
use super::widgets::{check, row, section};
use crate::learner::checkpoint::replace_file;
use crate::view::Toast;
use crate::view::bindings::Bindings;
use crate::view::commands::{KeyCommand, KeyRegistry};
use crate::view::controls::{self, Controls};
use crate::view::keys;
use crate::view::palette;
use crate::view::preferences::{Preferences, SCALE_RANGE};

/// State of the page.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct PreferencesPage {
    /// Whether it is open.
    pub open: bool,
    /// The command that waits for its new key.
    pub binding: Option<KeyCommand>,
    /// The interface size while it is being dragged.
    scale: Option<f32>,
}

/// Why the preferences could not be saved.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct SaveError(Option<String>);

/// Smallest width of a column of keys in logical pixels.
const COLUMN: f32 = 250.0;

/// Handles keys while the page is open: the next key goes to the waiting command; `Esc` cancels, or closes the page.
pub(super) fn handle_keys(
    keyboard: Res<ButtonInput<KeyCode>>,
    controls: Res<Controls>,
    mut page: ResMut<PreferencesPage>,
    mut bindings: ResMut<Bindings>,
    mut preferences: ResMut<Preferences>,
) {
    let escape = controls.just_pressed(title_keys::BACK);
    let Some(command) = page.binding else {
        if escape {
            page.open = false;
        }
        return;
    };
    if escape {
        page.binding = None;
        return;
    }
    let key = keyboard.get_just_pressed().copied().find(|key| keys::is_allowed(*key));
    if let Some(key) = key {
        bindings.bind(command, key);
        preferences.keys = bindings.changed();
        page.binding = None;
    }
}

/// Saves the preferences whenever they change, on every screen.
pub(super) fn save(
    preferences: Option<Res<Preferences>>,
    mut save_error: ResMut<SaveError>,
    toast: Option<ResMut<Toast>>,
) {
    let Some(preferences) =
        preferences.filter(|preferences| preferences.is_changed() && !preferences.is_added())
    else {
        return;
    };
    let Some(path) = Preferences::path() else { return };
    let write = || {
        // A file that cannot be read is not overwritten: it may contain settings of a newer version.
        Preferences::load(&path)?;
        path.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| replace_file(&path, preferences.text().as_bytes()))
            .map_err(|error| format!("{}: {error}", path.display()))
    };
    save_error.0 =
        write().err().map(|error: String| format!("{error}; changes are lost when the program is closed"));
    if let (Some(problem), Some(mut toast)) = (&save_error.0, toast) {
        toast.show(problem.clone());
    }
}

/// Shows the page.
pub(super) fn show(
    ui: &mut Ui,
    page: &mut PreferencesPage,
    registry: &KeyRegistry,
    bindings: &mut ResMut<Bindings>,
    preferences: &mut ResMut<Preferences>,
    save_error: &SaveError,
) {
    ui.set_max_width(ui.available_width().min(980.0));
    section(ui, "Display", |ui| {
        let mut wanted = (**preferences).clone();
        let explanation =
            "Colors for every kind of color vision. Applies to worlds that are opened from now on.";
        row(ui, "colorblind-safe colors", explanation, |ui| {
            check(ui, &mut wanted.color_blind, "").on_hover_text(explanation);
        });
        let explanation = "Turns off decorative animation.";
        row(ui, "reduced motion", explanation, |ui| {
            check(ui, &mut wanted.reduced_motion, "").on_hover_text(explanation);
        });
        let explanation = "Scale of the interface relative to the system's, as far as the window has room. On every screen, \
                           Ctrl+0 resets it and Ctrl with + or − changes it.";
        row(ui, "interface size (Ctrl+0 resets it)", explanation, |ui| {
            let mut scale = page.scale.unwrap_or(wanted.scale);
            let slider = ui.add(egui::Slider::new(&mut scale, SCALE_RANGE).step_by(0.05).fixed_decimals(2));
            // Applied on release, because the slider itself moves when the size changes.
            if slider.dragged() {
                page.scale = Some(scale);
            } else if slider.drag_stopped() || slider.changed() {
                wanted.scale = scale;
                page.scale = None;
            }
        });
        if wanted != **preferences {
            palette::set_color_blind(wanted.color_blind);
            **preferences = wanted;
        }
    });
    if cfg!(feature = "audio") {
        section(ui, "Sound", |ui| {
            let explanation = "Volume of all sounds; 0 is silent. Above 4× speed there is no sound.";
            row(ui, "volume", explanation, |ui| {
                let mut volume = preferences.volume;
                let slider = egui::Slider::new(&mut volume, 0.0..=1.0).step_by(0.05).fixed_decimals(2);
                if ui.add(slider).on_hover_text(explanation).changed() {
                    preferences.volume = volume;
                }
            });
        });
    }
    section(ui, "Keys", |ui| {
        let count = ((ui.available_width() / COLUMN) as usize).clamp(1, 3);
        ui.columns(count, |columns| {
            // In the order of their groups, column by column.
            let all: Vec<_> = registry.rebindable().map(|(spec, _)| (spec.command, spec.meaning)).collect();
            for (ui, commands) in columns.iter_mut().zip(all.chunks(all.len().div_ceil(count).max(1))) {
                for &(command, meaning) in commands {
                    let explanation =
                        "Click, then press the new key. If another command has it, the two swap keys. Esc cancels.";
                    row(ui, meaning, explanation, |ui| {
                        let waiting = page.binding == Some(command);
                        let text = if waiting { "press a key" } else { bindings.label(command) };
                        let ink = if waiting { palette::AMBER } else { palette::INK };
                        let button = egui::Button::new(RichText::new(text).small().strong().color(tone(ink)));
                        let button = ui.add(button.min_size(egui::vec2(78.0, 0.0)));
                        if button.on_hover_text(explanation).clicked() {
                            page.binding = (!waiting).then_some(command);
                        }
                    });
                }
            }
        });
        let changed = !preferences.keys.is_empty();
        let reset = ui.add_enabled(changed, egui::Button::new("Reset all keys"));
        if reset.clicked() {
            bindings.reset();
            preferences.keys.clear();
        }
    });
    if cfg!(feature = "gamepad") {
        gamepads(ui, registry);
    }
    if let Some(problem) = &save_error.0 {
        ui.label(RichText::new(problem).small().color(tone(palette::ROSE)));
    }
}

/// Buttons of gamepads and what they do.
fn gamepads(ui: &mut Ui, registry: &KeyRegistry) {
    section(ui, "Gamepads", |ui| {
        let text = "The first gamepad acts as the left-hand keys, the second as the right-hand keys.";
        ui.label(RichText::new(text).small().color(tone(palette::MUTED)));
        let count = if ui.available_width() < 2.0 * COLUMN { 1 } else { 2 };
        egui::Grid::new("gamepads").num_columns(2 * count).spacing([22.0, 5.0]).show(ui, |ui| {
            for (index, (name, meaning)) in controls::buttons(registry, 0).into_iter().enumerate() {
                ui.label(RichText::new(meaning).color(tone(palette::INK.mix(palette::MUTED, 0.45))));
                ui.label(RichText::new(name).small().strong().color(tone(palette::INK)));
                if (index + 1) % count == 0 {
                    ui.end_row();
                }
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::commands::AddKeys as _;
    use crate::view::time::{self, PAUSE};

    #[test]
    fn the_next_key_is_bound_to_the_waiting_command_and_esc_cancels() {
        let mut app = App::new();
        app.add_plugins(controls::plugin)
            .add_keys(time::KEYS)
            .add_keys(title_keys::KEYS)
            .init_resource::<Preferences>()
            .insert_resource(PreferencesPage { open: true, ..PreferencesPage::default() })
            .add_systems(Update, handle_keys);
        app.finish();
        app.update();
        let mut press = |binding: Option<KeyCommand>, key: KeyCode| {
            app.world_mut().resource_mut::<PreferencesPage>().binding = binding;
            app.world_mut().resource_mut::<ButtonInput<KeyCode>>().press(key);
            app.update();
            app.world_mut().resource_mut::<ButtonInput<KeyCode>>().reset_all();
            app.update();
            let page = app.world().resource::<PreferencesPage>();
            (app.world().resource::<Bindings>().label(PAUSE), page.binding, page.open)
        };
        assert_eq!(press(None, KeyCode::KeyK), ("Space", None, true));
        assert_eq!(press(Some(PAUSE), KeyCode::Escape), ("Space", None, true));
        assert_eq!(press(Some(PAUSE), KeyCode::KeyK), ("K", None, true));
        assert_eq!(press(None, KeyCode::Escape), ("K", None, false));
        assert_eq!(app.world().resource::<Preferences>().keys["pause"], "K");
    }
}
