//! Preferences: settings of the player for all worlds, stored in a file. `panel` edits them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bevy::input::InputSystems;
use bevy::prelude::*;
use bevy::window::{Monitor, PrimaryMonitor, PrimaryWindow};
use serde::{Deserialize, Serialize};

use super::bindings::{self, Bindings};
use super::commands::KeyRegistry;
use super::palette;
use crate::files;

/// Range of the interface scale, as a multiple of the system's.
pub const SCALE_RANGE: std::ops::RangeInclusive<f32> = 0.75..=2.5;
/// Change of the scale per keystroke.
const SCALE_STEP: f32 = 0.25;
/// Minimum size of the interface in logical pixels: every page fits into it.
pub const MIN_INTERFACE_SIZE: Vec2 = Vec2::new(560.0, 400.0);

/// The preferences of the player.
#[derive(Resource, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preferences {
    /// Interface scale as a multiple of the system's, 0.75 to 2.5.
    pub scale: f32,
    /// Colors that are safe for color-blind players (Okabe and Ito 2008).
    #[serde(alias = "colour_blind")]
    pub color_blind: bool,
    /// Volume of sounds, 0 to 1. SoundEvent where the feature `audio` is built in.
    pub volume: f32,
    /// Whether decorative motion is off.
    pub reduced_motion: bool,
    /// Changed key bindings: label of the key by identifier of the command.
    pub keys: BTreeMap<String, String>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { scale: 1.0, color_blind: false, volume: 0.6, reduced_motion: false, keys: BTreeMap::new() }
    }
}

impl Preferences {
    /// Their file: `<user settings>/entropy-arcade/preferences.toml`. `None` if the system has no folder for settings.
    pub fn path() -> Option<PathBuf> {
        Some(files::user_settings()?.join("preferences.toml"))
    }

