//! Playing: time, arenas, who sits where. What the watched agent thinks is left to `mind`.

use std::path::Path;

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::theme::tone;
use super::widgets::{check, figure, list, note, row, section};
use super::{saliency, values};
use crate::agent::feedback::{HINT_RANGE, HumanFeedback};
use crate::agent::reaction::ReactionDelay;
use crate::agent::{Controller, ControllerAssignment, FrozenPolicies, WatchedDecisions};
use crate::insight::playback::{self, Past, Playback};
use crate::insight::rounds::Rounds;
use crate::insight::saliency::WatchedSaliency;
use crate::insight::seating::Seating;
use crate::insight::values::{OverlaySettings, ValueEstimates};
use crate::sim::SimConfig;
use crate::sim::arena::{EnvironmentHooks, Spec};
use crate::sim::pace::{Pace, SPEED_RANGE};
use crate::sim::worlds::rooms::Rooms;
use crate::view::bindings::{Bindings, Command};
use crate::view::modes::Modes;
use crate::view::palette;

/// Most arenas the panel offers.
const MOST_ARENAS: usize = 256;

/// What is being edited and not yet in force.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Drafts {
    arenas: Option<usize>,
    folder: String,
    /// What went wrong with a checkpoint.
    pub error: String,
}

/// What these sections read and write.
#[derive(SystemParam)]
pub(super) struct Playing<'w, 's> {
    commands: Commands<'w, 's>,
    spec: Res<'w, Spec>,
    sim: Option<Res<'w, SimConfig>>,
    pace: Option<ResMut<'w, Pace>>,
    assignment: Option<ResMut<'w, ControllerAssignment>>,
    frozen: Option<ResMut<'w, FrozenPolicies>>,
    thoughts: Option<Res<'w, WatchedDecisions>>,
    mind: Option<Res<'w, ValueEstimates>>,
    insight: Option<ResMut<'w, OverlaySettings>>,
    sights: Option<Res<'w, WatchedSaliency>>,
    hints: Option<ResMut<'w, HumanFeedback>>,
    reaction: Option<ResMut<'w, ReactionDelay>>,
    rounds: Option<ResMut<'w, Rounds>>,
    seating: Option<ResMut<'w, Seating>>,
    past: Option<Res<'w, Past>>,
    looking: Option<ResMut<'w, Playback>>,
    rooms: Option<Res<'w, Rooms>>,
    hooks: Option<Res<'w, EnvironmentHooks>>,
    modes: Res<'w, Modes>,
    bindings: Res<'w, Bindings>,
    drafts: ResMut<'w, Drafts>,
}

impl Playing<'_, '_> {
    /// Pause, step, speed, number of arenas.
    pub fn time(&mut self, ui: &mut Ui) {
        let compares = self.modes.compares();
        section(ui, "Time", |ui| {
            if let Some(pace) = &mut self.pace {
                steer(ui, pace, self.rounds.as_mut());
            }
            let (Some(sim), drafts) = (&self.sim, &mut self.drafts) else { return };
            let explanation =
                "Worlds that run at once; all feed the same learner. Changing it begins new episodes.";
            row(ui, "arenas", explanation, |ui| {
                let mut arenas = drafts.arenas.unwrap_or(sim.arenas);
                let value =
                    egui::DragValue::new(&mut arenas).range(1..=MOST_ARENAS).update_while_editing(false);
                let fixed = "As many as ages are compared, until then and now is closed.";
                let response = ui.add_enabled(!compares, value).on_disabled_hover_text(fixed);
                let response = response.on_hover_text(explanation);
                if response.dragged() {
                    drafts.arenas = Some(arenas);
                } else if response.drag_stopped() || response.changed() {
                    drafts.arenas = None;
                    if arenas != sim.arenas {
                        self.commands.queue(move |world: &mut World| {
                            if let Some(hooks) = world.get_resource::<EnvironmentHooks>().copied() {
                                (hooks.populate)(world, arenas);
                            }
                        });
                    }
                }
            });
        });
    }

