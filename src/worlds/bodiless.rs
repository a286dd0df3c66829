//! Drawing of worlds without bodies to follow: shapes take their poses from the state, which glides from one tick to the
//! next, so that five steps a second look like motion.

use std::f32::consts::{PI, TAU};

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use crate::agent::Controllers;
use crate::sim::arena::Spec;
use crate::sim::pace::Pace;
use crate::sim::{AgentSlots, Arena};
use crate::view::effects::{Art, FlatMaterials};
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::stage::Stage;
use crate::view::tail::Ghost;

/// The clocks that animations use.
#[derive(SystemParam)]
pub(super) struct Clock<'w> {
    time: Res<'w, Time<Real>>,
    spec: Res<'w, Spec>,
    pace: Option<Res<'w, Pace>>,
}

impl Clock<'_> {
    pub(super) fn beat(&self) -> Beat {
        let tick = match &self.pace {
            Some(pace) if pace.unlimited => 0.0,
            Some(pace) => self.spec.tick_seconds / pace.speed.max(0.01),
            None => self.spec.tick_seconds,
        };
        Beat { frame: self.time.delta_secs(), tick }
    }
}

/// Seconds since the last frame, and the duration of a tick on screen in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beat {
    pub(super) frame: f32,
    tick: f32,
}

/// An arena's state as drawn: numbers that reach each tick's values when the next tick is due.
#[derive(Debug, Clone)]
pub(super) struct Glide<const N: usize> {
    from: [f32; N],
    /// The values after the latest tick.
    pub(super) to: [f32; N],
    age: f32,
    steps: u32,
}

impl<const N: usize> Glide<N> {
    pub(super) fn new(values: [f32; N], arena: &Arena) -> Self {
        Self { from: values, to: values, age: 0.0, steps: arena.steps() }
    }

    /// Sets the next target, `values` after `steps` of the episode; the first `turning` numbers are angles.
    /// Returns the final state if an episode ended since the last frame.
    pub(super) fn go(
        &mut self,
        values: [f32; N],
        turning: usize,
        steps: u32,
        beat: Beat,
    ) -> Option<[f32; N]> {
        let mut ended = None;
        if steps < self.steps {
            // The arena was reset within the tick that ended the episode, so the last seen state is the final
            // one.
            ended = Some(self.to);
            (self.from, self.to) = (values, values);
        } else if steps > self.steps {
            (self.from, self.to, self.age) = (self.now(beat), values, 0.0);
            for (from, to) in self.from.iter_mut().zip(&self.to).take(turning) {
                // The shorter way round.
                *from = to - (to - *from + PI).rem_euclid(TAU) + PI;
            }
        }
        self.steps = steps;
        self.age += beat.frame;
        ended
    }

    /// The values to draw in this frame.
    pub(super) fn now(&self, beat: Beat) -> [f32; N] {
        let share = if self.age < beat.tick { self.age / beat.tick } else { 1.0 };
        std::array::from_fn(|index| self.from[index] + (self.to[index] - self.from[index]) * share)
    }
}

/// Whether the last episode of the one slot was a success.
pub(super) fn succeeded(seats: &AgentSlots) -> bool {
    seats.outcomes.first().is_some_and(|outcome| outcome.success)
}

/// The shapes of all stages, for moving them.
#[derive(SystemParam)]
pub(super) struct Shapes<'w, 's> {
    all: Query<
        'w,
        's,
        (&'static mut Transform, Option<&'static mut Mesh2d>, Option<&'static mut FlatMaterial>),
        (Without<Stage>, Without<Ghost>),
    >,
    inks: Res<'w, FlatMaterials>,
}

type FlatMaterial = MeshMaterial2d<crate::view::effects::FlatMaterial>;

impl Shapes<'_, '_> {
    pub(super) fn place(&mut self, shape: Entity, position: Vec2, angle: f32) {
        if let Ok((mut transform, ..)) = self.all.get_mut(shape) {
            transform.translation = position.extend(transform.translation.z);
            transform.rotation = Quat::from_rotation_z(angle);
        }
    }

    pub(super) fn scale(&mut self, shape: Entity, scale: Vec2) {
        if let Ok((mut transform, ..)) = self.all.get_mut(shape) {
            transform.scale = scale.extend(1.0);
        }
    }

    pub(super) fn wear(&mut self, shape: Entity, look: Mesh2d) {
        if let Ok((_, Some(mut mesh), _)) = self.all.get_mut(shape) {
            mesh.set_if_neq(look);
        }
    }

    pub(super) fn fade(&mut self, shape: Entity, opacity: f32) {
        if let Ok((_, _, Some(mut ink))) = self.all.get_mut(shape) {
            ink.set_if_neq(self.inks.fade(opacity));
        }
    }
}

/// Puts shapes on one stage.
pub(super) struct Furnisher<'a, 'w, 's> {
    pub(super) commands: &'a mut Commands<'w, 's>,
    pub(super) inks: &'a FlatMaterials,
    pub(super) stage: &'a Stage,
}

