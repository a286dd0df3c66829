//! Modes: comparison, playback and the level editor. A [`KeySpec`](super::commands::KeySpec) lists the modes in which its
//! command is refused; pressing it shows a toast with the reason.

use bevy::prelude::*;

use super::bindings::Bindings;
use super::commands::{KeyCommand, KeyRegistry};
use super::controls::{Controls, ReadControls};
pub use super::mode::Mode;
use super::{ScreenLayout, Toast};

/// The active modes.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct Modes([bool; Mode::ALL.len()]);

impl Modes {
    /// Whether `mode` is active.
    pub fn on(&self, mode: Mode) -> bool {
        self.0[mode as usize]
    }

    /// Whether any mode is active.
    pub fn any(&self) -> bool {
        self.0.contains(&true)
    }

    /// Whether ages are compared.
    pub fn comparing(&self) -> bool {
        self.on(Mode::Compare)
    }

    /// Whether a level is being edited.
    pub fn editing(&self) -> bool {
        self.on(Mode::Edit)
    }

    /// The active mode that refuses `command`, and why.
    fn refused(&self, registry: &KeyRegistry, command: KeyCommand) -> Option<(Mode, &'static str)> {
        let rows = registry.get(command)?.not_while;
        rows.iter().copied().find(|(mode, _)| self.on(*mode))
    }

    /// Labels of the keys that are refused now.
    pub fn refused_keys(&self, registry: &KeyRegistry, bindings: &Bindings) -> Vec<&'static str> {
        let specs =
            registry.all().iter().filter(|spec| spec.not_while.iter().any(|(mode, _)| self.on(*mode)));
        specs.map(|spec| bindings.label(spec.command)).collect()
    }

    /// Why `command` is refused now, and how to leave the mode; `None` if it is not refused.
    pub fn refusal(
        &self,
        registry: &KeyRegistry,
        command: KeyCommand,
        bindings: &Bindings,
    ) -> Option<String> {
        let (mode, why) = self.refused(registry, command)?;
        let leave = registry.toggle_of(mode).map_or("Esc", |toggle| bindings.label(toggle));
        Some(format!("not available in {}: {why}; press {leave} to leave", mode.name()))
    }
}

/// A registered mode.
#[derive(Debug, Clone, Copy)]
struct Registered {
    mode: Mode,
    is_on: fn(&World) -> bool,
    end: fn(&mut World),
}

/// All registered modes.
#[derive(Resource, Debug, Default)]
struct RegisteredModes(Vec<Registered>);

/// Registers `mode`, which is active while the resource `R` exists; `end` ends it.
pub fn register<R: Resource>(app: &mut App, mode: Mode, end: fn(&mut World)) {
    let is_on = |world: &World| world.contains_resource::<R>();
    app.world_mut().get_resource_or_init::<RegisteredModes>().0.push(Registered { mode, is_on, end });
}

/// Ends `mode`, if it is active.
pub fn end(world: &mut World, mode: Mode) {
    let modes = world.get_resource::<RegisteredModes>().map(|modes| modes.0.clone()).unwrap_or_default();
    modes.into_iter().filter(|known| known.mode == mode).for_each(|known| (known.end)(world));
}

/// Adds the modes, and refuses commands. Before [`ObeyControls`](super::controls::ObeyControls), where
/// commands take effect.
pub fn plugin(app: &mut App) {
    app.init_resource::<Modes>().init_resource::<KeyRegistry>().add_systems(
        PreUpdate,
        (
            update,
            refuse.run_if(
                resource_exists::<Toast>
                    .and_then(resource_exists::<ScreenLayout>)
                    .and_then(|controls: Res<Controls>| !controls.all_pressed().is_empty()),
            ),
        )
            .chain()
            .after(super::controls::read)
            .in_set(ReadControls),
    );
}

/// Keeps [`Modes`] up to date.
fn update(world: &mut World) {
    let mut modes = Modes::default();
    if let Some(registered) = world.get_resource::<RegisteredModes>() {
        for known in &registered.0 {
            modes.0[known.mode as usize] |= (known.is_on)(world);
        }
    }
    world.resource_mut::<Modes>().set_if_neq(modes);
}

