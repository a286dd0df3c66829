//! Pokes with the mouse: the left button drags a body of the watched arena, the right one kicks it.

use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy_rapier2d::plugin::context::{RapierContextColliders, RapierRigidBodySet};

use super::commands::{AddKeys as _, KeyCommand, KeyGroup, KeyHint, KeySpec, Trigger};
use super::controls::{Controls, ObeyControls};
use super::effects::FlatMaterials;
use super::modes::Modes;
use super::paint::{Paint, circle};
use super::scroll::Scroll;
use super::stage::{Detail, Stage, StageSize};
use super::{ScreenLayout, ViewSystems, palette};
use crate::agent::Watched;
use crate::sim::arena::EnvironmentHooks;
use crate::sim::{Arena, Touch};

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
        hint: KeyHint::Always("drag or kick a body"),
        group: KeyGroup::Time,
        ..KeySpec::fixed(DRAG.0, "drag a body", &[Trigger::Mouse(MouseButton::Left)])
    },
    KeySpec {
        needs: Some(has_bodies),
        beside: Some(DRAG),
        group: KeyGroup::Time,
        ..KeySpec::fixed(KICK.0, "kick a body", &[Trigger::Mouse(MouseButton::Right)])
    },
];

fn has_bodies(world: &World) -> bool {
    world.get_resource::<EnvironmentHooks>().is_some_and(|hooks| hooks.pokable)
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
    mut arenas: Query<(&mut Arena, &RapierRigidBodySet, Option<&RapierContextColliders>), With<Watched>>,
    mut held: ResMut<Held>,
) {
    let pointed = window.single().ok().and_then(|window| pointed(window, &stages));
    let ends = modes.is_some_and(|modes| modes.any()) || !controls.pressed(DRAG);
    if let Some(hold) = held.0 {
        let Ok((mut arena, ..)) = arenas.get_mut(hold.arena) else {
            held.0 = None;
            return;
        };
        // A new episode has placed the body elsewhere.
        if ends || arena.touch().is_none() {
            arena.set_touch(None);
            held.0 = None;
            return;
        }
        let target = pointed.map_or(hold.target, |(_, target)| target);
        arena.set_touch(Some(Touch::Drag { body: hold.body, grip: hold.grip, target }));
        held.0 = Some(Hold { target, ..hold });
        return;
    }
    let [drags, kicks] = [DRAG, KICK].map(|command| controls.just_pressed(command));
    let Some((entity, point)) = pointed.filter(|_| (drags || kicks) && !screen.pointed) else { return };
    let Ok((mut arena, bodies, Some(colliders))) = arenas.get_mut(entity) else { return };
    let Some((body, grip)) = arena.body_at(bodies, colliders, point, REACH * size.0.y) else { return };
    if drags {
        arena.set_touch(Some(Touch::Drag { body, grip, target: point }));
        held.0 = Some(Hold { arena: entity, body, grip, target: point });
    } else {
        // Away from the pointer; a body that is hit in its middle flies up.
        let away = if grip.length() > f32::EPSILON { arena.position(bodies, body) - point } else { Vec2::Y };
        arena.set_touch(Some(Touch::Kick { body, point, direction: away }));
    }
}

/// The watched arena and the point of it under the pointer.
fn pointed(window: &Window, stages: &Query<(&Stage, &Transform, Option<&Scroll>)>) -> Option<(Entity, Vec2)> {
    let (stage, place, scroll) = stages.iter().find(|(stage, ..)| stage.watched)?;
    let size = Vec2::new(window.width(), window.height());
    let at = (window.cursor_position()? - size / 2.0) * Vec2::new(1.0, -1.0);
    let middle = scroll.map_or(Vec2::ZERO, |scroll| scroll.0);
    Some((stage.arena, (at - place.translation.truncate()) / place.scale.x + middle))
}

/// Draws a line of dots from the body to the pointer.
fn draw(
    mut commands: Commands,
    held: Res<Held>,
    size: Res<StageSize>,
    materials: Res<FlatMaterials>,
    mut meshes: ResMut<Assets<Mesh>>,
    stages: Query<(Entity, &Stage, Option<&Scroll>)>,
    arenas: Query<(&Arena, &RapierRigidBodySet)>,
    mut dots: Query<(Entity, &Dot, &mut Transform)>,
) {
    let line = held.0.and_then(|hold| {
        let (arena, bodies) = arenas.get(hold.arena).ok()?;
        let (stage, _, scroll) = stages.iter().find(|(_, stage, _)| stage.watched)?;
        let middle = scroll.map_or(Vec2::ZERO, |scroll| scroll.0);
        Some((stage, arena.point_of(bodies, hold.body, hold.grip) - middle, hold.target - middle))
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
