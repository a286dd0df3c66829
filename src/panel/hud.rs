//! HUD: the status line and the key bar below the stage. Features register their entries of the status line.

use bevy::prelude::*;
use bevy_egui::{EguiContext, PrimaryEguiContext, egui};
use egui::RichText;

use super::layers::EscHint;
use super::names::{controller_name, slot_name};
use super::theme::tone;
use super::widgets::chip;
use super::{keybar, notices};
use crate::agent::feedback::HumanFeedback;
use crate::agent::history::History;
use crate::agent::{ControllerAssignment, Watched};
use crate::insight::waiting::Waiting;
use crate::metrics::run::SUCCESS;
use crate::sim::arena::{Caption, Spec};
use crate::sim::pace::Pace;
use crate::sim::{AgentSlots, Arena, Failure, SimConfig, SimSystems, SimTick};
use crate::view::bindings::Bindings;
use crate::view::commands::KeyRegistry;
use crate::view::modes::{Mode, Modes};
use crate::view::palette::{self, Tone};
use crate::view::{PANEL, ScreenLayout, Toast, time};
use crate::worlds::rooms::reload::LevelNotice;

/// Number of recent episodes in the success rate.
const RECENT: usize = 100;
/// Fewest episodes for which a rate is shown.
const MIN_EPISODES: usize = 20;

/// Part of the status line.
#[derive(Debug, Clone)]
pub enum HudPart {
    /// A colored pill.
    Chip(String, Tone),
    /// Plain text.
    Text(String),
}

/// Entry of the status line: appends its current parts.
pub type HudEntry = fn(&World, &mut Vec<HudPart>);

/// All entries of the status line with their positions, sorted.
#[derive(Resource, Default)]
struct HudEntries(Vec<(u32, HudEntry)>);

/// Adds `entry` to the status line at the position `order`: controllers are at 10, the score at 20, the success rate at 40,
/// the speed at 60.
pub fn add_hud_entry(app: &mut App, order: u32, entry: HudEntry) {
    let mut entries = app.world_mut().get_resource_or_init::<HudEntries>();
    entries.0.push((order, entry));
    entries.0.sort_by_key(|(order, _)| *order);
}

/// Progress of the watched arena's current episode: undiscounted return by slot, and steps.
#[derive(Resource, Debug, Clone, Default)]
struct EpisodeProgress {
    returns: Vec<f32>,
    steps: u32,
}

/// Adds the entries that exist in every world. The panel adds [`show`].
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<EpisodeProgress>()
        .init_resource::<Caption>()
        .init_resource::<Modes>()
        .add_systems(SimTick, track_episode.in_set(SimSystems::Record));
    add_hud_entry(app, 0, waiting);
    add_hud_entry(app, 10, controllers);
    add_hud_entry(app, 20, score);
    add_hud_entry(app, 40, success);
    add_hud_entry(app, 50, feedback);
    add_hud_entry(app, 60, speed);
}

fn track_episode(
    watched: Query<(Entity, &AgentSlots, Option<&Arena>), With<Watched>>,
    mut progress: ResMut<EpisodeProgress>,
    mut before: Local<Option<Entity>>,
) {
    let Ok((entity, slots, arena)) = watched.single() else { return };
    if before.replace(entity) != Some(entity) {
        progress.returns.clear();
    }
    progress.returns.resize(slots.slots(), 0.0);
    for (sum, reward) in progress.returns.iter_mut().zip(&slots.rewards) {
        *sum = if slots.end.is_some() { 0.0 } else { *sum + reward };
    }
    progress.steps = match (slots.end, arena) {
        (Some(_), _) => 0,
        (None, Some(arena)) => arena.steps(),
        (None, None) => progress.steps + 1,
    };
}

/// Width below which two chips do not fit side by side, and height of a line of chips, in logical pixels.
const NARROW: f32 = 340.0;
const CHIP_HEIGHT: f32 = 23.0;

/// Space reserved so far: the tallest status line at this width, and the number of lines of the key bar.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    width: f32,
    height: f32,
    key_lines: usize,
}