    /// The last episodes, step by step.
    pub fn looking_back(&mut self, ui: &mut Ui) {
        let Some(past) = &self.past else { return };
        let (episodes, commands, looking) = (&past.episodes, &mut self.commands, &mut self.looking);
        let (edits, compares) = (self.modes.edits(), self.modes.compares());
        section(ui, "Look back", |ui| {
            let name = |index: usize| {
                let episode = &episodes[index];
                let end = if episode.success { ", success" } else { "" };
                let which = match episodes.len() - 1 - index {
                    0 => "last one".to_owned(),
                    ago => format!("{} before", ago),
                };
                format!("{which}: {:+.2}, {} steps{end}", episode.episode_return, episode.steps())
            };
            let shown =
                looking.as_ref().map(|looking| looking.episode).filter(|index| *index < episodes.len());
            // There before the first episode is: what lies below stays where it is.
            let none = if episodes.is_empty() { "no episode has ended yet" } else { "an episode …" };
            let chosen = shown.map_or_else(|| none.to_owned(), name);
            let width = ui.available_width() - 8.0;
            let list = list("past", chosen, width);
            let list = ui.add_enabled_ui(!episodes.is_empty() && !edits && !compares, |ui| {
                list.show_ui(ui, |ui| {
                    for index in (0..episodes.len()).rev() {
                        if ui.selectable_label(shown == Some(index), name(index)).clicked() {
                            commands.queue(move |world: &mut World| playback::look(world, index, 0));
                        }
                    }
                });
            });
            list.response.on_hover_text(
                "The last episodes of the watched arena, as they were, with what was thought then. Key: L",
            );
            let (Some(looking), Some(index)) = (looking, shown) else { return };
            ui.horizontal(|ui| {
                let mut step = looking.step;
                ui.spacing_mut().slider_width = 116.0;
                if ui.add(egui::Slider::new(&mut step, 0..=episodes[index].steps())).changed() {
                    looking.playing = false;
                    commands.queue(move |world: &mut World| playback::look(world, index, step));
                }
                if ui.button(if looking.playing { "Stop" } else { "Play" }).clicked() {
                    looking.playing = !looking.playing;
                    if looking.step >= episodes[index].steps() {
                        commands.queue(move |world: &mut World| playback::look(world, index, 0));
                    }
                }
                if ui.button("Now").on_hover_text("Back to the present.").clicked() {
                    commands.queue(playback::toggle);
                }
            });
        });
    }

