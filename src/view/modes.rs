//! Modes: what is on the screen until it is left, and which commands mean nothing there. The one table of what excludes
//! what; whoever gives such a command reads why.

use bevy::prelude::*;

use super::bindings::{Bindings, Command};
use super::controls::{Controls, ReadControls};
use super::editor::Editor;
use super::{Notice, Screen};
use crate::insight::compare::Comparison;
use crate::insight::playback::Playback;
use crate::insight::values::OverlaySettings;

/// Something that is on the screen until it is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Then and now.
    Compare,
    /// An earlier episode.
    Playback,
    /// The map that is drawn on.
    Edit,
}

/// Commands that are refused in a mode, and why.
const REFUSED: [(Mode, &[Command], &str); 10] = [
    (Mode::Compare, &[Command::Map, Command::Ways], "it shows what one agent expects, and here are several"),
    (Mode::Compare, &[Command::Playback], "these rounds are not kept"),
    (Mode::Compare, &[Command::Edit], "all of these play the same map"),
    (Mode::Compare, &[Command::TakeFirst, Command::TakeSecond], "here only agents are compared"),
    (Mode::Compare, &[Command::Praise, Command::Blame], "none of these agents learns"),
    (Mode::Compare, &[Command::Zoom, Command::Record], "all are shown side by side"),
    (
        Mode::Playback,
        &[Command::TakeFirst, Command::TakeSecond, Command::Praise, Command::Blame],
        "what is shown is over",
    ),
    (Mode::Playback, &[Command::Restart], "the slider in the panel leads to its start"),
    (Mode::Edit, &[Command::Compare, Command::Playback], "other rounds are played on another map"),
    (Mode::Edit, &[Command::Zoom], "one map is drawn at a time"),
];

/// Commands whose effect is seen in the one large arena only: they leave the view of many.
const ONE_ARENA: [Command; 3] = [Command::Map, Command::Ways, Command::Playback];

/// The modes that are on.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct Modes(Vec<Mode>);

impl Modes {
    fn on(&self, mode: Mode) -> bool {
        self.0.contains(&mode)
    }

    /// Whether ages are compared.
    pub fn compares(&self) -> bool {
        self.on(Mode::Compare)
    }

    /// Whether a map is being drawn on.
    pub fn edits(&self) -> bool {
        self.on(Mode::Edit)
    }

    fn refused(&self, command: Command) -> Option<(Mode, &'static str)> {
        let mut rows =
            REFUSED.iter().filter(|(mode, commands, _)| commands.contains(&command) && self.on(*mode));
        rows.next().map(|(mode, _, why)| (*mode, *why))
    }

    /// What is printed on the keys that do nothing now.
    pub fn refused_keys(&self, bindings: &Bindings) -> Vec<&'static str> {
        let rows = REFUSED.iter().filter(|(mode, ..)| self.on(*mode));
        rows.flat_map(|(_, commands, _)| *commands).map(|command| bindings.label(*command)).collect()
    }

    /// Why `command` does nothing now, and what to do first; `None` where it does something.
    pub fn refusal(&self, command: Command, bindings: &Bindings) -> Option<String> {
        let (mode, why) = self.refused(command)?;
        let (name, leave) = match mode {
            Mode::Compare => ("then and now", Command::Compare),
            Mode::Playback => ("looking back", Command::Playback),
            Mode::Edit => ("drawing on the map", Command::Edit),
        };
        Some(format!("not while {name}: {why}; {} ends it", bindings.label(leave)))
    }
}

/// Adds the refusals.
pub fn plugin(app: &mut App) {
    app.init_resource::<Modes>()
        .add_systems(PreUpdate, (look, refuse).chain().after(super::controls::read).in_set(ReadControls));
}

/// Sees which modes are on.
fn look(
    comparison: Option<Res<Comparison>>,
    looking: Option<Res<Playback>>,
    editor: Option<Res<Editor>>,
    mut modes: ResMut<Modes>,
) {
    let all = [
        (Mode::Compare, comparison.is_some()),
        (Mode::Playback, looking.is_some()),
        (Mode::Edit, editor.is_some()),
    ];
    modes.set_if_neq(Modes(all.into_iter().filter(|(_, on)| *on).map(|(mode, _)| mode).collect()));
}

