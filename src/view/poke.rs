//! Pokes with the mouse: the left button drags a body of the watched arena, the right one kicks it.

use bevy::prelude::*;
use bevy::window::PrimaryWindow;

use super::commands::{AddKeys as _, KeyCommand, KeyGroup, KeyHint, KeySpec, Trigger};
use super::controls::{Controls, ObeyControls};
use super::effects::FlatMaterials;
use super::modes::Modes;
use super::paint::{Paint, circle};
use super::scroll::Scroll;
use super::stage::{Detail, Stage, StageSize};
use super::{ScreenLayout, ViewSystems, palette};
use crate::agent::Watched;
use crate::sim::Touch;
use crate::sim::arena::EnvironmentHooks;
use crate::sim::arena::{Pokable, PokableItem};

/// Drags a body, and kicks one.
const DRAG: KeyCommand = KeyCommand("drag");
const KICK: KeyCommand = KeyCommand("kick");

/// How close to a body the pointer must be, as a share of half the stage's height: small bodies are hard to hit.
const REACH: f32 = 0.03;
/// Dots between a dragged body and the pointer, and their radius as a share of half the stage's height.
const DOTS: usize = 8;
const DOT: f32 = 0.012;

/// The mouse buttons that push bodies.
pub const KEYS: &[KeySpec] = &[
    KeySpec {
        needs: Some(has_bodies),
        hint: KeyHint::Always("drag, kick"),
        group: KeyGroup::Time,
        ..KeySpec::fixed(DRAG.0, "drag a body", &[Trigger::Mouse(MouseButton::Left)])
    },
    KeySpec::fixed(KICK.0, "kick a body", &[Trigger::Mouse(MouseButton::Right)]),
];

/// Where it has bodies, and the mouse does nothing else.
fn has_bodies(world: &World) -> bool {
    world.get_resource::<EnvironmentHooks>().is_some_and(|hooks| hooks.pokable)
        && !world.get_resource::<Modes>().is_some_and(Modes::any)
}

