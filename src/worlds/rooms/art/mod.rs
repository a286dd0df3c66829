//! Rooms on screen: what a stage is made of, and the order of its updates.
//!
//! Each kind of thing is animated in a module of its own; the meshes are in `pieces`.

mod crates;
mod ends;
mod fixtures;
mod hazards;
mod keys;
mod pieces;
mod scene;
mod signs;
#[cfg(test)]
mod tests;
mod walkers;

use bevy::prelude::*;

use crate::sim::Arena;
use crate::view::effects::{Art, FlatMaterials};
use crate::view::follow::Follows;
use crate::view::stage::{Detail, Stage};
use crate::view::{ViewSystems, add_once};
use crate::worlds::rooms::{Room, Rooms, Win};
use pieces::{Boards, RoomArt};
pub use pieces::{paint_reward, picture, reward_tone};

/// What a stage showed in the last frame.
#[derive(Component, Debug, Default)]
struct Watch {
    /// By kind: the nodes that follow players, crates and hazards.
    nodes: [Vec<Entity>; 3],
    /// The level on show, and its scene.
    scene: Option<(usize, Entity)>,
    /// Steps of the episode; a smaller number means that a new one has begun.
    steps: u32,
    /// Whether a new episode has begun since the last frame.
    begins: bool,
    /// The slot of the chaser, if there is one.
    chaser: usize,
    /// Positions of players.
    walkers: Vec<Vec2>,
    /// Positions of crates; `None` for those out of play.
    crates: Vec<Option<Vec2>>,
    /// Positions of hazards.
    hazards: Vec<Vec2>,
}

impl Watch {
    /// The positions in a room.
    fn standing(&self) -> impl Iterator<Item = Vec2> {
        self.walkers.iter().copied().chain(self.crates.iter().flatten().copied())
    }
}

/// Draws worlds of rooms, if one runs.
pub fn plugin(app: &mut App) {
    add_once(app, scenes);
}

fn scenes(app: &mut App) {
    app.add_systems(
        PostUpdate,
        repaint.run_if(resource_exists_and_changed::<Rooms>).before(ViewSystems::Arrange),
    )
    .add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (
                ends::celebrate,
                scene::turn,
                watch,
                (walkers::recolor, walkers::animate),
                (crates::animate, hazards::animate),
                (fixtures::move_barriers, fixtures::press_plates, keys::animate),
                (signs::light_goals, signs::hang_signs),
            )
                .chain()
                .in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<RoomArt>),
    );
}

/// Builds the meshes that all levels share when the rooms are new or have been edited, and rebuilds the
/// stages.
fn repaint(
    mut commands: Commands,
    rooms: Res<Rooms>,
    mut meshes: ResMut<Assets<Mesh>>,
    stages: Query<Entity, With<Stage>>,
) {
    commands.insert_resource(pieces::stage_size(&rooms));
    commands.insert_resource(RoomArt::new(&rooms, &mut meshes));
    commands.insert_resource(Boards::default());
    for stage in &stages {
        commands.entity(stage).despawn();
    }
}

/// Adds meshes of one detail level to a stage.
struct Hand<'a, 'w, 's> {
    commands: &'a mut Commands<'w, 's>,
    inks: &'a FlatMaterials,
    detail: Detail,
}

impl Hand<'_, '_, '_> {
    /// An empty parent node.
    fn node(&mut self, place: Vec3, parent: Entity) -> Entity {
        let place = Transform::from_translation(place);
        self.commands.spawn((place, Visibility::default(), ChildOf(parent))).id()
    }

    /// A node that follows `body` at depth `z`.
    fn follow(&mut self, body: Entity, z: f32, parent: Entity) -> Entity {
        let place = Transform::from_xyz(0.0, 0.0, z);
        self.commands.spawn((Follows::new(body), place, ChildOf(parent))).id()
    }

    /// A shape.
    fn put(&mut self, art: &Art, place: Vec3, parent: Entity) -> Entity {
        let place = Transform::from_translation(place);
        self.commands.spawn((art.at(self.detail), self.inks.plain(), place, ChildOf(parent))).id()
    }

    /// A shape at depth `z` relative to its parent.
    fn on(&mut self, art: &Art, z: f32, parent: Entity) -> Entity {
        self.put(art, Vec3::new(0.0, 0.0, z), parent)
    }
}

/// Adds what moves to new stages; the parts of a level come with its scene.
fn furnish(
    mut commands: Commands,
    art: Res<RoomArt>,
    inks: Res<FlatMaterials>,
    rooms: Res<Rooms>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<&Arena>,
) {
    for (entity, stage) in &stages {
        let Ok(arena) = arenas.get(stage.arena) else { continue };
        let mut hand = Hand { commands: &mut commands, inks: &inks, detail: stage.detail };
        let body = |index: usize| arena.entities.get(index).copied();
        let walkers = (0..rooms.players())
            .filter_map(|slot| Some(walkers::spawn(&mut hand, &art, &rooms, entity, slot, body(slot)?)));
        let walkers = walkers.collect();
        let crates = (0..rooms.most.crates)
            .filter_map(|index| {
                Some(crates::spawn(&mut hand, &art, entity, index, body(rooms.crate_body(index))?))
            })
            .collect();
        let hazards = (0..rooms.most.hazards)
            .filter_map(|index| {
                Some(hazards::spawn(&mut hand, &art, entity, index, body(rooms.hazard_body(index))?))
            })
            .collect();
        if rooms.rules.win == Win::Cue {
            signs::spawn(&mut hand, &art, entity);
        }
        let nodes = [walkers, crates, hazards];
        commands.entity(entity).insert(Watch { nodes, steps: arena.steps(), ..default() });
    }
}

/// Stores the positions of this frame.
fn watch(
    rooms: Res<Rooms>,
    states: Query<&Room>,
    mut stages: Query<(&Stage, &mut Watch)>,
    followers: Query<&Follows>,
) {
    for (stage, mut watch) in &mut stages {
        let Ok(room) = states.get(stage.arena) else { continue };
        let level = room.level(&rooms);
        let watch = &mut *watch;
        let [walkers, crates, hazards] = &watch.nodes;
        let at = |node: &Entity| followers.get(*node).map(Follows::position).unwrap_or_default();
        watch.walkers = walkers.iter().map(at).collect();
        let in_play = |index: usize| index < level.crates.len() && !room.is_sunk(index);
        watch.crates =
            crates.iter().enumerate().map(|(index, node)| in_play(index).then(|| at(node))).collect();
        watch.hazards = hazards.iter().take(level.hazards.len()).map(at).collect();
        watch.chaser = room.chaser();
    }
}
