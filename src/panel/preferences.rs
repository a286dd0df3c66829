//! Preferences: where people choose colors, sizes, motion and keys, on the title screen. What they mean is left to `view`.

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::theme::tone;
use super::widgets::{check, row, section};
use crate::learner::checkpoint::replace_file;
use crate::view::Notice;
use crate::view::bindings::{Bindings, COMMANDS, Command};
use crate::view::controls::{self, Controls};
use crate::view::keys;
use crate::view::palette;
use crate::view::preferences::{Preferences, SCALE_RANGE};

/// The screen's own state.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Open {
    /// Whether it is shown.
    pub shown: bool,
    /// The command that waits for its key.
    pub waits: Option<Command>,
    /// The size that is being chosen.
    scale: Option<f32>,
}

/// Why the preferences are not kept, if their file could not be written.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Unkept(Option<String>);

/// Width of a column of keys in logical pixels, at least.
const COLUMN: f32 = 250.0;

/// Keys while it is shown: the next one for the command that waits; `Esc` gives up, or closes.
pub(super) fn strike(
    keyboard: Res<ButtonInput<KeyCode>>,
    controls: Res<Controls>,
    mut open: ResMut<Open>,
    mut bindings: ResMut<Bindings>,
    mut preferences: ResMut<Preferences>,
) {
    let escape = controls.struck(Command::Back);
    let Some(command) = open.waits else {
        if escape {
            open.shown = false;
        }
        return;
    };
    if escape {
        open.waits = None;
        return;
    }
    let struck = keyboard.get_just_pressed().copied().find(|key| keys::is_allowed(*key));
    if let Some(key) = struck {
        bindings.bind(command, key);
        preferences.keys = bindings.changed();
        open.waits = None;
    }
}

/// Keeps what was chosen, as soon as it is, on every screen.
pub(super) fn keep(
    preferences: Option<Res<Preferences>>,
    mut unkept: ResMut<Unkept>,
    notice: Option<ResMut<Notice>>,
) {
    let Some(preferences) = preferences.filter(|all| all.is_changed() && !all.is_added()) else { return };
    let Some(path) = Preferences::path() else { return };
    let write = || {
        // A file that could not be read is not theirs to replace: there may be more in it than they know.
        Preferences::load(&path)?;
        path.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| replace_file(&path, preferences.text().as_bytes()))
            .map_err(|error| format!("{}: {error}", path.display()))
    };
    unkept.0 = write()
        .err()
        .map(|error: String| format!("{error}; preferences last only until the program is closed"));
    if let (Some(problem), Some(mut notice)) = (&unkept.0, notice) {
        notice.say(problem.clone());
    }
}