/// Takes away what is refused, before anything obeys it.
fn refuse(
    mut controls: ResMut<Controls>,
    modes: Res<Modes>,
    bindings: Res<Bindings>,
    insight: Option<Res<OverlaySettings>>,
    mut screen: ResMut<Screen>,
    mut notice: ResMut<Notice>,
) {
    for command in REFUSED.iter().flat_map(|(_, commands, _)| *commands).chain(&ONE_ARENA) {
        if !controls.held(*command) && !controls.struck(*command) {
            continue;
        }
        let struck = controls.struck(*command);
        if let Some(why) = modes.refusal(*command, &bindings) {
            controls.take_away(*command);
            if struck {
                notice.say(why);
            }
        } else if struck && screen.zoomed_out && ONE_ARENA.contains(command) {
            screen.zoomed_out = false;
            let shown = insight.as_ref().is_some_and(|insight| match command {
                Command::Map => insight.map.is_some(),
                Command::Ways => insight.ways,
                _ => false,
            });
            // It was on already, and is seen now.
            if shown {
                controls.take_away(*command);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::bindings::COMMANDS;
    use crate::view::controls::tests::{ready, strike};

    fn app() -> App {
        let mut app = App::new();
        app.init_resource::<Screen>()
            .init_resource::<Notice>()
            .init_resource::<OverlaySettings>()
            .add_plugins((super::super::controls::plugin, plugin))
            .init_resource::<Struck>()
            .add_systems(Update, |controls: Res<Controls>, mut struck: ResMut<Struck>| {
                struck.0.extend(
                    COMMANDS.map(|(command, ..)| command).iter().filter(|all| controls.struck(**all)),
                );
            });
        ready(&mut app);
        app
    }

    /// Commands that came through.
    #[derive(Resource, Default)]
    struct Struck(Vec<Command>);

    /// What came through of the keys of `commands`, and what was said.
    fn given(app: &mut App, commands: &[Command]) -> (Vec<Command>, Option<String>) {
        app.world_mut().resource_mut::<Struck>().0.clear();
        *app.world_mut().resource_mut::<Notice>() = Notice::default();
        for command in commands {
            let key = app.world().resource::<Bindings>().key(*command);
            strike(app, key);
        }
        let said = app.world().resource::<Notice>().text().map(str::to_owned);
        (app.world().resource::<Struck>().0.clone(), said)
    }

    #[test]
    fn what_means_nothing_in_a_comparison_is_refused_and_told() {
        let mut app = app();
        let keys = [Command::Playback, Command::Map, Command::Edit, Command::TakeFirst, Command::Zoom];
        for command in keys {
            assert_eq!(given(&mut app, &[command]), (vec![command], None));
        }
        app.insert_resource(Comparison::default());
        for command in keys {
            let (struck, said) = given(&mut app, &[command]);
            let said = said.unwrap_or_default();
            assert!(
                struck.is_empty() && said.contains("then and now") && said.ends_with("N ends it"),
                "{said}"
            );
        }
        assert_eq!(
            given(&mut app, &[Command::Pause, Command::Compare]).0,
            [Command::Pause, Command::Compare]
        );
    }

    #[test]
    fn what_is_seen_in_one_arena_leaves_the_view_of_many() {
        let mut app = app();
        app.world_mut().resource_mut::<Screen>().zoomed_out = true;
        assert_eq!(given(&mut app, &[Command::Ways]).0, [Command::Ways]);
        assert!(!app.world().resource::<Screen>().zoomed_out);
        // What is on already is only brought to sight.
        app.world_mut().resource_mut::<Screen>().zoomed_out = true;
        app.world_mut().resource_mut::<OverlaySettings>().ways = true;
        assert_eq!(given(&mut app, &[Command::Ways]).0, []);
        assert!(!app.world().resource::<Screen>().zoomed_out);
        assert_eq!(given(&mut app, &[Command::Ways]).0, [Command::Ways]);
    }
}
