//! HUD: the keys of the running world, who plays, and how the watched episode goes.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::RichText;

use super::banner::banner;
use super::layers::Esc;
use super::playing::{side, title};
use super::theme::tone;
use super::widgets::{chip, key};
use crate::agent::compare::Comparison;
use crate::agent::hints::Hints;
use crate::agent::history::History;
use crate::agent::lookback::{LookBack, Past};
use crate::agent::rounds::{Rounds, has_sides};
use crate::agent::seating::{Seat, Seating};
use crate::agent::waiting::Waiting;
use crate::agent::{Casting, Controller};
use crate::sim::arena::{Caption, EnvironmentHooks, Spec};
use crate::sim::pace::Pace;
use crate::sim::worlds::rooms::Rooms;
use crate::sim::worlds::rooms::reload::LevelNotice;
use crate::sim::{Arena, Seats, SimConfig, SimSystems, SimTick};
use crate::view::bindings::{Bindings, Command};
use crate::view::editor::Editor;
use crate::view::{Notice, Screen, input, palette};

/// Episodes the success rate is taken over.
const RECENT: usize = 100;

/// Rewards of the watched arena's open episode, by slot.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Tally(Vec<f32>);

/// Adds the tally; [`show`] is added by the panel.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Tally>()
        .init_resource::<Caption>()
        .add_systems(SimTick, tally.in_set(SimSystems::Record));
}

fn tally(seats: Query<&Seats>, mut tally: ResMut<Tally>) {
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
    casting: Option<Res<'w, Casting>>,
    history: Option<Res<'w, History>>,
    tally: Res<'w, Tally>,
    caption: Res<'w, Caption>,
    notice: Option<Res<'w, LevelNotice>>,
    told: Res<'w, Notice>,
    bindings: Res<'w, Bindings>,
    rooms: Option<Res<'w, Rooms>>,
    comparison: Option<Res<'w, Comparison>>,
    looking: Option<Res<'w, LookBack>>,
    past: Option<Res<'w, Past>>,
    rounds: Option<Res<'w, Rounds>>,
    seating: Option<Res<'w, Seating>>,
    hints: Option<Res<'w, Hints>>,
    waiting: Option<Res<'w, Waiting>>,
    esc: Res<'w, Esc>,
    hooks: Option<Res<'w, EnvironmentHooks>>,
    editor: Option<Res<'w, Editor>>,
    arenas: Query<'w, 's, &'static Arena>,
}

