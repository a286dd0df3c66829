//! Rooms on screen: what every stage is made of, and in which order it is kept up to date.
//!
//! Each sort of thing moves in a module of its own; how it looks is left to `art`.

mod art;
mod crates;
mod ends;
mod fixtures;
mod hazards;
mod keys;
mod scene;
mod signs;
#[cfg(test)]
mod tests;
mod walkers;

use bevy::prelude::*;

use super::ViewSystems;
use super::effects::{Art, FlatMaterials};
use super::follow::Follows;
use super::stage::{Detail, Stage};
use crate::sim::Arena;
use crate::sim::worlds::rooms::{Room, Rooms, Win};
use art::{Boards, RoomArt};
pub use art::{paint_map, paint_reward};

/// What a stage showed of its room in the last frame.
#[derive(Component, Debug, Default)]
struct Watch {
    /// By sort: what follows players, crates and hazards.
    nodes: [Vec<Entity>; 3],
    /// The level on show, and what is drawn of it.
    scene: Option<(usize, Entity)>,
    /// Steps of the episode: fewer now means that a new one has begun.
    steps: u32,
    /// Whether a new episode has begun since the last frame.
    begins: bool,
    /// The slot that chases, where somebody does.
    chaser: usize,
    /// Where players stand.
    walkers: Vec<Vec2>,
    /// Where crates lie; `None` for what is out of play.
    crates: Vec<Option<Vec2>>,
    /// Where hazards are.
    hazards: Vec<Vec2>,
}

impl Watch {
    /// Where players stand and crates lie.
    fn standing(&self) -> impl Iterator<Item = Vec2> {
        self.walkers.iter().copied().chain(self.crates.iter().flatten().copied())
    }
}

/// Draws worlds of rooms where one runs.
pub(super) fn plugin(app: &mut App) {
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

/// Paints what all levels share, when the rooms are new or have been edited. Stages are put up anew.
fn repaint(
    mut commands: Commands,
    rooms: Res<Rooms>,
    mut meshes: ResMut<Assets<Mesh>>,
    stages: Query<Entity, With<Stage>>,
) {
    commands.insert_resource(art::stage_size(&rooms));
    commands.insert_resource(RoomArt::new(&rooms, &mut meshes));
    commands.insert_resource(Boards::default());
    for stage in &stages {
        commands.entity(stage).despawn();
    }
}

/// Puts meshes of one detail on a stage.
struct Hand<'a, 'w, 's> {
    commands: &'a mut Commands<'w, 's>,
    inks: &'a FlatMaterials,
    detail: Detail,
}

impl Hand<'_, '_, '_> {
    /// An empty place to put things on.
    fn node(&mut self, place: Vec3, parent: Entity) -> Entity {
        let place = Transform::from_translation(place);
        self.commands.spawn((place, Visibility::default(), ChildOf(parent))).id()
    }

    /// A place that follows `body` at depth `z`.
    fn follow(&mut self, body: Entity, z: f32, parent: Entity) -> Entity {
        let place = Transform::from_xyz(0.0, 0.0, z);
        self.commands.spawn((Follows::new(body), place, ChildOf(parent))).id()
    }

    /// A shape.
    fn put(&mut self, art: &Art, place: Vec3, parent: Entity) -> Entity {
        let place = Transform::from_translation(place);
        self.commands.spawn((art.at(self.detail), self.inks.plain(), place, ChildOf(parent))).id()
    }

    /// A shape at depth `z` of its parent's own place.
    fn on(&mut self, art: &Art, z: f32, parent: Entity) -> Entity {
        self.put(art, Vec3::new(0.0, 0.0, z), parent)
    }
}

/// Puts whatever moves on new stages; what belongs to a level comes with its scene.
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

/// Takes down where everything is.
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
