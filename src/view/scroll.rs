//! Scroll: the part of an arena that its stage shows, in worlds larger than the picture.

use bevy::prelude::*;
use bevy::transform::TransformSystems;

use super::ViewSystems;

/// The point of the arena in the middle of its stage; the arena's origin on stages without it. Whatever writes it is in
/// [`ViewSystems::Animate`].
#[derive(Component, Debug, Clone, Copy, PartialEq, Default)]
pub struct Scroll(pub Vec2);

/// A child of a stage that is in the arena's coordinates, and moves against the stage's [`Scroll`].
#[derive(Component, Debug, Clone, Copy, Default)]
#[require(Transform, Visibility)]
pub struct Scrolled;

/// Adds the system.
pub(super) fn plugin(app: &mut App) {
    let after = scroll.after(ViewSystems::Animate).before(TransformSystems::Propagate);
    app.add_systems(PostUpdate, after);
}

fn scroll(stages: Query<&Scroll>, mut nodes: Query<(&ChildOf, &mut Transform), With<Scrolled>>) {
    for (parent, mut transform) in &mut nodes {
        let Ok(Scroll(middle)) = stages.get(parent.0) else { continue };
        let place = (-middle).extend(transform.translation.z);
        if transform.translation != place {
            transform.translation = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_arena_moves_against_the_scroll() {
        let mut app = App::new();
        app.add_systems(Update, scroll);
        let stage = app.world_mut().spawn(Scroll(Vec2::new(30.0, 1.0))).id();
        let spawn =
            |app: &mut App| app.world_mut().spawn((Transform::from_xyz(0.0, 0.0, 4.0), ChildOf(stage))).id();
        let [inside, frame] = [spawn(&mut app), spawn(&mut app)];
        app.world_mut().entity_mut(inside).insert(Scrolled);
        app.update();
        let place = |shape| app.world().get::<Transform>(shape).unwrap().translation;
        assert_eq!([place(inside), place(frame)], [Vec3::new(-30.0, -1.0, 4.0), Vec3::new(0.0, 0.0, 4.0)]);
    }
}
