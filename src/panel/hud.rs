//! HUD: the keys of the running world, who plays, and how the watched episode goes.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::RichText;

use super::banner::banner;
use super::layers::Esc;
use super::playing::{side, title};
use super::theme::tone;
use super::widgets::chip;
use super::{help, keybar, notices};
use crate::agent::feedback::HumanFeedback;
use crate::agent::history::History;
use crate::agent::{Controller, ControllerAssignment};
use crate::insight::compare::Comparison;
use crate::insight::playback::{Past, Playback};
use crate::insight::rounds::Rounds;
use crate::insight::seating::Seating;
use crate::insight::waiting::Waiting;
use crate::sim::arena::{Caption, EnvironmentHooks, Spec};
use crate::sim::pace::Pace;
use crate::sim::worlds::rooms::Rooms;
use crate::sim::worlds::rooms::reload::LevelNotice;
use crate::sim::{AgentSlots, Arena, SimConfig, SimSystems, SimTick};
use crate::view::bindings::{Bindings, Command};
use crate::view::editor::Editor;
use crate::view::modes::Modes;
use crate::view::{Notice, Screen, palette};

/// Episodes the success rate is taken over.
const RECENT: usize = 100;
/// Episodes without which no rate is told.
const FEWEST: usize = 20;

/// Rewards of the watched arena's open episode, by slot.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Tally(Vec<f32>);

/// Adds the tally; [`show`] is added by the panel.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Tally>()
        .init_resource::<Caption>()
        .add_systems(SimTick, tally.in_set(SimSystems::Record));
}

fn tally(seats: Query<&AgentSlots>, mut tally: ResMut<Tally>) {
    let Some(seats) = seats.iter().find(|seats| seats.arena == 0) else { return };
    tally.0.resize(seats.slots(), 0.0);
    for (sum, reward) in tally.0.iter_mut().zip(&seats.rewards) {
        *sum = if seats.end.is_some() { 0.0 } else { *sum + reward };
    }
}

/// What the HUD reads.
#[derive(SystemParam)]
pub(super) struct Facts<'w, 's> {
    spec: Res<'w, Spec>,
    sim: Option<Res<'w, SimConfig>>,
    pace: Option<Res<'w, Pace>>,
    assignment: Option<Res<'w, ControllerAssignment>>,
    history: Option<Res<'w, History>>,
    tally: Res<'w, Tally>,
    caption: Res<'w, Caption>,
    notice: Option<Res<'w, LevelNotice>>,
    told: Res<'w, Notice>,
    bindings: Res<'w, Bindings>,
    rooms: Option<Res<'w, Rooms>>,
    comparison: Option<Res<'w, Comparison>>,
    looking: Option<Res<'w, Playback>>,
    past: Option<Res<'w, Past>>,
    rounds: Option<Res<'w, Rounds>>,
    seating: Option<Res<'w, Seating>>,
    hints: Option<Res<'w, HumanFeedback>>,
    waiting: Option<Res<'w, Waiting>>,
    esc: Res<'w, Esc>,
    hooks: Option<Res<'w, EnvironmentHooks>>,
    editor: Option<Res<'w, Editor>>,
    modes: Res<'w, Modes>,
    arenas: Query<'w, 's, &'static Arena>,
}

/// A bar that has no room for two signs beside each other, and the height of a line of signs, in logical pixels.
const NARROW: f32 = 340.0;
const SIGN: f32 = 23.0;

/// What the status line has needed at most, at which width of the bar, and how many lines its keys.
#[derive(Debug, Default)]
pub(super) struct Room {
    width: f32,
    tallest: f32,
    keys: usize,
}

