//! Layout: panel, toasts and the space they take from the stages.

use bevy::prelude::*;

use super::commands::{AddKeys as _, KeyCommand, KeyGroup, KeyHint, KeySpec};

/// Screen elements besides the stages, and the space they take. Lengths in logical pixels.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct ScreenLayout {
    /// Whether the panel is open.
    pub panel: bool,
    /// Whether a grid of many arenas is shown instead of one large and a strip.
    pub zoomed_out: bool,
    /// Space taken at the right edge.
    pub right: f32,
    /// Space taken at the bottom edge.
    pub bottom: f32,
    /// Whether a text field has the focus, so that keys are not commands.
    pub typing: bool,
    /// Whether the pointer is over a window, list or dialog, or drags something in the panel, so that clicks are not for the
    /// stage.
    pub pointed: bool,
}

impl Default for ScreenLayout {
    fn default() -> Self {
        Self { panel: true, zoomed_out: false, right: 0.0, bottom: 0.0, typing: false, pointed: false }
    }
}

/// An explanation of symbols that the running world draws. Inserted by worlds that need one.
#[derive(Resource, Debug, Clone, Copy)]
pub struct StageLegend(pub &'static str);

/// A message that is shown for some seconds.
#[derive(Resource, Debug, Clone, Default)]
pub struct Toast(Option<(String, std::time::Instant)>);

impl Toast {
    /// Seconds for which it is shown.
    const DURATION: f32 = 6.0;

    /// Shows `text` in place of the last message.
    pub fn show(&mut self, text: String) {
        self.0 = Some((text, std::time::Instant::now()));
    }

    /// The current message.
    pub fn text(&self) -> Option<&str> {
        let current = self.0.as_ref().filter(|(_, since)| since.elapsed().as_secs_f32() < Self::DURATION);
        current.map(|(text, _)| text.as_str())
    }
}

/// Shows or hides the panel.
pub const PANEL: KeyCommand = KeyCommand("panel");

/// The panel key.
pub const KEYS: &[KeySpec] = &[KeySpec {
    hint: KeyHint::Always("panel"),
    act: Some(|world| {
        let mut screen = world.resource_mut::<ScreenLayout>();
        screen.panel = !screen.panel;
    }),
    ..KeySpec::new(PANEL.0, "open or close the panel", KeyCode::Tab, KeyGroup::Screen)
}];

/// Adds the layout and its key.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<ScreenLayout>().init_resource::<Toast>().add_keys(KEYS);
}
