//! Time: pause, single step, speed, and number of arenas.

use bevy::prelude::*;
use bevy_egui::egui::{self, Ui};

use super::section::{AddPanelSection as _, order};
use super::widgets::{check, row, section};
use crate::insight::rounds::Rounds;
use crate::sim::SimConfig;
use crate::sim::arena::EnvironmentHooks;
use crate::sim::pace::{Pace, SPEED_RANGE};
use crate::view::modes::Modes;

/// Most arenas that the panel offers.
const MAX_ARENAS: usize = 256;

/// Number of arenas while it is being dragged, not applied yet.
#[derive(Resource, Debug, Clone, Default)]
struct PendingArenas(Option<usize>);

/// Adds the section.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<PendingArenas>().add_panel_section(order::TIME, time);
}

/// The section.
fn time(
    InMut(ui): InMut<Ui>,
    mut commands: Commands,
    modes: Res<Modes>,
    sim: Option<Res<SimConfig>>,
    mut pace: Option<ResMut<Pace>>,
    mut rounds: Option<ResMut<Rounds>>,
    mut pending: ResMut<PendingArenas>,
) {
    let comparing = modes.comparing();
    section(ui, "Time", |ui| {
        if let Some(pace) = &mut pace {
            controls(ui, pace, rounds.as_mut());
        }
        let Some(sim) = sim else { return };
        let explanation = "Number of arenas that run in parallel and train the same agent. Changing it starts new episodes.";
        row(ui, "arenas", explanation, |ui| {
            let mut arenas = pending.0.unwrap_or(sim.arenas);
            let value = egui::DragValue::new(&mut arenas).range(1..=MAX_ARENAS).update_while_editing(false);
            let fixed = "Fixed while then and now is open.";
            let response = ui.add_enabled(!comparing, value).on_disabled_hover_text(fixed);
            let response = response.on_hover_text(explanation);
            if response.dragged() {
                pending.0 = Some(arenas);
            } else if response.drag_stopped() || response.changed() {
                pending.0 = None;
                if arenas != sim.arenas {
                    commands.queue(move |world: &mut World| {
                        if let Some(hooks) = world.get_resource::<EnvironmentHooks>().copied() {
                            (hooks.populate)(world, arenas);
                        }
                    });
                }
            }
        });
    });
}

fn controls(ui: &mut Ui, pace: &mut ResMut<Pace>, rounds: Option<&mut ResMut<Rounds>>) {
    ui.horizontal(|ui| {
        let rounds = rounds.filter(|rounds| rounds.ended.is_some() && !pace.paused);
        let text = match &rounds {
            Some(_) => "Next round",
            None if pace.paused => "Resume",
            None => "Pause",
        };
        if ui.add_sized([84.0, 24.0], egui::Button::new(text)).on_hover_text("Space").clicked() {
            match rounds {
                Some(rounds) => _ = rounds.next_round(),
                None => pace.paused = !pace.paused,
            }
        }
        let step = ui.add_enabled(pace.paused, egui::Button::new("Single step"));
        if step.on_hover_text("One agent step of every arena, while paused. Key: .").clicked() {
            pace.single_steps += 1;
        }
        let mut unlimited = pace.unlimited;
        let explanation = "As fast as the frame rate allows, regardless of the speed. Key: M";
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