impl Furnisher<'_, '_, '_> {
    /// An empty parent node at depth `z`.
    pub(super) fn node(&mut self, parent: Entity, z: f32) -> Entity {
        self.commands.spawn((Transform::from_xyz(0.0, 0.0, z), Visibility::default(), ChildOf(parent))).id()
    }

    pub(super) fn put(&mut self, parent: Entity, art: &Art, position: Vec2, z: f32) -> Entity {
        let place = Transform::from_translation(position.extend(z));
        let look = (art.at(self.stage.detail), self.inks.plain());
        self.commands.spawn((look, place, ChildOf(parent))).id()
    }
}

/// Color index of the slot's controller, into the meshes made per color.
pub(super) fn player(controllers: Option<&Controllers>) -> usize {
    controllers.and_then(|all| all.first()).map_or(0, palette::player)
}

/// Moves `value` towards `goal`, half way in about 60 ms.
pub(super) fn ease(value: &mut f32, goal: f32, seconds: f32) {
    *value += (goal - *value) * (1.0 - (-seconds * 12.0).exp());
}

/// Scale of a shape that has just appeared, while `pop` goes from 1 to 0: overshoots a little.
pub(super) fn appear(pop: f32) -> f32 {
    1.0 - pop.powi(2) * 0.7 + (pop * TAU).sin().max(0.0) * 0.1
}

/// The ground of a picture of half size `half` whose frame is `rim` wide.
pub(super) fn paint_ground(canvas: &mut Paint, half: Vec2, rim: f32) {
    canvas.soft(
        &rounded(Vec2::new(0.0, -0.5 * rim), half - 0.4 * rim, 1.4 * rim),
        1.2 * rim,
        BLACK.alpha(0.5),
    );
    canvas.fill(&rounded(Vec2::new(0.0, -0.22 * rim), half, 1.5 * rim), palette::WALL_SIDE.solid());
    let floor = rounded(Vec2::ZERO, half - 0.5 * rim, rim);
    canvas.shade(&floor, palette::FLOOR_ALT.solid(), palette::FLOOR.solid());
}

/// The frame, drawn over the picture, and its shadow.
pub(super) fn paint_rim(canvas: &mut Paint, half: Vec2, rim: f32) {
    let inner = half - rim;
    let shadow = Rect::from_corners(Vec2::new(-inner.x, inner.y - 0.7 * rim), inner);
    canvas.ramp(shadow, BLACK.alpha(0.32), BLACK.alpha(0.0));
    canvas.line(&rounded(Vec2::ZERO, half, 1.5 * rim), rim, palette::WALL.solid());
}

/// A ring that grows where an episode ends.
pub(super) fn paint_ring(canvas: &mut Paint, radius: f32, tone: Tone) {
    canvas.soft(&circle(Vec2::ZERO, 0.4 * radius), 0.6 * radius, tone.alpha(0.35));
    canvas.line(&circle(Vec2::ZERO, radius), 0.12 * radius, tone.solid());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glide(value: f32) -> Glide<1> {
        Glide { from: [value], to: [value], age: 0.0, steps: 0 }
    }

    #[test]
    fn a_tick_is_drawn_over_the_time_it_lasts() {
        let beat = Beat { frame: 0.05, tick: 0.2 };
        let mut x = glide(1.0);
        let drawn: Vec<f32> = [1, 1, 1, 1, 1]
            .map(|steps| {
                x.go([3.0], 0, steps, beat);
                x.now(beat)[0]
            })
            .into();
        assert_eq!(drawn, [1.5, 2.0, 2.5, 3.0, 3.0]);
        // The next tick is early: no jump.
        x.go([4.0], 0, 2, beat);
        x.go([5.0], 0, 3, beat);
        assert!((x.now(beat)[0] - (3.25 + 0.25 * 1.75)).abs() < 1e-6);
    }

    #[test]
    fn a_new_episode_begins_at_once_and_tells_where_the_last_one_ended() {
        let beat = Beat { frame: 0.05, tick: 0.2 };
        let mut x = glide(1.0);
        x.go([2.0], 0, 9, beat);
        assert_eq!(x.go([-1.0], 0, 0, beat), Some([2.0]));
        assert_eq!(x.now(beat), [-1.0]);
    }

    #[test]
    fn angles_take_the_shorter_way() {
        let beat = Beat { frame: 0.1, tick: 0.2 };
        let mut angle = glide(3.0);
        angle.go([-3.0], 1, 1, beat);
        assert!((angle.now(beat)[0].abs() - PI).abs() < 1e-5, "{:?}", angle.now(beat));
    }
}
