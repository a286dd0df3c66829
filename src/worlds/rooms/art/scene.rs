//! Scenes: the static parts of the level a room plays, replaced when the next episode plays another level.

use bevy::prelude::*;

use super::pieces::{Boards, RoomArt};
use super::{Hand, Watch, fixtures, keys, signs};
use crate::view::effects::FlatMaterials;
use crate::view::stage::Stage;
use crate::worlds::rooms::level::Cell;
use crate::worlds::rooms::{Room, Rooms};

/// Depth of the lowest layer of light on a board, and the distance between layers.
const LAYERS: [f32; 2] = [0.3, 0.05];

/// Spawns the scene of the level being played if another one is on show.
pub fn turn(
    mut commands: Commands,
    art: Res<RoomArt>,
    inks: Res<FlatMaterials>,
    rooms: Res<Rooms>,
    mut boards: ResMut<Boards>,
    mut meshes: ResMut<Assets<Mesh>>,
    states: Query<&Room>,
    mut stages: Query<(Entity, &Stage, &mut Watch)>,
) {
    for (entity, stage, mut watch) in &mut stages {
        let Ok(room) = states.get(stage.arena) else { continue };
        let index = room.level_index();
        match watch.scene {
            Some((shown, _)) if shown == index => continue,
            Some((_, old)) => commands.entity(old).despawn(),
            None => {}
        }
        let mut hand = Hand { commands: &mut commands, inks: &inks, detail: stage.detail };
        let scene = hand.node(Vec3::ZERO, entity);
        watch.scene = Some((index, scene));

        let plan = &rooms.levels[index];
        let board = boards.board(plan, index, stage.detail, &mut meshes);
        hand.commands.spawn((board.still.clone(), inks.plain(), Transform::default(), ChildOf(scene)));
        for (number, (mesh, shimmer)) in board.layers.iter().enumerate() {
            let place = Transform::from_xyz(0.0, 0.0, LAYERS[0] + LAYERS[1] * number as f32);
            hand.commands.spawn((mesh.clone(), inks.fade(0.0), place, *shimmer, ChildOf(scene)));
        }
        let level = &plan.level;
        let centers = |kind: Cell| {
            let places = level.places(move |cell| cell == kind);
            places.map(|place| (place, level.center(place.0, place.1)))
        };
        for (number, (_, center)) in centers(Cell::Goal).enumerate() {
            signs::put_goal(&mut hand, &art, [entity, scene], number, center);
        }
        for (place, center) in centers(Cell::Plate) {
            fixtures::put_plate(&mut hand, &art, [entity, scene], place, center);
        }
        for (number, &(column, row)) in plan.barriers.iter().enumerate() {
            let center = level.center(column, row);
            fixtures::put_barrier(&mut hand, &art, [entity, scene], number, level.cell(column, row), center);
        }
        for (number, &(color, (column, row))) in level.keys.iter().enumerate() {
            keys::put(&mut hand, &art, [entity, scene], number, color, level.center(column, row));
        }
    }
}