    /// Controllers of the watched arena and of the others.
    pub fn players(&mut self, ui: &mut Ui) {
        let (Some(assignment), drafts) = (&mut self.assignment, &mut *self.drafts) else { return };
        let names: Vec<String> =
            self.frozen.iter().flat_map(|frozen| frozen.0.keys()).map(ToString::to_string).collect();
        let slots = self.spec.slots();
        let compares = self.modes.compares();
        section(ui, "Players", |ui| {
            if compares {
                let text = "Seats are fixed while then and now is open.";
                ui.label(RichText::new(text).small().color(tone(palette::MUTED)));
                ui.disable();
            }
            for slot in 0..slots {
                for (watched, arena) in [(true, "watched arena"), (false, "other arenas")] {
                    let seats = if watched { &assignment.watched } else { &assignment.others };
                    let Some(now) = seats.get(slot) else { continue };
                    let name = if slots > 1 {
                        format!("{arena}, {}", side(&self.spec.teams, slot))
                    } else {
                        arena.to_owned()
                    };
                    let mut chosen = now.clone();
                    row(ui, &name, "Who plays this seat.", |ui| {
                        choose(ui, (slot, watched), &mut chosen, &names)
                    });
                    if chosen != *now {
                        let seats = if watched { &mut assignment.watched } else { &mut assignment.others };
                        seats[slot] = chosen;
                    }
                }
            }
            if let Some(seating) = self.seating.as_mut().filter(|_| self.spec.has_sides()) {
                let explanation =
                    "Who plays on the left plays on the right from now on, and the other way round.";
                if ui.button("Swap sides").on_hover_text(explanation).clicked() {
                    seating.swap(&self.spec, assignment);
                }
            }
            if let Some(reaction) = &mut self.reaction
                && slots > 1
            {
                let explanation = "How late all other players act on what they see while you play in the watched arena. A \
                                   quick person needs 0.15 s; without it agents would be faster than anybody.";
                row(ui, "reaction time of others", explanation, |ui| {
                    let step = self.spec.tick_seconds * self.spec.ticks_per_step as f32;
                    let mut steps = reaction.steps;
                    ui.spacing_mut().slider_width = 74.0;
                    let slider = egui::Slider::new(&mut steps, 0..=ReactionDelay::MOST);
                    let slider = slider.custom_formatter(|steps, _| format!("{:.2} s", steps as f32 * step));
                    if ui.add(slider).on_hover_text(explanation).changed() {
                        reaction.steps = steps;
                    }
                });
            }
            if let Some(hints) = &mut self.hints {
                let explanation = "Reward of a step in which you hold P (praise), and penalty of one in which you hold B (blame). Only \
                     the learner hears of it: the returns shown stay the world's own.";
                row(ui, "praise and blame", explanation, |ui| {
                    let mut size = hints.size;
                    ui.spacing_mut().slider_width = 74.0;
                    let slider = egui::Slider::new(&mut size, HINT_RANGE).logarithmic(true).max_decimals(2);
                    if ui.add(slider).on_hover_text(explanation).changed() {
                        hints.size = size;
                    }
                    let [praised, blamed] = hints.counts;
                    figure(ui, &format!("+{praised} −{blamed}"), "Steps praised, and steps blamed.");
                });
            }
            let Some(frozen) = &mut self.frozen else { return };
            ui.horizontal(|ui| {
                let field =
                    egui::TextEdit::singleline(&mut drafts.folder).hint_text("checkpoint to play against");
                ui.add(field.desired_width(ui.available_width() - 62.0));
                let there = !drafts.folder.trim().is_empty();
                let add = ui.add_enabled(there, egui::Button::new("Add"));
                if add
                    .on_hover_text("Loads a policy that plays and does not learn; then choose it above.")
                    .clicked()
                {
                    drafts.error.clear();
                    if let Err(error) = frozen.load(Path::new(drafts.folder.trim()), &self.spec) {
                        drafts.error = error.to_string();
                    }
                }
            });
            if !drafts.error.is_empty() {
                note(ui, &drafts.error, palette::ROSE, 6);
            }
        });
    }

    /// What the watched agent thinks.
    pub fn thoughts(&mut self, ui: &mut Ui) {
        let (Some(thoughts), Some(assignment)) = (&self.thoughts, &self.assignment) else { return };
        let mut insight = self.insight.as_deref().copied();
        let offered = values::Offered {
            maps: self.rooms.is_some(),
            ways: self.hooks.as_ref().is_some_and(|hooks| hooks.leads),
            refused: self.modes.refusal(Command::Map, &self.bindings),
        };
        values::show(ui, &self.spec, thoughts, assignment, self.mind.as_deref(), insight.as_mut(), offered);
        if let Some(sights) = &self.sights {
            saliency::show(ui, &self.spec, sights);
        }
        // Written only on change: the learner is told of every news.
        if let (Some(kept), Some(insight)) = (&mut self.insight, insight) {
            kept.set_if_neq(insight);
        }
    }
}

fn steer(ui: &mut Ui, pace: &mut ResMut<Pace>, rounds: Option<&mut ResMut<Rounds>>) {
    ui.horizontal(|ui| {
        let rounds = rounds.filter(|rounds| rounds.ended.is_some() && !pace.paused);
        let text = match &rounds {
            Some(_) => "Next round",
            None if pace.paused => "Go on",
            None => "Pause",
        };
        if ui.add_sized([84.0, 24.0], egui::Button::new(text)).on_hover_text("Space").clicked() {
            match rounds {
                Some(rounds) => _ = rounds.go_on(),
                None => pace.paused = !pace.paused,
            }
        }
        let step = ui.add_enabled(pace.paused, egui::Button::new("Single step"));
        if step.on_hover_text("One agent step of every arena, while paused. Key: .").clicked() {
            pace.single_steps += 1;
        }
        let mut unlimited = pace.unlimited;
        let explanation = "As fast as the frame's budget allows, whatever the speed says. Key: M";
        if check(ui, &mut unlimited, "max").on_hover_text(explanation).changed() {
            pace.unlimited = unlimited;
        }
    });
    let explanation = "Simulated seconds per real second.";
    row(ui, "speed", explanation, |ui| {
        let mut speed = pace.speed;
        let slider = egui::Slider::new(&mut speed, SPEED_RANGE[0]..=SPEED_RANGE[1]).logarithmic(true);
        let slider = slider.custom_formatter(|value, _| match value {
            value if value < 0.995 => format!("{value:.2}×"),
            value => format!("{value:.1}×"),
        });
        if ui.add_enabled(!pace.unlimited, slider).on_hover_text(explanation).changed() {
            pace.speed = speed.clamp(SPEED_RANGE[0], SPEED_RANGE[1]);
        }
    });
}