pub(super) fn show(
    world: &mut World,
    contexts: &mut QueryState<&mut EguiContext, With<PrimaryEguiContext>>,
    mut reserved: Local<Reserved>,
) {
    let Ok(mut context) = contexts.single_mut(world) else { return };
    let context = &context.get_mut().clone();
    let right = world.resource::<ScreenLayout>().right;
    let area = egui::Area::new("hud".into())
        .anchor(egui::Align2::LEFT_BOTTOM, [18.0, -12.0])
        .interactable(false)
        .order(egui::Order::Background);
    let width = (context.viewport_rect().width() - right - 36.0).max(100.0);
    let shown = area.show(context, |ui| {
        ui.set_max_width(width);
        ui.spacing_mut().item_spacing = egui::vec2(6.0, 5.0);
        status(ui, world, width, &mut reserved);
        keys(ui, world, &mut reserved);
    });
    messages(context, world);
    let bottom = (shown.response.rect.height() + 6.0).ceil();
    let mut screen = world.resource_mut::<ScreenLayout>();
    if screen.bottom != bottom {
        screen.bottom = bottom;
    }
}

/// The status line. It never shrinks, so the stage above does not move when the text changes.
fn status(ui: &mut egui::Ui, world: &World, width: f32, reserved: &mut Reserved) {
    let top = ui.cursor().top();
    let mut parts = Vec::new();
    for (_, entry) in &world.resource::<HudEntries>().0 {
        entry(world, &mut parts);
    }
    ui.horizontal_wrapped(|ui| {
        for part in parts {
            match part {
                HudPart::Chip(text, color) => _ = chip(ui, &text, color),
                HudPart::Text(text) => {
                    unbroken(ui, width, RichText::new(text).color(tone(palette::INK)));
                    ui.add_space(6.0);
                }
            }
        }
    });
    if let Some(notice) = world.get_resource::<LevelNotice>().and_then(|notice| notice.0.as_ref()) {
        ui.label(RichText::new(notice).small().color(tone(palette::AMBER)));
    }
    if (reserved.width - width).abs() > 0.5 {
        *reserved = Reserved { width, ..Reserved::default() };
    }
    let height = ui.cursor().top() - top;
    // Where every chip takes a line, reserve one for the waiting notice that appears when a person joins.
    let multiplayer = world.get_resource::<Spec>().is_some_and(|spec| spec.slots() > 1);
    let first = reserved.height == 0.0 && width < NARROW && multiplayer;
    reserved.height = reserved.height.max(if first { height + CHIP_HEIGHT } else { height });
    ui.add_space(reserved.height - height);
}

/// The key bar.
fn keys(ui: &mut egui::Ui, world: &World, reserved: &mut Reserved) {
    let (registry, bindings) = (world.resource::<KeyRegistry>(), world.resource::<Bindings>());
    let commands = keybar::commands(world, world.resource::<EscHint>().0);
    let (current, others) =
        world.get_resource::<keybar::PlayerKeys>().map_or_else(default, |keys| (keys.0)(world));
    let with = |player: Vec<keybar::KeyEntry>| player.into_iter().chain(commands.iter().cloned()).collect();
    let others: Vec<Vec<keybar::KeyEntry>> = others.into_iter().map(with).collect();
    let essential = [bindings.label(time::PAUSE), bindings.label(PANEL), "Esc"];
    let refused = world.resource::<Modes>().refused_keys(registry, bindings);
    keybar::show(ui, &with(current), &others, &essential, &refused, &mut reserved.key_lines);
}

/// Messages over the stage.
fn messages(context: &egui::Context, world: &World) {
    let (screen, bindings) = (world.resource::<ScreenLayout>(), world.resource::<Bindings>());
    let playback = world.resource::<Modes>().on(Mode::Playback);
    let mut top = 0.0;
    if playback || world.get_resource::<Pace>().is_some_and(|pace| pace.paused) {
        let toggle = world.resource::<KeyRegistry>().toggle_of(Mode::Playback).filter(|_| playback);
        top = notices::show_paused(context, screen, toggle, bindings);
    }
    // Where nothing moves any more, the reason stays.
    if let Some(text) = Failure::of(world).or(world.get_resource::<Toast>().and_then(Toast::text)) {
        notices::show_toast(context, screen, text, top);
    }
}

/// Adds `text` without a line break in it, unless it is wider than a whole line.
fn unbroken(ui: &mut egui::Ui, width: f32, text: RichText) {
    let label = egui::Label::new(text.clone()).extend();
    let font = egui::TextStyle::Body.resolve(ui.style());
    let wide = ui
        .fonts_mut(|fonts| fonts.layout_no_wrap(text.text().to_owned(), font, egui::Color32::WHITE).size().x);
    if wide < width {
        ui.add(label);
    } else {
        ui.end_row();
        ui.add(egui::Label::new(text).wrap());
    }
}

