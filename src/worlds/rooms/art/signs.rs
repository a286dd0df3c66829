//! Goals, and the sign over a player that names one of them while the cue is visible.

use bevy::prelude::*;

use super::pieces::RoomArt;
use super::{Hand, Watch};
use crate::view::effects::{FlatMaterials, Materials, Pulse, swing};
use crate::view::follow::Follows;
use crate::view::stage::Stage;
use crate::worlds::rooms::level::Cell;
use crate::worlds::rooms::{Room, Rooms};

/// Smallest and largest size of a goal's light: of a plain goal, and of the named one.
const LIGHT: [[f32; 2]; 2] = [[0.85, 1.25], [1.7, 2.3]];
/// Height of a sign above the player's center, in cells.
const HEIGHT: f32 = 0.92;
/// A sign covers `1 − e^−this` of its distance per second.
const HASTE: f32 = 10.0;

/// The light of one goal.
#[derive(Component, Debug)]
pub struct GoalLight {
    stage: Entity,
    number: usize,
    size: f32,
}

/// The sign of one stage.
#[derive(Component, Debug)]
pub struct SignShape {
    stage: Entity,
    board: Entity,
    arrow: Entity,
    /// Its direction, in radians.
    angle: f32,
    /// 1 while it is shown.
    shown: f32,
}

/// Goal `number` of a level, in the map's order.
pub fn put_goal(hand: &mut Hand, art: &RoomArt, [stage, scene]: [Entity; 2], number: usize, center: Vec2) {
    let light = hand.put(&art.halo, center.extend(1.1), scene);
    hand.commands.entity(light).insert(GoalLight { stage, number, size: 1.0 });
    let gem = hand.put(&art.gem, center.extend(1.2), scene);
    hand.commands.entity(gem).insert(Pulse { scale: [0.92, 1.06], period: 2.0 });
}

/// The sign over the first player of `stage`.
pub fn spawn(hand: &mut Hand, art: &RoomArt, stage: Entity) {
    let node = hand.node(Vec3::new(0.0, 0.0, 6.0), stage);
    let board = hand.on(&art.sign, 0.0, node);
    let arrow = hand.on(&art.arrow, 0.1, node);
    hand.commands.entity(node).insert(SignShape { stage, board, arrow, angle: 0.0, shown: 0.0 });
}

/// Makes goals glow, the named one more.
pub fn light_goals(
    studio: Materials,
    states: Query<&Room>,
    stages: Query<&Stage>,
    mut lights: Query<(&mut GoalLight, &mut Transform)>,
) {
    let now = studio.time.elapsed_secs();
    let ease = 1.0 - (-HASTE * studio.time.delta_secs()).exp();
    for (mut light, mut transform) in &mut lights {
        let room = stages.get(light.stage).and_then(|stage| states.get(stage.arena));
        let named = room.is_ok_and(|room| room.cue() == Some(light.number));
        let size = swing(now, 2.0, LIGHT[usize::from(named)]);
        light.size += (size - light.size) * ease;
        transform.scale = Vec3::splat(light.size);
    }
}

/// Shows signs over players while the cue is visible, then lets them fly away.
pub fn hang_signs(
    studio: Materials,
    inks: Res<FlatMaterials>,
    rooms: Res<Rooms>,
    states: Query<&Room>,
    stages: Query<(&Stage, &Watch)>,
    walkers: Query<&Transform, With<Follows>>,
    mut signs: Query<(&mut SignShape, &mut Transform), Without<Follows>>,
    mut parts: Query<
        (&mut Transform, &mut MeshMaterial2d<crate::view::effects::FlatMaterial>),
        (Without<Follows>, Without<SignShape>),
    >,
) {
    let now = studio.time.elapsed_secs();
    let ease = 1.0 - (-HASTE * studio.time.delta_secs()).exp();
    for (mut sign, mut transform) in &mut signs {
        let Ok((stage, watch)) = stages.get(sign.stage) else { continue };
        let Ok(room) = states.get(stage.arena) else { continue };
        let level = room.level(&rooms);
        if let Some(named) = room.cue() {
            let goals: Vec<Vec2> = level
                .places(|cell| cell == Cell::Goal)
                .map(|(column, row)| level.center(column, row))
                .collect();
            // From one goal to the other.
            if let (Some(to), Some(from)) = (goals.get(named), goals.get(1 - named.min(1))) {
                sign.angle = (to - from).to_angle();
            }
            sign.shown = if watch.begins { 0.0 } else { sign.shown + (1.0 - sign.shown) * ease };
            let walker = watch.nodes[0].first().and_then(|node| walkers.get(*node).ok());
            if let Some(walker) = walker {
                let bob = swing(now, 1.4, [-0.03, 0.03]);
                let place = walker.translation.truncate() + Vec2::new(0.0, HEIGHT + bob);
                transform.translation = place.extend(transform.translation.z);
            }
        } else {
            sign.shown -= sign.shown * ease;
            transform.translation.y += studio.time.delta_secs() * sign.shown;
        }
        transform.scale = Vec3::splat(0.4 + 0.6 * sign.shown);
        for (part, angle) in [(sign.board, 0.0), (sign.arrow, sign.angle)] {
            if let Ok((mut transform, mut ink)) = parts.get_mut(part) {
                transform.rotation = Quat::from_rotation_z(angle);
                ink.set_if_neq(inks.fade(sign.shown));
            }
        }
    }
}
