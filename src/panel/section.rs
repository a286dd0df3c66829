//! Sections of the panel: each is a system that writes to the panel's `Ui`.

use bevy::ecs::system::{RegisteredSystemError, SystemId};
use bevy::prelude::*;
use bevy_egui::egui::Ui;

/// Positions of the sections, from top to bottom. Other sections can use values in between.
pub mod order {
    /// Level editor.
    pub const EDITOR: u32 = 100;
    /// Training status and returns.
    pub const LEARNING: u32 = 200;
    /// The session of several processes that this one has joined.
    pub const SESSION: u32 = 250;
    /// Diagnosis of training problems.
    pub const DOCTOR: u32 = 300;
    /// Speed and number of arenas.
    pub const TIME: u32 = 400;
    /// Gravity, slope and friction.
    pub const PHYSICS: u32 = 450;
    /// Playback of earlier episodes.
    pub const PLAYBACK: u32 = 500;
    /// Overlays, policy and value estimates.
    pub const DECISIONS: u32 = 600;
    /// Memory of the agent.
    pub const MEMORY: u32 = 650;
    /// Observation and saliency.
    pub const SALIENCY: u32 = 700;
    /// Controllers, reaction delay, human feedback.
    pub const PLAYERS: u32 = 800;
    /// Curves.
    pub const CURVES: u32 = 900;
    /// Sliders for settings that are safe to change while training.
    pub const TUNING: u32 = 1000;
    /// All settings as text.
    pub const SETTINGS: u32 = 1100;
    /// Saving, loading, rewinding and resetting the agent.
    pub const FILES: u32 = 1200;
}

/// A section: a system that receives the `Ui` it writes to.
type Section = SystemId<InMut<'static, Ui>>;

/// All sections of the panel, sorted by their order.
#[derive(Resource, Default)]
pub struct PanelSections(Vec<(u32, Section)>);

/// Registers sections of the panel.
pub trait AddPanelSection {
    /// Adds a section at the position `order`, see [`order`]. A section without content should add nothing to the `Ui`.
    fn add_panel_section<M>(
        &mut self,
        order: u32,
        section: impl IntoSystem<InMut<'static, Ui>, (), M> + 'static,
    ) -> &mut Self;
}

impl AddPanelSection for App {
    fn add_panel_section<M>(
        &mut self,
        order: u32,
        section: impl IntoSystem<InMut<'static, Ui>, (), M> + 'static,
    ) -> &mut Self {
        let section = self.world_mut().register_system(section);
        let mut sections = self.world_mut().get_resource_or_init::<PanelSections>();
        sections.0.push((order, section));
        sections.0.sort_by_key(|(order, _)| *order);
        self
    }
}

/// Shows all sections, one below the other.
///
/// # Errors
/// If a section needs a resource that does not exist.
pub fn show(ui: &mut Ui, world: &mut World) -> Result<(), RegisteredSystemError<InMut<'static, Ui>>> {
    world.resource_scope(|world, sections: Mut<PanelSections>| {
        sections.0.iter().try_for_each(|(_, section)| world.run_system_with(*section, &mut *ui))
    })
}
