//! Keys: they bob on the floor and swing beside their carrier.

use std::f32::consts::TAU;

use bevy::prelude::*;

use super::pieces::RoomArt;
use super::{Hand, Watch};
use crate::view::effects::{Materials, Pulse};
use crate::view::follow::Follows;
use crate::view::sound::Cue;
use crate::view::stage::Stage;
use crate::worlds::rooms::Room;
use crate::worlds::rooms::level::KeyColor;

/// Depth of keys on the floor and of keys that are carried.
const DEPTHS: [f32; 2] = [2.6, 5.4];
/// A key covers `1 − e^−this` of the distance to its carrier per second.
const HASTE: f32 = 9.0;
/// Distance of carried keys from the carrier's center, and their size.
const CARRIED: (f32, f32) = (0.5, 0.62);

/// One key.
#[derive(Component, Debug)]
pub struct KeyShape {
    stage: Entity,
    index: usize,
    color: KeyColor,
    home: Vec2,
    glow: Entity,
    /// The slot of its carrier.
    carrier: Option<usize>,
}

/// Key `index` of a level, at `home`.
pub fn put(
    hand: &mut Hand,
    art: &RoomArt,
    [stage, scene]: [Entity; 2],
    index: usize,
    color: KeyColor,
    home: Vec2,
) {
    let glow = hand.put(&art.key_glow, home.extend(DEPTHS[0] - 0.1), scene);
    hand.commands.entity(glow).insert(Pulse { scale: [0.8, 1.2], period: 1.7 });
    let key = hand.put(&art.keys[color as usize], home.extend(DEPTHS[0]), scene);
    hand.commands.entity(key).insert(KeyShape { stage, index, color, home, glow, carrier: None });
}

/// Animates keys that lie, fly and hang.
pub fn animate(
    mut studio: Materials,
    art: Res<RoomArt>,
    states: Query<&Room>,
    stages: Query<(&Stage, &Watch)>,
    walkers: Query<&Transform, With<Follows>>,
    mut keys: Query<(&mut KeyShape, &mut Transform), (Without<Follows>, Without<Stage>)>,
    mut glows: Query<&mut Visibility>,
) {
    let now = studio.time.elapsed_secs();
    let ease = 1.0 - (-HASTE * studio.time.delta_secs()).exp();
    for (mut shape, mut transform) in &mut keys {
        let Ok((stage, watch)) = stages.get(shape.stage) else { continue };
        let Ok(room) = states.get(stage.arena) else { continue };
        let taken = room.is_taken(shape.index);
        if let Ok(mut visibility) = glows.get_mut(shape.glow) {
            visibility.set_if_neq(if taken { Visibility::Hidden } else { Visibility::Inherited });
        }
        if !taken {
            shape.carrier = None;
            let bob = 0.04 * (now * 2.4 + shape.index as f32 * 1.3).sin();
            transform.translation = (shape.home + Vec2::new(0.0, bob)).extend(DEPTHS[0]);
            transform.rotation = Quat::from_rotation_z(0.12 * (now * 1.7 + shape.index as f32).sin() - 0.3);
            transform.scale = Vec3::ONE;
            continue;
        }
        if shape.carrier.is_none() {
            let near = |slot: &usize| watch.walkers[*slot].distance(shape.home);
            shape.carrier = (0..watch.walkers.len()).min_by(|a, b| near(a).total_cmp(&near(b)));
            let burst = art.opened[shape.color as usize].at(stage.detail);
            studio.sound(shape.stage, Cue::Take);
            studio.burst(shape.stage, burst, shape.home.extend(5.0), [0.4, 1.5], 0.45);
        }
        let node = shape.carrier.and_then(|slot| watch.nodes[0].get(slot));
        let Some(carrier) = node.and_then(|node| walkers.get(*node).ok()) else { continue };
        // Spread around the carrier, the first at its upper right.
        let (far, size) = CARRIED;
        let around = Vec2::from_angle(TAU * (0.11 + 0.19 * shape.index as f32));
        let goal = carrier.translation.truncate() + around * far;
        let here = transform.translation.truncate();
        transform.translation = here.lerp(goal, ease).extend(DEPTHS[1] + 0.01 * shape.index as f32);
        // It swings as it is dragged.
        let swing = ((goal - here).x * 1.4).clamp(-0.9, 0.9);
        transform.rotation = Quat::from_rotation_z(swing - 0.3);
        let scale = transform.scale.x + (size - transform.scale.x) * ease;
        transform.scale = Vec3::splat(scale);
    }
}