fn choose(ui: &mut Ui, (slot, watched): (usize, bool), chosen: &mut Controller, frozen: &[String]) {
    let text = RichText::new(title(chosen)).color(tone(palette::of(chosen)));
    list(("controller", slot, watched), text, 124.0).show_ui(ui, |ui| {
        let mut offer = |controller: Controller, explanation: &str| {
            let text = RichText::new(title(&controller)).color(tone(palette::of(&controller)));
            ui.selectable_value(chosen, controller, text).on_hover_text(explanation);
        };
        offer(Controller::Learning, "The policy that is being learned; its steps are recorded.");
        if watched {
            offer(Controller::Human, "You, at the keyboard; your steps are recorded as well.");
        }
        offer(Controller::Scripted, "The world's hand-written player.");
        offer(Controller::Random, "Every action equally often.");
        for name in frozen {
            offer(Controller::Frozen(name.clone()), name);
        }
    });
}

/// A controller's name for people.
pub(super) fn title(controller: &Controller) -> String {
    match controller {
        Controller::Human => "you".into(),
        Controller::Learning => "the agent (learning)".into(),
        Controller::Scripted => "built-in bot".into(),
        Controller::Random => "random".into(),
        Controller::Frozen(name) => earlier(name),
    }
}

/// The same within a sentence.
pub(super) fn brief(controller: &Controller) -> String {
    match controller {
        Controller::Learning => "the agent".into(),
        Controller::Scripted => "the built-in bot".into(),
        Controller::Random => "the random player".into(),
        Controller::Frozen(_) => {
            let title = title(controller);
            if title.starts_with("the ") { title } else { format!("the {title}") }
        }
        Controller::Human => title(controller),
    }
}

/// An agent that does not learn: at an earlier age, the one that comes with the arcade, or one from a folder.
fn earlier(name: &str) -> String {
    let age = name.strip_prefix("minute ").or_else(|| name.strip_prefix("second "));
    if age.is_some_and(|age| age.bytes().all(|byte| byte.is_ascii_digit())) {
        return format!("the agent at {name}");
    }
    let short = Path::new(name).file_name().map_or_else(|| name.into(), |short| short.to_string_lossy());
    match name {
        "now" => "the agent now".into(),
        "trained" => "trained agent".into(),
        _ => format!("agent from {short}"),
    }
}

/// With a large first letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// The name for people of a slot whose side `teams` tells: left or right, numbered where a side has several; only a number
/// where all are on one side.
pub(super) fn side(teams: &[usize], slot: usize) -> String {
    if teams.iter().all(|team| Some(team) == teams.first()) {
        return format!("player {}", slot + 1);
    }
    let name = if teams.get(slot) == teams.first() { "left" } else { "right" };
    let mates = |slots: &[usize]| slots.iter().filter(|&team| teams.get(slot) == Some(team)).count();
    if mates(teams) > 1 { format!("{name} {}", mates(&teams[..=slot])) } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_called_what_a_newcomer_would_call_them() {
        for (controller, alone, within) in [
            (Controller::Human, "you", "you"),
            (Controller::Learning, "the agent (learning)", "the agent"),
            (Controller::Scripted, "built-in bot", "the built-in bot"),
            (Controller::Random, "random", "the random player"),
            (Controller::Frozen("minute 5".into()), "the agent at minute 5", "the agent at minute 5"),
            (Controller::Frozen("trained".into()), "trained agent", "the trained agent"),
            (Controller::Frozen("runs/lava".into()), "agent from lava", "the agent from lava"),
        ] {
            assert_eq!((title(&controller).as_str(), brief(&controller).as_str()), (alone, within));
        }
    }
}
