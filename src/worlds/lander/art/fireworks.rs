//! Particles around the rocket: exhaust and the dust it stirs, touchdown, crash and rest.

use std::f32::consts::PI;

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use super::MoonShapes;
use super::shapes::{MoonArt, NOZZLE};
use crate::sim::{AgentSlots, Arena};
use crate::view::drift::{Drift, scatter};
use crate::view::effects::{Art, FlatMaterials, Materials};
use crate::view::follow::Follows;
use crate::view::sound::Cue;
use crate::view::stage::{Detail, Stage};
use crate::worlds::lander::Lander;
use crate::worlds::lander::craft::LEG_HALF;

/// Seconds between two puffs of exhaust.
const PUFF: f32 = 0.025;
/// The main flame stirs dust when the nozzle is below this height.
const STIRS: f32 = 2.6;
const MOON_PULL: Vec2 = Vec2::new(0.0, -5.0);

/// Emits sparks and splinters.
#[derive(SystemParam)]
pub(super) struct Fireworks<'w, 's> {
    studio: Materials<'w, 's>,
    art: Res<'w, MoonArt>,
}

impl Fireworks<'_, '_> {
    /// Throws `count` shapes from `place` in all directions, at most at `pace` units/s.
    fn scatter(&mut self, (entity, stage): (Entity, &Stage), art: &Art, place: Vec2, count: u32, pace: f32) {
        let count = if stage.detail == Detail::Large { count } else { count / 3 };
        for piece in 0..count {
            let key = 3 * piece + stage.index as u32 * 97;
            let angle = PI * (scatter(key) * 0.9 + 0.5);
            let velocity = Vec2::from_angle(angle) * pace * (0.35 + 0.65 * scatter(key + 1).abs());
            let (life, spin) = (0.9 + 0.5 * scatter(key + 2), 9.0 * scatter(key + 2));
            self.studio
                .burst(entity, art.at(stage.detail), place.extend(5.2), [1.3, 0.5], life)
                .insert(Drift { velocity, pull: MOON_PULL, drag: 0.6, spin });
        }
    }

    /// Makes dust roll away from `place` to both sides.
    fn dust(&mut self, (entity, stage): (Entity, &Stage), place: Vec2, pace: f32, key: u32) {
        for side in [-1.0, 1.0] {
            let stray = scatter(key + u32::from(side > 0.0));
            let velocity = Vec2::new(side * pace * (0.7 + 0.3 * stray), 0.3 + 0.25 * stray.abs());
            self.studio
                .burst(entity, self.art.dust.at(stage.detail), place.extend(4.8), [0.8, 3.0], 0.8)
                .insert(Drift { velocity, drag: 1.8, ..default() });
        }
    }
}

/// Touchdown, crash and rest.
pub(super) fn mark_events(
    mut fireworks: Fireworks,
    arenas: Query<(&Arena, &AgentSlots, &Lander)>,
    followers: Query<&Follows>,
    mut stages: Query<(Entity, &Stage, &mut MoonShapes)>,
) {
    for (entity, stage, mut shapes) in &mut stages {
        let Ok((arena, seats, lander)) = arenas.get(stage.arena) else { continue };
        let on = (entity, stage);
        let (ended, place) = (arena.steps() < shapes.steps, shapes.last);
        if ended {
            let landed = seats.outcomes.first().is_some_and(|outcome| outcome.success);
            if landed {
                let ring = fireworks.art.ring.at(stage.detail);
                fireworks.studio.sound(entity, Cue::Goal);
                fireworks.studio.burst(entity, ring.clone(), place.extend(5.0), [0.5, 3.0], 0.9);
                fireworks.studio.burst(entity, ring, place.extend(5.0), [0.3, 1.7], 0.7);
                let ember = fireworks.art.ember.clone();
                fireworks.scatter(on, &ember, place, 26, 5.5);
            } else if shapes.standing != [true, true] {
                let blast = fireworks.art.blast.at(stage.detail);
                fireworks.studio.sound(entity, Cue::Blast);
                fireworks.studio.burst(entity, blast, place.extend(5.3), [0.5, 2.2], 0.7);
                let (ember, splinter) = (fireworks.art.ember.clone(), fireworks.art.splinter.clone());
                fireworks.scatter(on, &ember, place, 24, 6.5);
                fireworks.scatter(on, &splinter, place, 15, 4.5);
                (0..4).for_each(|puff| fireworks.dust(on, place - Vec2::Y * 0.3, 2.4, puff * 5));
            }
            shapes.standing = [false; 2];
        }
        let standing = lander.standing();
        for (leg, (now, before)) in standing.into_iter().zip(shapes.standing).enumerate() {
            let Ok(foot) = followers.get(shapes.legs[leg]) else { continue };
            if now && !before && !ended {
                let place = foot.position() - Vec2::Y * LEG_HALF.y;
                (0..2).for_each(|puff| fireworks.dust(on, place, 1.2 + 0.8 * puff as f32, 3 * puff));
            }
        }
        shapes.standing = standing;
        shapes.steps = arena.steps();
        if let Ok(hull) = followers.get(shapes.hull) {
            shapes.last = hull.position();
        }
    }
}

/// Sparks behind the main engine, its light on the ground below, the dust it stirs there.
pub(super) fn blow(
    mut fireworks: Fireworks,
    inks: Res<FlatMaterials>,
    landers: Query<&Lander>,
    followers: Query<(&Follows, &Transform)>,
    mut stages: Query<(Entity, &Stage, &mut MoonShapes)>,
    mut lights: Query<
        (&mut Transform, &mut MeshMaterial2d<crate::view::effects::FlatMaterial>),
        (Without<Follows>, Without<Stage>),
    >,
) {
    let seconds = fireworks.studio.time.delta_secs();
    for (entity, stage, mut shapes) in &mut stages {
        let Ok(lander) = landers.get(stage.arena) else { continue };
        let Ok((hull, pose)) = followers.get(shapes.hull) else { continue };
        let down = (pose.rotation * Vec3::NEG_Y).truncate();
        let nozzle = pose.translation.truncate() - down * NOZZLE;
        let ground = Vec2::new(nozzle.x, lander.ground_at(nozzle.x));
        let main = shapes.burning[1];
        let near = (1.0 - (nozzle.y - ground.y) / STIRS).clamp(0.0, 1.0);
        if let Ok((mut transform, mut ink)) = lights.get_mut(shapes.light) {
            transform.translation = ground.extend(transform.translation.z);
            ink.set_if_neq(inks.fade(main * near));
        }
        shapes.quiet += seconds;
        // Only while the rocket moves: no puffs while paused.
        let puffs = main > 0.3 && shapes.quiet > PUFF && hull.moved != Vec2::ZERO;
        if !puffs || stage.detail == Detail::Small {
            continue;
        }
        shapes.quiet = 0.0;
        shapes.puffs = shapes.puffs.wrapping_add(2);
        let key = shapes.puffs;
        let velocity = Vec2::from_angle(0.25 * scatter(key)).rotate(down) * (4.5 + 1.5 * scatter(key + 1));
        let ember = fireworks.art.ember.at(stage.detail);
        let start = (nozzle + down * 0.35).extend(3.5);
        fireworks.studio.sound(entity, Cue::Thrust);
        fireworks.studio.burst(entity, ember, start, [0.9, 0.25], 0.35).insert(Drift {
            velocity,
            drag: 1.5,
            ..default()
        });
        if near > 0.0 && key.is_multiple_of(4) {
            fireworks.dust((entity, stage), ground + Vec2::Y * 0.08, 1.0 + 3.0 * near, key);
        }
    }
}