pub(super) fn show(mut contexts: EguiContexts, mut screen: ResMut<Screen>, facts: Facts) -> Result {
    let Facts { spec, sim, pace, casting, history, tally, caption, notice, told, bindings, .. } = &facts;
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
        ui.horizontal_wrapped(|ui| {
            if let Some(reason) = waits {
                chip(ui, reason, palette::AMBER);
            }
            let seats = casting.iter().flat_map(|casting| &casting.watched).enumerate();
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
            let parts = [score, played(rounds.as_deref()), lately(history.as_deref()), said];
            for part in parts.into_iter().chain([time(pace.as_deref(), sim.as_deref())]) {
                if !part.is_empty() {
                    ui.label(RichText::new(part).color(tone(palette::INK)));
                    ui.add_space(6.0);
                }
            }
        });
        if let Some(notice) = notice.as_ref().and_then(|notice| notice.0.as_ref()) {
            ui.label(RichText::new(notice).small().color(tone(palette::AMBER)));
        }
        ui.horizontal_wrapped(|ui| {
            let leads = hooks.as_ref().is_some_and(|hooks| hooks.leads);
            let there = [rooms.is_some(), comparison.is_some(), looking.is_some(), editor.is_some(), leads];
            let people = casting.as_deref().zip(seating.as_deref());
            for (keys, meaning) in commands(spec, people, &screen, bindings, there, facts.esc.0) {
                stay_together(ui, &keys, &meaning);
                for name in keys {
                    key(ui, name);
                }
                ui.label(RichText::new(meaning).small().color(tone(palette::MUTED)));
                ui.add_space(2.0);
            }
        });
    });
    // Over the worlds, so that nothing moves to make room for it.
    if let Some(text) = told.text() {
        egui::Area::new("notice".into())
            .anchor(egui::Align2::CENTER_TOP, [-screen.right / 2.0, 12.0])
            .interactable(false)
            .order(egui::Order::Foreground)
            .show(context, |ui| {
                let plate = egui::Frame::new().fill(tone(palette::SLATE)).corner_radius(8.0);
                plate.inner_margin(egui::Margin::symmetric(12, 6)).show(ui, |ui| {
                    ui.label(RichText::new(text).color(tone(palette::AMBER)));
                });
            });
    }
    let ended = rounds.as_ref().and_then(|rounds| rounds.ended.as_ref());
    if let Some(ended) = ended.filter(|_| comparison.is_none() && looking.is_none()) {
        let plays = casting.as_ref().is_some_and(|casting| casting.watched.contains(&Controller::Human));
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

fn score(spec: &Spec, watched: Option<&Arena>, caption: &Caption, tally: &Tally) -> String {
    let Some(arena) = watched else { return String::new() };
    caption.0.clone().unwrap_or_else(|| {
        let left = spec.episode_limit.saturating_sub(arena.steps());
        format!("return {:+.2}   {left} steps left", tally.0.first().copied().unwrap_or(0.0))
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
fn hinted(hints: Option<&Hints>) -> String {
    hints.filter(|hints| hints.counts != [0, 0]).map_or(String::new(), |hints| {
        let [praised, blamed] = hints.counts;
        format!("praised {praised}, blamed {blamed}")
    })
}

fn lately(history: Option<&History>) -> String {
    let Some(history) = history.filter(|history| !history.success.0.is_empty()) else { return String::new() };
    let recent: Vec<f64> = history.success.0.iter().rev().take(RECENT).map(|point| point[1]).collect();
    let share = recent.iter().sum::<f64>() / recent.len() as f64;
    format!("success {:.0} % of the last {}", share * 100.0, recent.len())
}

fn time(pace: Option<&Pace>, sim: Option<&SimConfig>) -> String {
    let speed = pace.map_or(String::new(), |pace| {
        if pace.unlimited { "max speed".into() } else { format!("{}×", pace.speed) }
    });
    let arenas = sim.map_or(0, |sim| sim.arenas);
    if arenas > 1 { format!("{arenas} arenas run, {speed}") } else { speed }
}

/// Begins a new line where `keys` and their `meaning` would not fit into what is left of this one.
fn stay_together(ui: &mut egui::Ui, keys: &[&str], meaning: &str) {
    let font = egui::TextStyle::Small.resolve(ui.style());
    let width = |text: &str| {
        let text = text.to_owned();
        ui.fonts_mut(|fonts| fonts.layout_no_wrap(text, font.clone(), egui::Color32::WHITE).size().x)
    };
    let gap = ui.spacing().item_spacing.x;
    // A key has five units of rim on both sides.
    let keys: f32 = keys.iter().map(|key| width(key) + 10.0 + gap).sum();
    if keys + width(meaning) > ui.available_size_before_wrap().x {
        ui.end_row();
    }
}

/// What the key of `seat` does now; `None` where there is no such seat.
fn sitting(seat: Seat, spec: &Spec, casting: &Casting, seating: &Seating) -> Option<&'static str> {
    let (alone, sides) = (spec.slots() == 1, has_sides(spec));
    if seating.taken(seat, spec, casting).is_some() {
        return Some(if alone { "give back" } else { "stop playing" });
    }
    seating.offered(seat, spec, casting)?;
    let somebody = casting.watched.contains(&Controller::Human);
    Some(match seat {
        Seat::Opposite if alone => "take over",
        _ if somebody => "a second person plays",
        Seat::Opposite if sides => "play against the agent",
        Seat::Opposite => "play with the agent",
        Seat::Agents if sides => "play in the agent's place",
        Seat::Agents => "play in the second seat",
    })
}

/// Keys and what they do now.
fn commands(
    spec: &Spec,
    people: Option<(&Casting, &Seating)>,
    screen: &Screen,
    bindings: &Bindings,
    [rooms, compared, looking, editing, leads]: [bool; 5],
    esc: &str,
) -> Vec<(Vec<&'static str>, String)> {
    let mut lines = Vec::new();
    if let Some((casting, seating)) = people {
        let human = |slot: usize| casting.watched.get(slot) == Some(&Controller::Human);
        for slot in (0..spec.slots()).filter(|&slot| human(slot)) {
            let hands = input::hands(casting, slot);
            let actions = spec.action.names();
            let keys = (0..2)
                .filter(|&hand| hands[hand])
                .flat_map(|hand| input::labels(actions, hand, bindings))
                .collect();
            let alone = hands == [true, true];
            lines.push((keys, if alone { "move".into() } else { side(&spec.teams, slot) }));
        }
        for (seat, command) in Seat::ALL.into_iter().zip(input::SEATS) {
            if let Some(meaning) = sitting(seat, spec, casting, seating) {
                lines.push((vec![bindings.label(command)], meaning.to_owned()));
            }
        }
    }
    let zoom = if screen.zoomed_out { "one arena" } else { "many arenas" };
    let name = |command| bindings.label(command);
    for (keys, meaning) in [
        (vec![name(Command::Pause)], "pause"),
        (vec![name(Command::Step)], "step"),
        (vec![name(Command::Faster), name(Command::Slower)], "speed"),
        (vec![name(Command::Max)], "max"),
        (vec![name(Command::Restart)], "restart"),
        (vec![name(Command::Praise), name(Command::Blame)], "praise, blame"),
        (vec![name(Command::Compare)], if compared { "back" } else { "then and now" }),
        (vec![name(Command::LookBack)], if looking { "back to now" } else { "look back" }),
        (vec![name(Command::Values)], "values"),
        (if leads { vec![name(Command::Ways)] } else { Vec::new() }, "way ahead"),
        (if rooms { vec![name(Command::Map)] } else { Vec::new() }, "values on the map"),
        (
            if rooms { vec![name(Command::Edit)] } else { Vec::new() },
            if editing { "done with the map" } else { "edit the map" },
        ),
        (vec![name(Command::Zoom)], zoom),
        (vec![name(Command::Picture)], "picture"),
        (vec![name(Command::Record)], "record"),
        (vec![name(Command::Panel)], "panel"),
        (vec!["Esc"], esc),
    ] {
        if !keys.is_empty() {
            lines.push((keys, meaning.to_owned()));
        }
    }
    lines
}
