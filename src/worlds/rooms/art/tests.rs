//! Tests that stages follow level changes.

use bevy::prelude::*;
use bevy::window::PrimaryWindow;

use super::fixtures::BarrierShape;
use super::pieces::{Boards, MOST_BOARDS};
use super::{Stage, Watch};
use crate::agent::{ControllerAssignment, HumanInput};
use crate::mdp::Stream;
use crate::sim::arena::{EnvironmentHooks, Spec};
use crate::sim::pace::Pace;
use crate::sim::{self, Arena, SimConfig};
use crate::view::stage::{Detail, StageSize};
use crate::worlds::WorldChoice;
use crate::worlds::rooms::lava_room::RULES;
use crate::worlds::rooms::level::Level;
use crate::worlds::rooms::{Room, Rooms};

fn level(rows: &[&str]) -> Level {
    let map: String = rows.iter().map(|row| format!("\"{row}\",")).collect();
    Level::parse("x.ron", &format!("(version: 1, name: \"n\", map: [{map}])")).unwrap()
}

/// An arcade without a renderer that plays `levels` in 8 arenas.
fn app(levels: Vec<Level>) -> App {
    let world = WorldChoice::of::<Room>(Rooms::set(&RULES, levels));
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, AssetPlugin::default(), sim::plugin))
        .init_asset::<Mesh>()
        .init_asset::<crate::view::effects::FlatMaterial>()
        .insert_resource(HumanInput::new(1))
        .insert_resource(ControllerAssignment::learn_against_script(&world.spec()))
        .init_resource::<Pace>();
    world.add_to(&mut app, SimConfig { arenas: 8, seed: 3, stream: Stream::Environment });
    app.add_plugins((crate::view::controls::plugin, crate::view::sound::plugin, crate::view::plugin))
        .add_plugins(crate::worlds::plugin);
    app.finish();
    app.world_mut().spawn((Window::default(), PrimaryWindow));
    app
}

/// By arena: the level its room plays, and the level its stage shows.
fn shown(app: &mut App) -> Vec<(usize, usize)> {
    let world = app.world_mut();
    let mut stages = world.query::<(&Stage, &Watch)>();
    let scenes: Vec<(Entity, usize)> =
        stages.iter(world).filter_map(|(stage, watch)| Some((stage.arena, watch.scene?.0))).collect();
    scenes.iter().map(|&(arena, level)| (world.get::<Room>(arena).unwrap().level_index(), level)).collect()
}

fn count<C: Component>(app: &mut App) -> usize {
    let world = app.world_mut();
    world.query::<&C>().iter(world).count()
}

/// Ends every episode in the next agent step.
fn end_episodes(app: &mut App) {
    let world = app.world_mut();
    let mut arenas = world.query::<&mut Arena>();
    arenas.iter_mut(world).for_each(|mut arena| arena.cut_episode());
    sim::run_agent_step(world);
}

#[test]
fn every_stage_shows_the_level_that_its_room_plays() {
    let mut app = app(vec![level(&["#####", "#a.g#", "#####"]), level(&["#####", "#a=g#", "#####"])]);
    let mut turned = false;
    let mut before = Vec::new();
    for _ in 0..10 {
        app.update();
        let now = shown(&mut app);
        assert_eq!(now.len(), 8);
        assert!(now.iter().all(|(played, drawn)| played == drawn), "{now:?}");
        // Only the second level has a gate, and the parts of old scenes are gone.
        let gates = now.iter().filter(|(played, _)| *played == 1).count();
        assert_eq!(count::<BarrierShape>(&mut app), gates);
        turned |= !before.is_empty() && before != now;
        before = now;
        end_episodes(&mut app);
    }
    assert!(turned, "no level ever changed: nothing has been tested");
}

#[test]
fn edited_rooms_are_drawn_anew() {
    let mut app = app(vec![level(&["#####", "#a.g#", "#####"])]);
    app.update();
    assert_eq!(count::<BarrierShape>(&mut app), 0);
    let edited = level(&["#####", "#a.g#", "#.=.#", "#####"]);
    let edited = Rooms::single(&RULES, edited);
    app.insert_resource(Spec(WorldChoice::of::<Room>(edited.clone()).spec()));
    app.insert_resource(edited);
    let populate = app.world().resource::<EnvironmentHooks>().populate;
    populate(app.world_mut(), 8);
    app.update();
    assert_eq!(count::<Stage>(&mut app), 8);
    assert_eq!(count::<BarrierShape>(&mut app), 8);
    assert!(app.world().resource::<StageSize>().0.y > 2.0);
}

#[test]
fn boards_are_painted_once_and_not_kept_without_end() {
    let rooms = Rooms::single(&RULES, level(&["#####", "#a.g#", "#####"]));
    let (mut boards, mut meshes) = (Boards::default(), Assets::<Mesh>::default());
    let mut painted =
        |index: usize| boards.board(&rooms.levels[0], index, Detail::Small, &mut meshes).still.0.id();
    let first = painted(0);
    assert_eq!(painted(0), first);
    (1..2 * MOST_BOARDS).for_each(|index| _ = painted(index));
    assert_ne!(painted(0), first);
}
