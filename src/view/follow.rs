//! Follow: shapes follow the poses of their bodies, interpolated when ticks are longer than frames.

use bevy::prelude::*;

use super::ViewSystems;
use crate::sim::arena::Spec;
use crate::sim::pace::Pace;

/// Longer than any body moves in a tick: it was placed, not moved.
const JUMP: f32 = 1.0;

/// Seconds per frame; longer ticks are interpolated over several frames.
const FRAME: f32 = 1.0 / 59.0;

/// A shape with the pose of `body`, in the arena's coordinates.
#[derive(Component, Debug, Clone)]
#[require(Transform, Visibility)]
pub struct Follows {
    /// The body's entity.
    pub body: Entity,
    /// Its motion since the last frame.
    pub moved: Vec2,
    from: Option<Pose>,
    to: Pose,
    age: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Pose {
    position: Vec2,
    rotation: Quat,
}

impl Follows {
    /// Follows `body`.
    pub fn new(body: Entity) -> Self {
        Self { body, moved: Vec2::ZERO, from: None, to: Pose::default(), age: 0.0 }
    }

    /// The position of the body, which the interpolated shape may not have reached yet.
    pub fn position(&self) -> Vec2 {
        self.to.position
    }
}

/// Adds the system.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(PostUpdate, follow.run_if(resource_exists::<Spec>).in_set(ViewSystems::Follow));
}

fn follow(
    time: Res<Time<Real>>,
    spec: Res<Spec>,
    pace: Option<Res<Pace>>,
    bodies: Query<&Transform, Without<Follows>>,
    mut followers: Query<(&mut Follows, &mut Transform)>,
) {
    // A tick's motion is drawn over the duration of the tick; without interpolation if that is within one frame.
    let paced = pace.filter(|pace| !pace.unlimited);
    let duration = paced.map_or(0.0, |pace| spec.tick_seconds / pace.speed.max(0.01));
    let duration = if duration > FRAME { duration } else { 0.0 };
    for (mut follows, mut transform) in &mut followers {
        let Ok(body) = bodies.get(follows.body) else { continue };
        let pose = Pose { position: body.translation.truncate(), rotation: body.rotation };
        let drawn = Pose { position: transform.translation.truncate(), rotation: transform.rotation };
        if follows.from.is_none() || pose != follows.to {
            let jumped = follows.from.is_none() || pose.position.distance(follows.to.position) > JUMP;
            follows.from = Some(if jumped { pose } else { drawn });
            follows.to = pose;
            follows.age = 0.0;
        }
        follows.age += time.delta_secs();
        let share = if duration > 0.0 { (follows.age / duration).min(1.0) } else { 1.0 };
        let from = follows.from.unwrap_or(pose);
        let position = from.position.lerp(pose.position, share);
        follows.moved = position - drawn.position;
        transform.translation = position.extend(transform.translation.z);
        transform.rotation = from.rotation.slerp(pose.rotation, share);
    }
}