/// The body that is dragged, and the pointer, in the arena's coordinates.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq)]
struct Held(Option<Hold>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Hold {
    arena: Entity,
    body: usize,
    grip: Vec2,
    target: Vec2,
}

/// A dot between the body and the pointer; its number.
#[derive(Component, Debug, Clone, Copy)]
struct Dot(usize);

/// Adds the systems.
pub(super) fn plugin(app: &mut App) {
    app.add_keys(KEYS)
        .init_resource::<Held>()
        .add_systems(PreUpdate, poke.in_set(ObeyControls).run_if(resource_exists::<StageSize>))
        .add_systems(
            PostUpdate,
            draw.run_if(resource_exists::<StageSize>.and_then(resource_exists::<FlatMaterials>))
                .in_set(ViewSystems::Animate),
        );
}

fn poke(
    controls: Res<Controls>,
    screen: Res<ScreenLayout>,
    modes: Option<Res<Modes>>,
    size: Res<StageSize>,
    window: Query<&Window, With<PrimaryWindow>>,
    stages: Query<(&Stage, &Transform, Option<&Scroll>)>,
    mut arenas: Query<Pokable, With<Watched>>,
    mut held: ResMut<Held>,
) {
    if modes.is_some_and(|modes| modes.any()) {
        // What was begun before does not go on in a mode.
        for mut own in arenas.iter_mut().filter(|own| own.arena.touch().is_some()) {
            own.arena.set_touch(None);
        }
        held.set_if_neq(Held(None));
        return;
    }
    let pointed = window.single().ok().and_then(|window| pointed(window, &stages));
    let ends = !controls.pressed(DRAG);
    if let Some(hold) = held.0 {
        let Ok(PokableItem { mut arena, .. }) = arenas.get_mut(hold.arena) else {
            held.0 = None;
            return;
        };
        // A new episode has placed the body elsewhere.
        if ends || arena.touch().is_none() {
            arena.set_touch(None);
            held.0 = None;
            return;
        }
        let target = pointed.map_or(hold.target, |pointed| pointed.point);
        arena.set_touch(Some(Touch::Drag { body: hold.body, grip: hold.grip, target }));
        held.0 = Some(Hold { target, ..hold });
        return;
    }
    let [drags, kicks] = [DRAG, KICK].map(|command| controls.just_pressed(command));
    let Some(Pointed { arena: entity, point, from_middle }) = pointed.filter(|_| drags || kicks) else {
        return;
    };
    // Neither the panel nor the pictures of other arenas.
    if screen.pointed || from_middle.abs().cmpgt(size.0).any() {
        return;
    }
    let Ok(mut own) = arenas.get_mut(entity) else { return };
    let Some((body, grip)) = own.body_at(point, REACH * size.0.y) else { return };
    if drags {
        own.arena.set_touch(Some(Touch::Drag { body, grip, target: point }));
        held.0 = Some(Hold { arena: entity, body, grip, target: point });
    } else {
        // Away from the pointer; a body that is hit in its middle flies up.
        let away = own.position(body) - point;
        let direction = if away.length() > 1e-3 { away } else { Vec2::Y };
        own.arena.set_touch(Some(Touch::Kick { body, point, direction }));
    }
}

/// What the pointer points at.
#[derive(Debug, Clone, Copy)]
struct Pointed {
    /// The watched arena.
    arena: Entity,
    /// The point of it, in its coordinates.
    point: Vec2,
    /// The same from the middle of its stage, in world units.
    from_middle: Vec2,
}

fn pointed(window: &Window, stages: &Query<(&Stage, &Transform, Option<&Scroll>)>) -> Option<Pointed> {
    let (stage, place, scroll) = stages.iter().find(|(stage, ..)| stage.watched)?;
    let size = Vec2::new(window.width(), window.height());
    let at = (window.cursor_position()? - size / 2.0) * Vec2::new(1.0, -1.0);
    let from_middle = (at - place.translation.truncate()) / place.scale.x;
    let point = from_middle + scroll.map_or(Vec2::ZERO, |scroll| scroll.0);
    Some(Pointed { arena: stage.arena, point, from_middle })
}

/// Draws a line of dots from the body to the pointer.
fn draw(
    mut commands: Commands,
    held: Res<Held>,
    size: Res<StageSize>,
    materials: Res<FlatMaterials>,
    mut meshes: ResMut<Assets<Mesh>>,
    stages: Query<(Entity, &Stage, Option<&Scroll>)>,
    mut arenas: Query<Pokable>,
    mut dots: Query<(Entity, &Dot, &mut Transform)>,
) {
    let line = held.0.and_then(|hold| {
        let own = arenas.get_mut(hold.arena).ok()?;
        let (stage, _, scroll) = stages.iter().find(|(_, stage, _)| stage.watched)?;
        let middle = scroll.map_or(Vec2::ZERO, |scroll| scroll.0);
        Some((stage, own.point_of(hold.body, hold.grip) - middle, hold.target - middle))
    });
    let Some((stage, from, to)) = line else {
        dots.iter().for_each(|(dot, ..)| commands.entity(dot).despawn());
        return;
    };
    let place = |number: usize| from.lerp(to, number as f32 / (DOTS - 1) as f32).extend(50.0);
    for (_, Dot(number), mut transform) in &mut dots {
        transform.translation = place(*number);
    }
    if dots.is_empty() {
        let mut paint = Paint::new(Detail::Large.feather(2.0 * size.0.y));
        paint.fill(&circle(Vec2::ZERO, DOT * size.0.y), palette::INK.solid());
        let mesh = meshes.add(paint.mesh());
        for number in 0..DOTS {
            let transform = Transform::from_translation(place(number));
            let shape = (Mesh2d(mesh.clone()), materials.fade(0.9), transform);
            commands.spawn((Dot(number), shape, ChildOf(stage)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::Stream;
    use crate::sim::{Arena, SimConfig, run_agent_step};
    use crate::worlds::WorldChoice;

    /// A simulation of cart-pole with a window of 900 × 700, whose stage shows 50 pixels a unit.
    fn app() -> App {
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin);
        let config = SimConfig { arenas: 2, seed: 1, stream: Stream::Environment };
        WorldChoice::new("cart-pole", None).unwrap().add_to(&mut app, config);
        app.init_resource::<ScreenLayout>()
            .insert_resource(StageSize(Vec2::new(5.0, 4.0)))
            .add_plugins((super::super::controls::plugin, plugin));
        super::super::controls::tests::ready(&mut app);
        app.world_mut().spawn((Window { resolution: (900, 700).into(), ..default() }, PrimaryWindow));
        let mut watched = app.world_mut().query_filtered::<Entity, With<Watched>>();
        let arena = watched.single(app.world()).unwrap();
        let place = Transform::from_xyz(20.0, 10.0, 0.0).with_scale(Vec3::splat(50.0));
        app.world_mut().spawn((Stage::at(arena, 0), place, Scroll(Vec2::new(2.0, 0.0))));
        app
    }

    /// Points at `point` of the arena.
    fn point(app: &mut App, point: Vec2) {
        let at = (point - Vec2::new(2.0, 0.0)) * 50.0 + Vec2::new(20.0, 10.0);
        let mut windows = app.world_mut().query::<&mut Window>();
        let mut window = windows.single_mut(app.world_mut()).unwrap();
        window.set_cursor_position(Some(Vec2::new(450.0 + at.x, 350.0 - at.y)));
    }

    fn press(app: &mut App, button: MouseButton) {
        app.world_mut().resource_mut::<ButtonInput<MouseButton>>().press(button);
        app.update();
        app.world_mut().resource_mut::<ButtonInput<MouseButton>>().clear();
    }

    fn release(app: &mut App, button: MouseButton) {
        app.world_mut().resource_mut::<ButtonInput<MouseButton>>().release(button);
        app.update();
        app.world_mut().resource_mut::<ButtonInput<MouseButton>>().clear();
    }

    /// What is done in the watched arena, and the first body there that can be touched, with its position.
    fn state(app: &mut App) -> (Option<Touch>, usize, Vec2) {
        let mut arenas = app.world_mut().query_filtered::<Pokable, With<Watched>>();
        let own = arenas.single_mut(app.world_mut()).unwrap();
        let is_there =
            |body: &usize| own.body_at(own.position(*body), 0.0).is_some_and(|(found, _)| found == *body);
        let found = (0..10).find(is_there).unwrap();
        (own.arena.touch(), found, own.position(found))
    }

    #[test]
    fn a_body_is_dragged_until_the_button_is_released_and_kicked_once() {
        let mut app = app();
        let (_, body, at) = state(&mut app);
        point(&mut app, at);
        press(&mut app, MouseButton::Left);
        let Some(Touch::Drag { body: held, grip, .. }) = state(&mut app).0 else { panic!("nothing is held") };
        assert!(held == body && grip.length() < 0.01, "{held} {grip}");
        point(&mut app, at + Vec2::X);
        app.update();
        let Some(Touch::Drag { target, .. }) = state(&mut app).0 else { panic!("it was let go") };
        assert!(target.distance(at + Vec2::X) < 0.02, "{target}");
        // Later the pole would fall, which ends the episode.
        (0..3).for_each(|_| run_agent_step(app.world_mut()));
        assert!(state(&mut app).2.x > at.x + 0.01, "it follows the pointer");
        release(&mut app, MouseButton::Left);
        assert_eq!(state(&mut app).0, None);
        assert_eq!(app.world().resource::<Held>().0, None);

        let (_, body, at) = state(&mut app);
        point(&mut app, at + Vec2::new(0.05, 0.0));
        press(&mut app, MouseButton::Right);
        assert!(matches!(state(&mut app).0, Some(Touch::Kick { body: kicked, .. }) if kicked == body));
        run_agent_step(app.world_mut());
        assert_eq!(state(&mut app).0, None, "a kick is one push");
        release(&mut app, MouseButton::Right);

        // Not beside a body, nor under the panel.
        point(&mut app, at + Vec2::new(0.0, 40.0));
        press(&mut app, MouseButton::Left);
        assert_eq!(state(&mut app).0, None);
        release(&mut app, MouseButton::Left);
        point(&mut app, at);
        app.world_mut().resource_mut::<ScreenLayout>().pointed = true;
        press(&mut app, MouseButton::Left);
        assert_eq!(state(&mut app).0, None);
    }

    #[test]
    fn a_new_episode_lets_go() {
        let mut app = app();
        let at = state(&mut app).2;
        point(&mut app, at);
        press(&mut app, MouseButton::Left);
        assert!(state(&mut app).0.is_some());
        let mut arenas = app.world_mut().query::<&mut Arena>();
        arenas.iter_mut(app.world_mut()).for_each(|mut arena| arena.cut_episode());
        run_agent_step(app.world_mut());
        app.update();
        assert_eq!((state(&mut app).0, app.world().resource::<Held>().0), (None, None));
    }
}
