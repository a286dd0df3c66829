//! Walkers: they stretch as they walk, look where they go, and show which one is the chaser.

use std::f32::consts::TAU;

use bevy::prelude::*;

use super::pieces::{Mood, RoomArt};
use super::{Hand, Watch};
use crate::agent::Controllers;
use crate::view::effects::{Materials, decay, swing};
use crate::view::follow::Follows;
use crate::view::palette;
use crate::view::stage::{Detail, Stage};
use crate::worlds::rooms::{Rooms, Win};

/// Distance between two puffs of dust, in cells.
const PUFFS: f32 = 0.4;
/// A larger move within a frame is a reset or fast-forward, not a walk.
const JUMP: f32 = 0.6;

/// One walker, on the node that follows its body.
#[derive(Component, Debug)]
pub struct WalkerShape {
    stage: Entity,
    slot: usize,
    face: Entity,
    eyes: Entity,
    /// Horns and aura, in worlds with a chaser.
    marks: Option<[Entity; 2]>,
    heading: Vec2,
    speed: f32,
    /// 1 when it has just appeared.
    pop: f32,
    /// Cells walked since the last puff of dust.
    walked: f32,
}

/// The walker of `slot` on `stage`.
pub fn spawn(
    hand: &mut Hand,
    art: &RoomArt,
    rooms: &Rooms,
    stage: Entity,
    slot: usize,
    body: Entity,
) -> Entity {
    let node = hand.follow(body, 4.0 + 0.3 * slot as f32, stage);
    hand.on(&art.shadow, 0.0, node);
    let marks = (rooms.rules.win == Win::Catch).then(|| hand.on(&art.aura, 0.05, node));
    let face = hand.on(&art.walkers[slot.min(1)][1], 0.1, node);
    let marks = marks.map(|aura| [hand.on(&art.horns, -0.02, face), aura]);
    let eyes = hand.on(&art.eyes[Mood::Calm as usize], 0.1, face);
    hand.commands.entity(node).insert(WalkerShape {
        stage,
        slot,
        face,
        eyes,
        marks,
        heading: Vec2::ZERO,
        speed: 0.0,
        pop: 0.0,
        walked: 0.0,
    });
    node
}

/// Walkers wear the color of the controller.
pub fn recolor(
    art: Res<RoomArt>,
    walkers: Query<&WalkerShape>,
    stages: Query<&Stage>,
    controllers: Query<&Controllers>,
    mut meshes: Query<&mut Mesh2d>,
) {
    for walker in &walkers {
        let Ok(stage) = stages.get(walker.stage) else { continue };
        let all = controllers.get(stage.arena).ok();
        let Some(controller) = all.and_then(|all| all.get(walker.slot)) else { continue };
        let body = &art.walkers[walker.slot.min(1)][palette::player(controller)];
        if let Ok(mut mesh) = meshes.get_mut(walker.face) {
            mesh.set_if_neq(body.at(stage.detail));
        }
    }
}

/// Moves their bodies, eyes and marks.
pub fn animate(
    mut studio: Materials,
    art: Res<RoomArt>,
    rooms: Res<Rooms>,
    stages: Query<(&Stage, &Watch)>,
    mut walkers: Query<(&Follows, &Transform, &mut WalkerShape)>,
    mut parts: Query<(&mut Transform, &mut Mesh2d, &mut Visibility), Without<Follows>>,
) {
    let seconds = studio.time.delta_secs();
    let now = studio.time.elapsed_secs();
    for (follows, place, mut walker) in &mut walkers {
        let Ok((stage, watch)) = stages.get(walker.stage) else { continue };
        if watch.begins {
            (walker.pop, walker.heading, walker.walked) = (1.0, Vec2::ZERO, 0.0);
        } else {
            let direction = follows.moved.normalize_or_zero();
            let still = direction == Vec2::ZERO;
            let ease = 1.0 - (-seconds * 12.0).exp();
            walker.heading = walker.heading.lerp(direction, ease * if still { 0.15 } else { 1.0 });
            walker.speed += (f32::from(u8::from(!still)) - walker.speed) * ease;
            let walked = follows.moved.length();
            walker.walked = if walked > JUMP { 0.0 } else { walker.walked + walked };
        }
        if walker.walked > PUFFS {
            walker.walked = 0.0;
            if stage.detail == Detail::Large {
                let behind = place.translation.truncate() - walker.heading * 0.2 - Vec2::Y * 0.2;
                let dust = art.dust.at(stage.detail);
                studio.burst(walker.stage, dust, behind.extend(2.9), [0.6, 1.9], 0.5);
            }
        }
        walker.pop = decay(walker.pop, 3.0, seconds);
        // Overshoots a little as it appears; stretches along its motion as it walks.
        let pop = 1.0 - walker.pop.powi(2) * 0.7 + (walker.pop * TAU).sin().max(0.0) * 0.12;
        let along = walker.heading.abs() * walker.speed * 0.1;
        if let Ok((mut transform, ..)) = parts.get_mut(walker.face) {
            transform.scale =
                Vec3::new(pop * (1.0 + along.x - along.y), pop * (1.0 + along.y - along.x), 1.0);
        }
        let chases = rooms.rules.win == Win::Catch && watch.chaser == walker.slot;
        let mood = match rooms.rules.win {
            Win::Catch if chases => Mood::Fierce,
            Win::Catch => Mood::Alarmed,
            _ => Mood::Calm,
        };
        if let Ok((mut transform, mut mesh, _)) = parts.get_mut(walker.eyes) {
            let own = stage.index as f32 * 0.7 + walker.slot as f32 * 1.9;
            let blink = (now + own) % 4.3 < 0.12;
            transform.translation = (walker.heading * 0.1 + Vec2::new(0.0, 0.04)).extend(0.1);
            transform.scale = Vec3::new(1.0, if blink { 0.15 } else { 1.0 }, 1.0);
            mesh.set_if_neq(art.eyes[mood as usize].at(stage.detail));
        }
        let show = if chases { Visibility::Inherited } else { Visibility::Hidden };
        for mark in walker.marks.into_iter().flatten() {
            if let Ok((_, _, mut visibility)) = parts.get_mut(mark) {
                visibility.set_if_neq(show);
            }
        }
        if let Some((mut aura, ..)) = walker.marks.and_then(|[_, aura]| parts.get_mut(aura).ok()) {
            aura.rotation = Quat::from_rotation_z(now * 0.9);
            aura.scale = Vec3::splat(swing(now, 0.7, [0.94, 1.08]));
        }
    }
}