/// Why the learner receives no experience.
fn waiting(world: &World, parts: &mut Vec<HudPart>) {
    let reason = world.get_resource::<Waiting>().and_then(|waiting| waiting.0);
    parts.extend(reason.map(|reason| HudPart::Chip(reason.to_owned(), palette::AMBER)));
}

/// Controllers of the watched arena.
fn controllers(world: &World, parts: &mut Vec<HudPart>) {
    let (Some(spec), Some(assignment)) =
        (world.get_resource::<Spec>(), world.get_resource::<ControllerAssignment>())
    else {
        return;
    };
    for (slot, controller) in assignment.watched.iter().enumerate() {
        let name = controller_name(controller);
        let name = if spec.slots() > 1 { format!("{}: {name}", slot_name(&spec.teams, slot)) } else { name };
        parts.push(HudPart::Chip(name, palette::of(controller)));
    }
}

/// Score or return of the current episode; playback shows its own.
fn score(world: &World, parts: &mut Vec<HudPart>) {
    let Some(spec) = world.get_resource::<Spec>() else { return };
    if world.resource::<Modes>().on(Mode::Playback) {
        return;
    }
    let text = world.resource::<Caption>().0.clone().unwrap_or_else(|| {
        let progress = world.resource::<EpisodeProgress>();
        let left = spec.limit().map(|limit| limit.saturating_sub(progress.steps));
        let left = left.map_or_else(String::new, |left| format!(", {left} steps left"));
        format!("return {:+.2}{left}", progress.returns.first().copied().unwrap_or(0.0))
    });
    parts.push(HudPart::Text(text));
}

/// Numbers of praised and blamed steps.
fn feedback(world: &World, parts: &mut Vec<HudPart>) {
    if let Some(feedback) = world.get_resource::<HumanFeedback>().filter(|feedback| feedback.counts != [0, 0])
    {
        let [praised, blamed] = feedback.counts;
        parts.push(HudPart::Text(format!("praised {praised}, blamed {blamed}")));
    }
}

/// Recent success rate of the agent.
fn success(world: &World, parts: &mut Vec<HudPart>) {
    let arenas = world.get_resource::<SimConfig>().map_or(1, |sim| sim.arenas);
    parts.extend(
        world.get_resource::<History>().and_then(|history| success_rate(history, arenas)).map(HudPart::Text),
    );
}

/// Success rate over recent episodes. Short episodes end first, so a rate is shown only after about two episodes per
/// arena.
fn success_rate(history: &History, arenas: usize) -> Option<String> {
    let success = history.curve(SUCCESS);
    let count = success.0.len();
    if count == 0 {
        return None;
    }
    if count < (2 * arenas).clamp(MIN_EPISODES, RECENT) {
        return Some(format!("{count} episode{} so far", if count == 1 { "" } else { "s" }));
    }
    let recent: Vec<f64> = success.0.iter().rev().take(RECENT).map(|point| point[1]).collect();
    let share = 100.0 * recent.iter().sum::<f64>() / recent.len() as f64;
    Some(format!("{share:.0} % success over the last {} episodes", recent.len()))
}

/// Speed and number of arenas.
fn speed(world: &World, parts: &mut Vec<HudPart>) {
    let speed = world.get_resource::<Pace>().map_or(String::new(), |pace| {
        if pace.unlimited { "max speed".into() } else { format!("{}×", pace.speed) }
    });
    let arenas = world.get_resource::<SimConfig>().map_or(0, |sim| sim.arenas);
    let text = if arenas > 1 { format!("{arenas} arenas at {speed}") } else { speed };
    parts.extend((!text.is_empty()).then_some(HudPart::Text(text)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::history::Series;

    #[test]
    fn first_episodes_are_counted_before_a_success_rate_is_shown() {
        let after = |count: usize| {
            let points = Series((0..count).map(|index| [index as f64, 1.0]).collect());
            success_rate(&History::default().with(SUCCESS, points), 32).unwrap_or_default()
        };
        let first = [after(0), after(1), after(4), after(63)];
        assert_eq!(first, ["", "1 episode so far", "4 episodes so far", "63 episodes so far"]);
        assert_eq!(after(64), "100 % success over the last 64 episodes");
        assert_eq!(after(500), "100 % success over the last 100 episodes");
    }
}
