//! Preferences: what people have chosen once for all worlds, kept in a file. Where they choose it is left to `panel`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::window::{Monitor, PrimaryMonitor, PrimaryWindow};
use serde::{Deserialize, Serialize};

use super::bindings::Bindings;
use super::palette;
use crate::files;

/// Sizes of everything that may be chosen, as a multiple of the system's.
pub const SCALE_RANGE: std::ops::RangeInclusive<f32> = 0.75..=2.5;

/// What people prefer.
#[derive(Resource, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preferences {
    /// Size of everything as a multiple of the system's, 0.75 to 2.5.
    pub scale: f32,
    /// Colours that are told apart whatever colours one sees (Okabe and Ito 2008).
    pub colour_blind: bool,
    /// Loudness of sounds, 0 to 1. Heard where the feature `audio` is built in.
    pub volume: f32,
    /// Nothing pulses, flies or grows that need not.
    pub reduced_motion: bool,
    /// Keys that were changed, by the names of commands.
    pub keys: BTreeMap<String, String>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { scale: 1.0, colour_blind: false, volume: 0.6, reduced_motion: false, keys: BTreeMap::new() }
    }
}

impl Preferences {
    /// Their file: `<user settings>/entropy-arcade/preferences.toml`. `None` where the system names no place for such.
    pub fn path() -> Option<PathBuf> {
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = variable("XDG_CONFIG_HOME")
            .or_else(|| variable("APPDATA"))
            .or_else(|| variable("HOME").map(|home| home.join(".config")))?;
        Some(folder.join("entropy-arcade/preferences.toml"))
    }

    /// What is kept in the file at `path`; without one, what everybody begins with.
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

    /// Reads what [`Preferences::text`] wrote.
    ///
    /// # Errors
    /// One line with what is wrong and what is allowed.
    pub fn read(text: &str) -> Result<Self, String> {
        let read: Self = toml::from_str(text).map_err(|error| {
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            format!("line {line}: {}", files::in_plain_words(error.message()))
        })?;
        if !SCALE_RANGE.contains(&read.scale) {
            return Err(format!("scale = {}: allowed is 0.75 to 2.5", read.scale));
        }
        if !(0.0..=1.0).contains(&read.volume) {
            return Err(format!("volume = {}: allowed is 0 to 1", read.volume));
        }
        Bindings::with(&read.keys)?;
        Ok(read)
    }

    /// What is kept, or what everybody begins with and a warning why.
    pub fn kept() -> Self {
        let Some(path) = Self::path() else { return Self::default() };
        Self::load(&path).unwrap_or_else(|problem| {
            tracing::warn!("{problem}");
            Self::default()
        })
    }

    /// The text of their file.
    pub fn text(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }
}

/// Puts `preferences` in force, from before anything is painted.
pub fn plugin(app: &mut App, preferences: Preferences) {
    palette::set_colour_blind(preferences.colour_blind);
    app.insert_resource(Bindings::with(&preferences.keys).unwrap_or_default())
        .insert_resource(preferences)
        .add_systems(PreUpdate, (fit, scale.run_if(resource_exists_and_changed::<Preferences>)).chain());
}

/// Makes the window no larger than its screen, where nobody else does.
fn fit(
    screens: Query<&Monitor, Added<PrimaryMonitor>>,
    mut windows: Query<&mut Window, With<PrimaryWindow>>,
) {
    let (Ok(screen), Ok(mut window)) = (screens.single(), windows.single_mut()) else { return };
    let room = screen.physical_size();
    let size = window.resolution.physical_size();
    if room.x > 0 && room.y > 0 && size.cmpgt(room).any() {
        let size = size.min(room);
        window.resolution.set_physical_resolution(size.x, size.y);
    }
}

/// Whether things may move for the eye alone.
pub fn lively(preferences: Option<Res<Preferences>>) -> bool {
    preferences.is_none_or(|preferences| !preferences.reduced_motion)
}

fn scale(preferences: Res<Preferences>, mut windows: Query<&mut Window, With<PrimaryWindow>>) {
    for mut window in &mut windows {
        let own = window.resolution.base_scale_factor();
        let wanted = ((preferences.scale - 1.0).abs() > 1e-3).then_some(own * preferences.scale);
        if window.resolution.scale_factor_override() != wanted {
            window.resolution.set_scale_factor_override(wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_come_back_as_they_were_and_mistakes_are_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preferences.toml");
        assert_eq!(Preferences::load(&path), Ok(Preferences::default()));
        let mine = Preferences {
            scale: 1.5,
            colour_blind: true,
            volume: 0.25,
            reduced_motion: true,
            keys: BTreeMap::from([("pause".into(), "K".into())]),
        };
        std::fs::write(&path, mine.text()).unwrap();
        assert_eq!(Preferences::load(&path), Ok(mine));
        for wrong in ["scale = 9", "scale = 'big'", "volume = 3", "[keys]\npause = 'W'\nstep = 'W'", "\u{0}"]
        {
            std::fs::write(&path, wrong).unwrap();
            let error = Preferences::load(&path).unwrap_err();
            assert!(error.contains("preferences.toml: ") && error.lines().count() == 1, "{error}");
        }
    }
}
