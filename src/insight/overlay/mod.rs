//! Overlays: views of the watched agent that can be switched on over the game. Each is a module of `insight` that
//! declares one [`Overlay`]; settings, keys and the panel's switches are derived from it.

#[cfg(feature = "arcade")]
pub mod window;

use bevy::prelude::*;

use crate::agent::LiveLearner;

/// A view of the watched agent.
#[derive(Debug, Clone, Copy)]
pub struct Overlay {
    /// Identifier in code and on the command line.
    pub id: &'static str,
    /// Label of its switch.
    pub label: &'static str,
    /// Tooltip: what it shows, in a sentence.
    pub help: &'static str,
    /// Its variants, of which one is shown at a time; empty for an overlay that is on or off.
    pub choices: &'static [Choice],
    /// Whether it applies to this world.
    pub needs: fn(&World) -> bool,
    /// Whether it reads the critics; they are published with the policy only while it is shown.
    pub needs_critics: bool,
    /// Adds the systems that compute and draw it.
    pub plugin: fn(&mut App),
    /// Its key and legend.
    #[cfg(feature = "arcade")]
    pub window: window::OverlayWindow,
}

/// One of the variants of an overlay.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// Its label.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub help: &'static str,
}

/// All registered overlays, in the order of their switches.
#[derive(Resource, Debug, Clone, Default)]
pub struct Overlays(Vec<Overlay>);

impl Overlays {
    /// All of them.
    pub fn all(&self) -> &[Overlay] {
        &self.0
    }
}

/// The overlays that are shown.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct OverlaySettings(Vec<(&'static str, usize)>);

impl OverlaySettings {
    /// The first choice of each of `overlays`.
    pub fn every(overlays: &Overlays) -> Self {
        Self(overlays.0.iter().map(|overlay| (overlay.id, 0)).collect())
    }

    /// The overlay called `id` alone.
    pub fn only(id: &'static str) -> Self {
        Self(vec![(id, 0)])
    }

    /// Whether the overlay called `id` is shown.
    pub fn shows(&self, id: &str) -> bool {
        self.choice(id).is_some()
    }

    /// The choice that the overlay called `id` shows, 0 for one without choices; `None` while it is off.
    pub fn choice(&self, id: &str) -> Option<usize> {
        self.0.iter().find(|(shown, _)| *shown == id).map(|(_, choice)| *choice)
    }

    /// Shows a choice of the overlay called `id` (0 for one without choices), or hides it.
    pub fn set(&mut self, id: &'static str, choice: Option<usize>) {
        self.0.retain(|(shown, _)| *shown != id);
        self.0.extend(choice.map(|choice| (id, choice)));
    }
}

/// Run condition: whether the overlay called `id` is shown.
pub fn shows(id: &'static str) -> impl Fn(Res<OverlaySettings>) -> bool + Clone {
    move |settings| settings.shows(id)
}

/// Registers overlays.
pub trait AddOverlay {
    /// Adds an overlay with its settings, its key and its plugin.
    fn add_overlay(&mut self, overlay: Overlay) -> &mut Self;
}

impl AddOverlay for App {
    fn add_overlay(&mut self, overlay: Overlay) -> &mut Self {
        self.world_mut().get_resource_or_init::<Overlays>().0.push(overlay);
        #[cfg(feature = "arcade")]
        window::add(self, &overlay);
        (overlay.plugin)(self);
        self
    }
}

/// Adds the settings, and the keys where there is a window.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<OverlaySettings>()
        .init_resource::<Overlays>()
        .init_resource::<Time<Real>>()
        .add_systems(
            Update,
            publish_critics
                .run_if(resource_changed::<OverlaySettings>.and_then(resource_exists::<LiveLearner>)),
        );
    #[cfg(feature = "arcade")]
    window::plugin(app);
}

/// Has the learner publish its critics while an overlay needs them.
fn publish_critics(
    settings: Res<OverlaySettings>,
    overlays: Res<Overlays>,
    mut learner: ResMut<LiveLearner>,
) {
    let needed = |overlay: &Overlay| overlay.needs_critics && settings.shows(overlay.id);
    learner.set_reveal(overlays.0.iter().any(needed));
}
