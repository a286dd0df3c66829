//! Hazards: spinning blades with an eye that follows the nearest player.

use bevy::prelude::*;

use super::pieces::RoomArt;
use super::{Hand, Watch};
use crate::view::effects::{Materials, swing};
use crate::view::follow::Follows;

/// Spin, rad/s.
const SPIN: f32 = 5.0;
/// How far the pupil moves from the center of the eye, in cells.
const GAZE: f32 = 0.055;

/// One hazard, on the node that follows its body.
#[derive(Component, Debug)]
pub struct HazardShape {
    stage: Entity,
    index: usize,
    menace: Entity,
    blade: Entity,
    pupil: Entity,
}

/// Hazard `index` on `stage`.
pub fn spawn(hand: &mut Hand, art: &RoomArt, stage: Entity, index: usize, body: Entity) -> Entity {
    let node = hand.follow(body, 4.7, stage);
    let menace = hand.on(&art.menace, -0.05, node);
    let blade = hand.on(&art.blade, 0.05, node);
    hand.on(&art.hub, 0.1, node);
    let pupil = hand.on(&art.pupil, 0.15, node);
    hand.commands.entity(node).insert(HazardShape { stage, index, menace, blade, pupil });
    node
}

/// Spins blades and turns eyes; hides hazards that the level does not have.
pub fn animate(
    studio: Materials,
    stages: Query<&Watch>,
    mut hazards: Query<(&HazardShape, &Follows, &mut Visibility)>,
    mut parts: Query<&mut Transform, Without<Follows>>,
) {
    let now = studio.time.elapsed_secs();
    for (shape, follows, mut visibility) in &mut hazards {
        let Ok(watch) = stages.get(shape.stage) else { continue };
        let there = shape.index < watch.hazards.len();
        visibility.set_if_neq(if there { Visibility::Inherited } else { Visibility::Hidden });
        if let Ok(mut blade) = parts.get_mut(shape.blade) {
            blade.rotation = Quat::from_rotation_z(-SPIN * now);
        }
        if let Ok(mut menace) = parts.get_mut(shape.menace) {
            menace.scale = Vec3::splat(swing(now + shape.index as f32 * 0.3, 0.9, [0.9, 1.15]));
        }
        let here = follows.position();
        let prey = watch.walkers.iter().min_by(|a, b| a.distance(here).total_cmp(&b.distance(here))).copied();
        if let (Some(prey), Ok(mut pupil)) = (prey, parts.get_mut(shape.pupil)) {
            let gaze = (prey - here).normalize_or_zero() * GAZE;
            pupil.translation = gaze.extend(pupil.translation.z);
        }
    }
}
