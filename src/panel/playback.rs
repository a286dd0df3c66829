//! Playback: the last episodes of the watched arena, step by step.

use bevy::prelude::*;
use bevy_egui::egui::{self, Ui};

use super::hud::{HudPart, add_hud_entry};
use super::section::{AddPanelSection as _, order};
use super::widgets::{list, section};
use crate::insight::playback::{self, EpisodeHistory, Playback};
use crate::sim::arena::EnvironmentHooks;
use crate::view::bindings::Bindings;
use crate::view::commands::KeyRegistry;
use crate::view::modes::{Mode, Modes};

/// Adds the section.
pub(super) fn plugin(app: &mut App) {
    app.add_panel_section(order::PLAYBACK, show);
    add_hud_entry(app, 20, score);
}

/// Step and return of the episode in playback, in place of the current score.
fn score(world: &World, parts: &mut Vec<HudPart>) {
    let Some(playback) = world.get_resource::<Playback>() else { return };
    let episode = world.get_resource::<EpisodeHistory>().and_then(|past| past.episodes.get(playback.episode));
    parts.extend(episode.map(|episode| {
        let (step, steps) = (playback.step, episode.steps());
        let total = episode.episode_return;
        HudPart::Text(format!("playback: step {step} of {steps}, final return {total:+.2}"))
    }));
}

/// Choice of an episode, and its step.
fn show(
    InMut(ui): InMut<Ui>,
    mut commands: Commands,
    past: Option<Res<EpisodeHistory>>,
    hooks: Option<Res<EnvironmentHooks>>,
    mut playback: Option<ResMut<Playback>>,
    modes: Res<Modes>,
    registry: Res<KeyRegistry>,
    bindings: Res<Bindings>,
) {
    let Some(past) = past.filter(|_| hooks.is_none_or(|hooks| hooks.restores)) else { return };
    let episodes = &past.episodes;
    let blocked = modes.editing() || modes.comparing();
    section(ui, "Playback", |ui| {
        let name = |index: usize| {
            let episode = &episodes[index];
            let end = if episode.success { ", success" } else { "" };
            let which = match episodes.len() - 1 - index {
                0 => "last episode".to_owned(),
                ago => format!("{ago} earlier"),
            };
            format!("{which}: {:+.2}, {} steps{end}", episode.episode_return, episode.steps())
        };
        let shown =
            playback.as_ref().map(|playback| playback.episode).filter(|index| *index < episodes.len());
        // Shown before the first episode has ended, so that nothing moves later.
        let none = if episodes.is_empty() { "no episode has ended yet" } else { "choose an episode …" };
        let chosen = shown.map_or_else(|| none.to_owned(), name);
        let width = ui.available_width() - 8.0;
        let list = list("past", chosen, width);
        let list = ui.add_enabled_ui(!episodes.is_empty() && !blocked, |ui| {
            list.show_ui(ui, |ui| {
                for index in (0..episodes.len()).rev() {
                    if ui.selectable_label(shown == Some(index), name(index)).clicked() {
                        commands.queue(move |world: &mut World| playback::seek(world, index, 0));
                    }
                }
            });
        });
        let key = registry.toggle_of(Mode::Playback).map_or("", |toggle| bindings.label(toggle));
        list.response.on_hover_text(format!(
            "The last episodes of the watched arena, with the agent's outputs at the time. Key: {key}"
        ));
        let (Some(playback), Some(index)) = (&mut playback, shown) else { return };
        ui.horizontal(|ui| {
            let mut step = playback.step;
            ui.spacing_mut().slider_width = 116.0;
            if ui.add(egui::Slider::new(&mut step, 0..=episodes[index].steps())).changed() {
                playback.playing = false;
                commands.queue(move |world: &mut World| playback::seek(world, index, step));
            }
            if ui.button(if playback.playing { "Stop" } else { "Play" }).clicked() {
                playback.playing = !playback.playing;
                if playback.step >= episodes[index].steps() {
                    commands.queue(move |world: &mut World| playback::seek(world, index, 0));
                }
            }
            if ui.button("Close").on_hover_text("Back to the running episode.").clicked() {
                commands.queue(playback::toggle);
            }
        });
    });
}
