//! Overlay window: keys and legends of overlays.

use bevy::prelude::*;

use super::{Overlay, OverlaySettings, Overlays};
use crate::agent::WatchedDecisions;
use crate::sim::arena::Spec;
use crate::view::Toast;
use crate::view::commands::{AddKeys as _, KeySpec};
use crate::view::controls::{Controls, ObeyControls};
use crate::view::modes::Mode;

/// The window side of an overlay.
#[derive(Debug, Clone, Copy)]
pub struct OverlayWindow {
    /// Its key.
    pub key: Option<KeySpec>,
    /// Called when its key was pressed, with the choice that is now shown.
    pub on_key: fn(&mut World, Option<usize>),
    /// Its legend in the panel while it is shown.
    pub legend: fn(&World) -> Vec<LegendRow>,
    /// Why it shows nothing, in a sentence; `None` while it does.
    pub note: fn(&World) -> Option<&'static str>,
}

impl OverlayWindow {
    /// Without key, legend and note.
    pub const PLAIN: Self = Self { key: None, on_key: |_, _| {}, legend: |_| Vec::new(), note: |_| None };
}

/// A row of a legend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegendRow {
    /// Label.
    pub name: &'static str,
    /// Current value, or – while unknown.
    pub value: String,
    /// Tooltip.
    pub help: String,
}

/// Why an overlay drawn on the watched arena is not available during a comparison.
pub const NOT_COMPARED: &[(Mode, &str)] =
    &[(Mode::Compare, "it shows a single agent, and several are compared")];

/// Whether the overlay called `id` is shown.
pub fn shown(world: &World, id: &str) -> bool {
    world.get_resource::<OverlaySettings>().is_some_and(|settings| settings.shows(id))
}

/// Shows `text` as a toast, where there are toasts.
pub fn toast(world: &mut World, text: impl Into<String>) {
    if let Some(mut shown) = world.get_resource_mut::<Toast>() {
        shown.show(text.into());
    }
}

/// Whether a policy with memory plays in the watched arena.
pub fn remembers(world: &World) -> bool {
    let decisions = world.get_resource::<WatchedDecisions>();
    decisions.is_some_and(|all| all.iter().any(|decision| decision.memory.is_some()))
}

/// The key of `overlay`, if it has one.
pub fn key(overlay: &Overlay) -> Option<KeySpec> {
    overlay.window.key.map(|key| KeySpec { needs: Some(overlay.needs), ..key })
}

/// Adds the key of `overlay`.
pub(super) fn add(app: &mut App, overlay: &Overlay) {
    app.add_keys(key(overlay).as_slice());
}

impl Overlay {
    /// The choice after `shown` when its key is pressed: each in turn, then none.
    fn after(&self, shown: Option<usize>) -> Option<usize> {
        let next = shown.map_or(0, |index| index + 1);
        (next < self.choices.len().max(1)).then_some(next)
    }
}

pub(super) fn plugin(app: &mut App) {
    let any_pressed = |controls: Option<Res<Controls>>| {
        controls.is_some_and(|controls| !controls.all_just_pressed().is_empty())
    };
    app.add_systems(
        PreUpdate,
        press.in_set(ObeyControls).run_if(resource_exists::<Spec>.and_then(any_pressed)),
    );
}

/// Shows the next choice of every overlay whose key was pressed.
fn press(world: &mut World) {
    let controls = world.resource::<Controls>();
    let is_pressed =
        |overlay: &&Overlay| overlay.window.key.is_some_and(|key| controls.just_pressed(key.command));
    let pressed: Vec<Overlay> = world.resource::<Overlays>().0.iter().filter(is_pressed).copied().collect();
    for overlay in pressed {
        if !(overlay.needs)(world) {
            continue;
        }
        let mut settings = world.resource_mut::<OverlaySettings>();
        let next = overlay.after(settings.choice(overlay.id));
        settings.set(overlay.id, next);
        (overlay.window.on_key)(world, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cycles_through_all_choices_and_off() {
        let overlays = crate::insight::OVERLAYS;
        for overlay in overlays {
            let mut shown = None;
            let cycle: Vec<_> = (0..overlay.choices.len().max(1) + 1)
                .map(|_| {
                    shown = overlay.after(shown);
                    shown
                })
                .collect();
            assert_eq!(cycle.last(), Some(&None), "{}", overlay.id);
            assert!(cycle[..cycle.len() - 1].iter().all(Option::is_some), "{}", overlay.id);
        }
        let mut settings = OverlaySettings::only(overlays[0].id);
        assert!(settings.shows(overlays[0].id) && !settings.shows(overlays[1].id));
        settings.set(overlays[0].id, None);
        assert_eq!(settings, OverlaySettings::default());
    }
}