/// Removes refused commands before they take effect.
fn refuse(world: &mut World) {
    let controls = world.resource::<Controls>();
    let pressed: Vec<(KeyCommand, bool)> =
        controls.all_pressed().iter().map(|command| (*command, controls.just_pressed(*command))).collect();
    for (command, just_pressed) in pressed {
        let (registry, bindings) = (world.resource::<KeyRegistry>(), world.resource::<Bindings>());
        let Some(spec) = registry.get(command).copied() else { continue };
        if let Some(why) = world.resource::<Modes>().refusal(registry, command, bindings) {
            world.resource_mut::<Controls>().consume(command);
            if just_pressed {
                world.resource_mut::<Toast>().show(why);
            }
        } else if just_pressed
            && world.resource::<ScreenLayout>().zoomed_out
            && let Some(is_shown) = spec.one_arena
            && spec.applies(world)
        {
            world.resource_mut::<ScreenLayout>().zoomed_out = false;
            // It is on already, and only becomes visible.
            if is_shown(world) {
                world.resource_mut::<Controls>().consume(command);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::commands::{AddKeys as _, KeyGroup, KeySpec};
    use super::*;
    use crate::view::controls::tests::{press, ready};

    /// Active comparison, for tests.
    #[derive(Resource)]
    struct Compared;

    /// Shown overlay, for tests.
    #[derive(Resource)]
    struct Shown;

    const PAUSE: KeyCommand = KeyCommand("pause");
    const COMPARE: KeyCommand = KeyCommand("compare");
    const EDIT: KeyCommand = KeyCommand("edit");
    const LOOKAHEAD: KeyCommand = KeyCommand("ways");

    const KEYS: &[KeySpec] = &[
        KeySpec::new(PAUSE.0, "pause", KeyCode::Space, KeyGroup::Time),
        KeySpec {
            toggles: Some(Mode::Compare),
            ..KeySpec::new(COMPARE.0, "then and now", KeyCode::KeyN, KeyGroup::Agent)
        },
        KeySpec {
            not_while: &[(Mode::Compare, "all agents play the same level")],
            ..KeySpec::new(EDIT.0, "edit", KeyCode::KeyE, KeyGroup::Screen)
        },
        KeySpec {
            one_arena: Some(|world| world.contains_resource::<Shown>()),
            ..KeySpec::new(LOOKAHEAD.0, "lookahead", KeyCode::KeyG, KeyGroup::Agent)
        },
    ];

    fn app() -> App {
        let mut app = App::new();
        app.init_resource::<ScreenLayout>()
            .init_resource::<Toast>()
            .add_plugins((super::super::controls::plugin, plugin))
            .add_keys(KEYS)
            .init_resource::<Received>()
            .add_systems(Update, |controls: Res<Controls>, mut received: ResMut<Received>| {
                received.0.extend(controls.all_just_pressed());
            });
        register::<Compared>(&mut app, Mode::Compare, |world| _ = world.remove_resource::<Compared>());
        ready(&mut app);
        app
    }

    /// Commands that were not refused.
    #[derive(Resource, Default)]
    struct Received(Vec<KeyCommand>);

    /// Presses the keys of `commands`; returns the commands that were not refused, and the toast.
    fn press_all(app: &mut App, commands: &[KeyCommand]) -> (Vec<KeyCommand>, Option<String>) {
        app.world_mut().resource_mut::<Received>().0.clear();
        *app.world_mut().resource_mut::<Toast>() = Toast::default();
        for command in commands {
            let key = app.world().resource::<Bindings>().key(*command);
            press(app, key);
        }
        let said = app.world().resource::<Toast>().text().map(str::to_owned);
        (app.world().resource::<Received>().0.clone(), said)
    }

    #[test]
    fn commands_are_refused_in_a_mode_with_a_reason() {
        let mut app = app();
        assert_eq!(press_all(&mut app, &[EDIT]), (vec![EDIT], None));
        app.insert_resource(Compared);
        let (received, said) = press_all(&mut app, &[EDIT]);
        let said = said.unwrap_or_default();
        assert!(
            received.is_empty() && said.contains("then and now") && said.ends_with("press N to leave"),
            "{said}"
        );
        assert_eq!(press_all(&mut app, &[PAUSE, COMPARE]).0, [PAUSE, COMPARE]);
        end(app.world_mut(), Mode::Compare);
        assert_eq!(press_all(&mut app, &[EDIT]), (vec![EDIT], None));
    }

    #[test]
    fn commands_for_the_large_arena_leave_the_grid() {
        let mut app = app();
        app.world_mut().resource_mut::<ScreenLayout>().zoomed_out = true;
        assert_eq!(press_all(&mut app, &[LOOKAHEAD]).0, [LOOKAHEAD]);
        assert!(!app.world().resource::<ScreenLayout>().zoomed_out);
        // What is on already only becomes visible.
        app.world_mut().resource_mut::<ScreenLayout>().zoomed_out = true;
        app.insert_resource(Shown);
        assert_eq!(press_all(&mut app, &[LOOKAHEAD]).0, []);
        assert!(!app.world().resource::<ScreenLayout>().zoomed_out);
        assert_eq!(press_all(&mut app, &[LOOKAHEAD]).0, [LOOKAHEAD]);
    }
}