/// The whole screen.
pub(super) fn show(
    ui: &mut Ui,
    open: &mut Open,
    bindings: &mut ResMut<Bindings>,
    preferences: &mut ResMut<Preferences>,
    unkept: &Unkept,
) {
    ui.set_max_width(ui.available_width().min(980.0));
    section(ui, "Display", |ui| {
        let mut wanted = (**preferences).clone();
        let explanation =
            "Colors that everybody can tell apart. Worlds that are opened from now on are painted in them.";
        row(ui, "colorblind-safe colors", explanation, |ui| {
            check(ui, &mut wanted.color_blind, "").on_hover_text(explanation);
        });
        let explanation = "Leaves out whatever pulses, flies about or grows only for show.";
        row(ui, "less motion", explanation, |ui| {
            check(ui, &mut wanted.reduced_motion, "").on_hover_text(explanation);
        });
        let explanation = "Size of everything, as a multiple of the system's, as far as the window has room. Ctrl+0 puts it \
                           back on every screen; Ctrl with + or − makes everything larger or smaller.";
        row(ui, "interface size (Ctrl+0 puts it back)", explanation, |ui| {
            let mut scale = open.scale.unwrap_or(wanted.scale);
            let slider = ui.add(egui::Slider::new(&mut scale, SCALE_RANGE).step_by(0.05).fixed_decimals(2));
            // What moves under the pointer while its size changes cannot be held.
            if slider.dragged() {
                open.scale = Some(scale);
            } else if slider.drag_stopped() || slider.changed() {
                wanted.scale = scale;
                open.scale = None;
            }
        });
        if wanted != **preferences {
            palette::set_color_blind(wanted.color_blind);
            **preferences = wanted;
        }
    });
    if cfg!(feature = "audio") {
        section(ui, "Sound", |ui| {
            let explanation =
                "Volume of all sounds; 0 is silence. Above four times the usual speed there are none.";
            row(ui, "volume", explanation, |ui| {
                let mut volume = preferences.volume;
                let slider = egui::Slider::new(&mut volume, 0.0..=1.0).step_by(0.05).fixed_decimals(2);
                if ui.add(slider).on_hover_text(explanation).changed() {
                    preferences.volume = volume;
                }
            });
        });
    }
    section(ui, "Keys", |ui| {
        let count = ((ui.available_width() / COLUMN) as usize).clamp(1, 3);
        ui.columns(count, |columns| {
            // Both hands, then what is done to time and players, then what is to be seen.
            for (ui, commands) in columns.iter_mut().zip(COMMANDS.chunks(COMMANDS.len().div_ceil(count))) {
                for &(command, _, meaning, _) in commands {
                    let explanation =
                        "Click, then press the new key. If another command has it, the two swap keys. Esc cancels.";
                    row(ui, meaning, explanation, |ui| {
                        let waits = open.waits == Some(command);
                        let text = if waits { "press a key" } else { bindings.label(command) };
                        let ink = if waits { palette::AMBER } else { palette::INK };
                        let button = egui::Button::new(RichText::new(text).small().strong().color(tone(ink)));
                        let button = ui.add(button.min_size(egui::vec2(78.0, 0.0)));
                        if button.on_hover_text(explanation).clicked() {
                            open.waits = (!waits).then_some(command);
                        }
                    });
                }
            }
        });
        let changed = !preferences.keys.is_empty();
        let back = ui.add_enabled(changed, egui::Button::new("Reset all keys"));
        if back.clicked() {
            **bindings = Bindings::default();
            preferences.keys.clear();
        }
    });
    if cfg!(feature = "gamepad") {
        gamepads(ui);
    }
    if let Some(problem) = &unkept.0 {
        ui.label(RichText::new(problem).small().color(tone(palette::ROSE)));
    }
}

/// What the buttons of gamepads do.
fn gamepads(ui: &mut Ui) {
    section(ui, "Gamepads", |ui| {
        let text = "The first one plays as the left hand's keys do, the second one as the right hand's.";
        ui.label(RichText::new(text).small().color(tone(palette::MUTED)));
        let count = if ui.available_width() < 2.0 * COLUMN { 1 } else { 2 };
        egui::Grid::new("gamepads").num_columns(2 * count).spacing([22.0, 5.0]).show(ui, |ui| {
            for (index, (command, _, name)) in controls::buttons(0).into_iter().enumerate() {
                let known = COMMANDS.iter().find(|(known, ..)| *known == command);
                let meaning = known.map_or("back to the worlds", |(_, _, meaning, _)| *meaning);
                ui.label(RichText::new(meaning).color(tone(palette::INK.mix(palette::MUTED, 0.45))));
                ui.label(RichText::new(name).small().strong().color(tone(palette::INK)));
                if (index + 1) % count == 0 {
                    ui.end_row();
                }
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_key_is_the_waiting_commands_and_esc_gives_up() {
        let mut app = App::new();
        app.add_plugins(controls::plugin)
            .init_resource::<Preferences>()
            .insert_resource(Open { shown: true, ..Open::default() })
            .add_systems(Update, strike);
        app.finish();
        app.update();
        let mut strike = |waits: Option<Command>, key: KeyCode| {
            app.world_mut().resource_mut::<Open>().waits = waits;
            app.world_mut().resource_mut::<ButtonInput<KeyCode>>().press(key);
            app.update();
            app.world_mut().resource_mut::<ButtonInput<KeyCode>>().reset_all();
            app.update();
            let open = app.world().resource::<Open>();
            (app.world().resource::<Bindings>().label(Command::Pause), open.waits, open.shown)
        };
        assert_eq!(strike(None, KeyCode::KeyK), ("Space", None, true));
        assert_eq!(strike(Some(Command::Pause), KeyCode::Escape), ("Space", None, true));
        assert_eq!(strike(Some(Command::Pause), KeyCode::KeyK), ("K", None, true));
        assert_eq!(strike(None, KeyCode::Escape), ("K", None, false));
        assert_eq!(app.world().resource::<Preferences>().keys["pause"], "K");
    }
}
