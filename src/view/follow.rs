//! Follow: shapes take the poses of their bodies, gliding when time runs slower than frames.

use bevy::prelude::*;

use super::ViewSystems;
use crate::sim::arena::Spec;
use crate::sim::pace::Pace;

/// Farther than any body moves in a tick: it was placed, not moved.
const JUMP: f32 = 1.0;

/// Ticks that last longer are drawn over several frames.
const FRAME: f32 = 1.0 / 59.0;

/// A shape that stands where `body` stands, in the arena's coordinates.
#[derive(Component, Debug, Clone)]
#[require(Transform, Visibility)]
pub struct Follows {
    /// The body's entity.
    pub body: Entity,
    /// What it moved since the last frame.
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
    /// Follows `body` from its first pose on.
    pub fn new(body: Entity) -> Self {
        Self { body, moved: Vec2::ZERO, from: None, to: Pose::default(), age: 0.0 }
    }

    /// Where the body stands, even while the shape still glides there.
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
    // A tick's motion is drawn over the time the tick lasts; where that is within one frame, poses are taken as
    // they are.
    let paced = pace.filter(|pace| !pace.unlimited);
    let lasts = paced.map_or(0.0, |pace| spec.tick_seconds / pace.speed.max(0.01));
    let lasts = if lasts > FRAME { lasts } else { 0.0 };
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
        let share = if lasts > 0.0 { (follows.age / lasts).min(1.0) } else { 1.0 };
        let from = follows.from.unwrap_or(pose);
        let position = from.position.lerp(pose.position, share);
        follows.moved = position - drawn.position;
        transform.translation = position.extend(transform.translation.z);
        transform.rotation = from.rotation.slerp(pose.rotation, share);
    }
}