    /// Reads the file at `path`; the defaults if there is none.
    ///
    /// # Errors
    /// One line with the file, what is wrong and what to do.
    pub fn load(path: &Path) -> Result<Self, String> {
        let wrong = |problem: String| format!("{}: {problem}; correct it or remove the file", path.display());
        match files::read_text(path, files::LARGEST_TEXT) {
            Ok(text) => Self::read(&text).map_err(wrong),
            Err(files::ReadError::Missing) => Ok(Self::default()),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    /// Parses the format of [`Preferences::text`].
    ///
    /// # Errors
    /// One line with the wrong value and what is allowed.
    pub fn read(text: &str) -> Result<Self, String> {
        let read: Self = toml::from_str(text).map_err(|error| {
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            format!("line {line}: {}", files::in_plain_words(error.message()))
        })?;
        if !SCALE_RANGE.contains(&read.scale) {
            return Err(format!("scale = {}; allowed: 0.75 to 2.5", read.scale));
        }
        if !(0.0..=1.0).contains(&read.volume) {
            return Err(format!("volume = {}; allowed: 0 to 1", read.volume));
        }
        bindings::check(&read.keys).map_err(|problem| files::in_one_line(&problem))?;
        Ok(read)
    }

    /// The stored preferences; if they cannot be read, a warning and the defaults.
    pub fn load_or_default() -> Self {
        let Some(path) = Self::path() else { return Self::default() };
        Self::load(&path).unwrap_or_else(|problem| {
            tracing::warn!("{problem}");
            Self::default()
        })
    }

    /// The content of their file.
    pub fn text(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

/// Applies `preferences`. Add before anything is painted.
pub fn plugin(app: &mut App, preferences: Preferences) {
    palette::set_color_blind(preferences.color_blind);
    app.insert_resource(preferences).add_systems(PreUpdate, (fit, resize.after(InputSystems), scale).chain());
}

/// Shrinks the window to its screen, where the window system does not.
fn fit(
    screens: Query<&Monitor, Added<PrimaryMonitor>>,
    mut windows: Query<&mut Window, With<PrimaryWindow>>,
) {
    let (Ok(screen), Ok(mut window)) = (screens.single(), windows.single_mut()) else { return };
    let available = screen.physical_size();
    let size = window.resolution.physical_size();
    if available.x > 0 && available.y > 0 && size.cmpgt(available).any() {
        let size = size.min(available);
        window.resolution.set_physical_resolution(size.x, size.y);
    }
}

/// Binds newly registered commands: to the keys in the preferences, or to their defaults.
pub(super) fn bind(
    registry: Res<KeyRegistry>,
    preferences: Option<Res<Preferences>>,
    mut bindings: ResMut<Bindings>,
) {
    let none = BTreeMap::new();
    let changed = preferences.as_ref().map_or(&none, |preferences| &preferences.keys);
    *bindings = Bindings::with(&registry, changed).unwrap_or_else(|problem| {
        tracing::warn!("{problem}");
        Bindings::new(&registry)
    });
}

/// Run condition: whether decorative motion is on.
pub fn lively(preferences: Option<Res<Preferences>>) -> bool {
    preferences.is_none_or(|preferences| !preferences.reduced_motion)
}

/// Scale factor of a window of `physical` pixels on a system with scale factor `own`: the preferred one, limited so that
/// [`MIN_INTERFACE_SIZE`] fits. This keeps the setting reachable at any scale.
fn factor(own: f32, preferred: f32, physical: Vec2) -> f32 {
    let most = (physical / MIN_INTERFACE_SIZE).min_element();
    (own * preferred).min(most.max(*SCALE_RANGE.start()))
}

fn scale(preferences: Res<Preferences>, mut windows: Query<&mut Window, With<PrimaryWindow>>) {
    for mut window in &mut windows {
        let own = window.resolution.base_scale_factor();
        let wanted = factor(own, preferences.scale, window.resolution.physical_size().as_vec2());
        let wanted = ((wanted - own).abs() > 1e-3).then_some(wanted);
        if window.resolution.scale_factor_override() != wanted {
            window.resolution.set_scale_factor_override(wanted);
        }
    }
}

/// Ctrl with 0 resets the scale, with plus and minus it changes it; on every screen, also while typing.
fn resize(keyboard: Option<Res<ButtonInput<KeyCode>>>, mut preferences: ResMut<Preferences>) {
    let Some(keyboard) = keyboard else { return };
    let held = [KeyCode::ControlLeft, KeyCode::ControlRight, KeyCode::SuperLeft, KeyCode::SuperRight];
    if !keyboard.any_pressed(held) {
        return;
    }
    let pressed = |keys: [KeyCode; 2]| keyboard.any_just_pressed(keys);
    let scale = if pressed([KeyCode::Digit0, KeyCode::Numpad0]) {
        1.0
    } else if pressed([KeyCode::Equal, KeyCode::NumpadAdd]) {
        preferences.scale + SCALE_STEP
    } else if pressed([KeyCode::Minus, KeyCode::NumpadSubtract]) {
        preferences.scale - SCALE_STEP
    } else {
        return;
    };
    let scale = scale.clamp(*SCALE_RANGE.start(), *SCALE_RANGE.end());
    // Written only on change: changes are saved to the file.
    if preferences.scale != scale {
        preferences.scale = scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_round_trip_and_errors_are_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preferences.toml");
        assert_eq!(Preferences::load(&path), Ok(Preferences::default()));
        let mine = Preferences {
            scale: 1.5,
            color_blind: true,
            volume: 0.25,
            reduced_motion: true,
            keys: BTreeMap::from([("pause".into(), "K".into())]),
        };
        std::fs::write(&path, mine.text()).unwrap();
        assert_eq!(Preferences::load(&path), Ok(mine));
        std::fs::write(&path, "colour_blind = true").unwrap();
        assert!(Preferences::load(&path).unwrap().color_blind, "as older programs wrote it");
        for wrong in ["scale = 9", "scale = 'big'", "volume = 3", "[keys]\npause = 'W'\nstep = 'W'", "\u{0}"]
        {
            std::fs::write(&path, wrong).unwrap();
            let error = Preferences::load(&path).unwrap_err();
            assert!(error.contains("preferences.toml: ") && error.lines().count() == 1, "{error}");
        }
    }

    #[test]
    fn every_page_fits_at_every_scale() {
        for physical in [[640, 480], [700, 500], [1280, 800], [1920, 1080], [3840, 2160]] {
            let physical = Vec2::from(physical.map(|side| side as f32));
            for preferred in [0.75, 1.0, 1.25, 1.75, 2.0, 2.5] {
                for own in [1.0, 1.5, 2.0] {
                    let factor = factor(own, preferred, physical);
                    let room = physical / factor;
                    assert!(
                        room.cmpge(MIN_INTERFACE_SIZE - 1e-2).all(),
                        "{physical} at {preferred} of {own}: {room}"
                    );
                    assert!(factor <= own * preferred);
                }
            }
        }
        assert_eq!(factor(1.0, 1.75, Vec2::new(1280.0, 800.0)), 1.75);
        // A window that is too small has a minimum scale.
        assert_eq!(factor(1.0, 1.0, Vec2::new(200.0, 100.0)), 0.75);
    }

    #[test]
    fn ctrl_0_resets_the_scale_and_the_window_follows() {
        let mut app = App::new();
        let scale = Preferences { scale: 2.5, ..Preferences::default() };
        app.init_resource::<ButtonInput<KeyCode>>()
            .add_plugins(move |app: &mut App| plugin(app, scale.clone()));
        let window = Window { resolution: bevy::window::WindowResolution::new(1280, 800), ..default() };
        let window = app.world_mut().spawn((window, PrimaryWindow)).id();
        let mut press = |keys: &[KeyCode]| {
            let mut keyboard = app.world_mut().resource_mut::<ButtonInput<KeyCode>>();
            keyboard.clear();
            keyboard.release_all();
            keyboard.clear();
            keys.iter().for_each(|key| keyboard.press(*key));
            app.update();
            let factor = app.world().get::<Window>(window).unwrap().resolution.scale_factor();
            (app.world().resource::<Preferences>().scale, factor)
        };
        assert_eq!(press(&[]), (2.5, 2.0));
        assert_eq!(press(&[KeyCode::Digit0]), (2.5, 2.0));
        assert_eq!(press(&[KeyCode::ControlLeft, KeyCode::Minus]), (2.25, 2.0));
        assert_eq!(press(&[KeyCode::ControlLeft, KeyCode::Digit0]), (1.0, 1.0));
        assert_eq!(press(&[KeyCode::ControlRight, KeyCode::Equal]), (1.25, 1.25));
        assert_eq!(press(&[KeyCode::ControlRight, KeyCode::Numpad0]), (1.0, 1.0));
    }
}