pub(super) fn show(
    mut contexts: EguiContexts,
    mut screen: ResMut<Screen>,
    facts: Facts,
    mut room: Local<Room>,
) -> Result {
    let Facts { spec, sim, pace, assignment, history, tally, caption, notice, told, bindings, .. } = &facts;
    let Facts { rooms, comparison, looking, rounds, arenas, hooks, editor, past, seating, .. } = &facts;
    let waits = facts.waiting.as_ref().and_then(|waiting| waiting.0);
    let context = contexts.ctx_mut()?;
    let watched = arenas.iter().find(|arena| arena.index == 0);
    let area = egui::Area::new("hud".into())
        .anchor(egui::Align2::LEFT_BOTTOM, [18.0, -12.0])
        .interactable(false)
        .order(egui::Order::Background);
    let width = (context.viewport_rect().width() - screen.right - 36.0).max(100.0);
    let shown = area.show(context, |ui| {
        ui.set_max_width(width);
        ui.spacing_mut().item_spacing = egui::vec2(6.0, 5.0);
        let top = ui.cursor().top();
        ui.horizontal_wrapped(|ui| {
            if let Some(reason) = waits {
                chip(ui, reason, palette::AMBER);
            }
            let seats = assignment.iter().flat_map(|assignment| &assignment.watched).enumerate();
            for (slot, controller) in seats {
                let name = title(controller);
                let name =
                    if spec.slots() > 1 { format!("{}: {name}", side(&spec.teams, slot)) } else { name };
                chip(ui, &name, palette::of(controller));
            }
            let episode = looking
                .as_ref()
                .and_then(|looking| Some((looking, past.as_ref()?.episodes.get(looking.episode)?)));
            let score = match episode {
                Some((looking, episode)) => format!(
                    "looking back: step {} of {}, return {:+.2} in the end",
                    looking.step,
                    episode.steps(),
                    episode.episode_return
                ),
                None => score(spec, watched, caption, tally),
            };
            let said = hinted(facts.hints.as_deref());
            let parts = [
                score,
                played(rounds.as_deref()),
                lately(history.as_deref(), sim.as_ref().map_or(1, |sim| sim.arenas)),
                said,
            ];
            for part in parts.into_iter().chain([time(pace.as_deref(), sim.as_deref())]) {
                if !part.is_empty() {
                    whole(ui, width, RichText::new(part).color(tone(palette::INK)));
                    ui.add_space(6.0);
                }
            }
        });
        if let Some(notice) = notice.as_ref().and_then(|notice| notice.0.as_ref()) {
            ui.label(RichText::new(notice).small().color(tone(palette::AMBER)));
        }
        // As high as it has been: the worlds above do not move with every word.
        if (room.width - width).abs() > 0.5 {
            *room = Room { width, ..Room::default() };
        }
        let height = ui.cursor().top() - top;
        // Where a sign fills a line of its own, there is room for one more: people who sit down are told what waits.
        let fresh = room.tallest == 0.0 && width < NARROW && spec.slots() > 1;
        room.tallest = room.tallest.max(if fresh { height + SIGN } else { height });
        ui.add_space(room.tallest - height);
        let leads = hooks.as_ref().is_some_and(|hooks| hooks.leads);
        let there = [rooms.is_some(), comparison.is_some(), looking.is_some(), editor.is_some(), leads];
        let keys = |people| help::commands(spec, people, &screen, bindings, there, facts.esc.0);
        let people = assignment.as_deref().zip(seating.as_deref());
        let others =
            people.map_or(Vec::new(), |(assignment, seating)| help::seatings(spec, assignment, seating));
        let others: Vec<_> =
            others.iter().map(|(assignment, seating)| keys(Some((assignment, seating)))).collect();
        let stay = [bindings.label(Command::Pause), bindings.label(Command::Panel), "Esc"];
        let refused = facts.modes.refused_keys(bindings);
        keybar::show(ui, &keys(people), &others, &stay, &refused, &mut room.keys);
    });
    let mut below = 0.0;
    if pace.as_ref().is_some_and(|pace| pace.paused) || looking.is_some() {
        below = notices::standing(context, &screen, looking.is_some(), bindings);
    }
    if let Some(text) = told.text() {
        notices::say(context, &screen, text, below);
    }
    let ended = rounds.as_ref().and_then(|rounds| rounds.ended.as_ref());
    if let Some(ended) = ended.filter(|_| comparison.is_none() && looking.is_none()) {
        let plays =
            assignment.as_ref().is_some_and(|assignment| assignment.watched.contains(&Controller::Human));
        let on = if plays { "rematch" } else { "go on" };
        let on = format!("{}: {on}", bindings.label(Command::Pause));
        banner(context, &screen, spec, ended, &on);
    }
    let bottom = (shown.response.rect.height() + 6.0).ceil();
    if screen.bottom != bottom {
        screen.bottom = bottom;
    }
    Ok(())
}

/// Keeps `text` in one piece, on the next line if need be; only what is wider than all lines is broken.
fn whole(ui: &mut egui::Ui, width: f32, text: RichText) {
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

fn score(spec: &Spec, watched: Option<&Arena>, caption: &Caption, tally: &Tally) -> String {
    let Some(arena) = watched else { return String::new() };
    caption.0.clone().unwrap_or_else(|| {
        let left = spec.episode_limit.saturating_sub(arena.steps());
        format!("return {:+.2}, {left} steps left", tally.0.first().copied().unwrap_or(0.0))
    })
}

/// Rounds won by either side.
fn played(rounds: Option<&Rounds>) -> String {
    rounds.filter(|rounds| rounds.wins != [0, 0]).map_or(String::new(), |rounds| {
        let [left, right] = rounds.wins;
        format!("rounds {left} : {right}")
    })
}

/// Steps that were praised and blamed.
fn hinted(hints: Option<&HumanFeedback>) -> String {
    hints.filter(|hints| hints.counts != [0, 0]).map_or(String::new(), |hints| {
        let [praised, blamed] = hints.counts;
        format!("praised {praised}, blamed {blamed}")
    })
}

/// How often the agent succeeded lately. Short episodes end first: until each arena has ended some, they say nothing of how
/// often the long ones will.
fn lately(history: Option<&History>, arenas: usize) -> String {
    let Some(history) = history.filter(|history| !history.success.0.is_empty()) else { return String::new() };
    let (count, enough) = (history.success.0.len(), (2 * arenas).clamp(FEWEST, RECENT));
    if count < enough {
        return format!("{count} episode{} so far", if count == 1 { "" } else { "s" });
    }
    let recent: Vec<f64> = history.success.0.iter().rev().take(RECENT).map(|point| point[1]).collect();
    let share = 100.0 * recent.iter().sum::<f64>() / recent.len() as f64;
    format!("success {share:.0} % of the last {} episodes", recent.len())
}

fn time(pace: Option<&Pace>, sim: Option<&SimConfig>) -> String {
    let speed = pace.map_or(String::new(), |pace| {
        if pace.unlimited { "max speed".into() } else { format!("{}×", pace.speed) }
    });
    let arenas = sim.map_or(0, |sim| sim.arenas);
    if arenas > 1 { format!("{arenas} arenas run, {speed}") } else { speed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::history::Series;

    #[test]
    fn no_rate_of_success_is_told_of_the_first_few_episodes() {
        let after = |count: usize| {
            let success = Series((0..count).map(|index| [index as f64, 1.0]).collect());
            lately(Some(&History { success, ..History::default() }), 32)
        };
        let first = [after(0), after(1), after(4), after(63)];
        assert_eq!(first, ["", "1 episode so far", "4 episodes so far", "63 episodes so far"]);
        assert_eq!(after(64), "success 100 % of the last 64 episodes");
        assert_eq!(after(500), "success 100 % of the last 100 episodes");
    }
}
