//! paddle-duel on screen: a court with the score in its floor, a ball with a tail, paddles that feel hits.

mod art;

use bevy::prelude::*;

use super::ViewSystems;
use super::effects::{Art, Inks, Studio, decay};
use super::follow::Follows;
use super::palette;
use super::stage::{Detail, Stage};
use super::tail::{Ghost, Tail};
use crate::agent::Controllers;
use crate::sim::Arena;
use crate::sim::worlds::paddle_duel::{COURT, Court, PaddleDuel};
use art::{BEYOND, CourtArt};

/// Ghosts in the tail of a large and of a small ball.
const TAIL: [usize; 2] = [12, 5];

/// The moving shapes of one stage.
#[derive(Component)]
struct CourtShapes {
    ball: Entity,
    paddles: [Entity; 2],
    sides: [Entity; 2],
    digits: [Entity; 2],
    tail: Tail,
    scores: [u32; 2],
    rally: u32,
    /// By slot: 1 when the paddle has just met the ball.
    hit: [f32; 2],
    /// By slot: 1 when its score has just changed.
    scored: [f32; 2],
}

/// Draws paddle-duel where it runs.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(Startup, art::prepare.run_if(resource_exists::<Court>)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (recolor, animate, drag_tail).chain().in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<CourtArt>),
    );
}

fn furnish(
    mut commands: Commands,
    art: Res<CourtArt>,
    inks: Res<Inks>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &PaddleDuel)>,
) {
    let at = |position: Vec2, z: f32| Transform::from_translation(position.extend(z));
    for (entity, stage) in &stages {
        let Ok((arena, duel)) = arenas.get(stage.arena) else { continue };
        let &[ball, left, right, ..] = arena.entities.as_slice() else { continue };
        let detail = stage.detail;
        let mut put = |art: &Art, place: Transform, parent: Entity| {
            commands.spawn((art.at(detail), inks.plain(), place, ChildOf(parent))).id()
        };
        put(&art.board, at(Vec2::ZERO, 0.0), entity);
        let sides = [0, 1].map(|slot| put(&art.sides[slot][1], at(Vec2::ZERO, 0.5), entity));
        let digits = [-1.0, 1.0].map(|side| put(&art.digits[0], at(Vec2::new(side * 4.2, 0.0), 1.0), entity));
        let mut follow = |body: Entity, z: f32| {
            commands.spawn((Follows::new(body), at(Vec2::ZERO, z), ChildOf(entity))).id()
        };
        let node = follow(ball, 4.0);
        let paddles = [follow(left, 3.0), follow(right, 3.0)];
        let mut put = |art: &Art, place: Transform, parent: Entity, opacity: f32| {
            commands.spawn((art.at(detail), inks.fade(opacity), place, ChildOf(parent))).id()
        };
        put(&art.glow, at(Vec2::ZERO, -0.1), node, 1.0);
        put(&art.ball, at(Vec2::ZERO, 0.1), node, 1.0);
        let paddles = [0, 1].map(|slot| put(&art.paddles[slot][1], at(Vec2::ZERO, 0.1), paddles[slot], 1.0));
        let tail = Tail::spawn(&mut commands, &inks, art.ghost.at(detail), entity, TAIL[detail.index()], 2.0);
        commands.entity(entity).insert(CourtShapes {
            ball: node,
            paddles,
            sides,
            digits,
            tail,
            scores: duel.scores(),
            rally: duel.rally(),
            hit: [0.0; 2],
            scored: [0.0; 2],
        });
    }
}

/// Paddles and the floor behind them wear the colour of whoever plays.
fn recolor(
    art: Res<CourtArt>,
    stages: Query<(&Stage, &CourtShapes)>,
    controllers: Query<&Controllers>,
    mut meshes: Query<&mut Mesh2d>,
) {
    for (stage, shapes) in &stages {
        let Ok(controllers) = controllers.get(stage.arena) else { continue };
        for (slot, controller) in controllers.iter().enumerate().take(2) {
            let index = palette::player(controller);
            for (entity, art) in [
                (shapes.paddles[slot], &art.paddles[slot][index]),
                (shapes.sides[slot], &art.sides[slot][index]),
            ] {
                if let Ok(mut mesh) = meshes.get_mut(entity) {
                    mesh.set_if_neq(art.at(stage.detail));
                }
            }
        }
    }
}

fn animate(
    mut studio: Studio,
    art: Res<CourtArt>,
    duels: Query<&PaddleDuel>,
    followers: Query<&Follows>,
    mut stages: Query<(Entity, &Stage, &mut CourtShapes)>,
    mut shapes_of: Query<(&mut Transform, &mut Mesh2d), Without<Stage>>,
) {
    let seconds = studio.time.delta_secs();
    for (entity, stage, mut shapes) in &mut stages {
        let (Ok(duel), Ok(ball)) = (duels.get(stage.arena), followers.get(shapes.ball)) else { continue };
        if duel.rally() > shapes.rally {
            let position = ball.position();
            shapes.hit[usize::from(position.x > 0.0)] = 1.0;
            studio.burst(entity, art.hit.at(stage.detail), position.extend(5.0), [0.4, 1.9], 0.35);
        }
        shapes.rally = duel.rally();
        for (slot, score) in duel.scores().into_iter().enumerate() {
            if score > shapes.scores[slot] {
                shapes.scored[slot] = 1.0;
                // The light goes up where the ball went out.
                let loser = 1 - slot;
                let edge = if loser == 0 { -1.0 } else { 1.0 } * (COURT.x + BEYOND.x - 0.12);
                studio.burst(
                    entity,
                    art.point[loser].at(stage.detail),
                    Vec3::new(edge, 0.0, 2.5),
                    [1.0, 1.0],
                    0.7,
                );
            }
            shapes.scores[slot] = score;
            shapes.hit[slot] = decay(shapes.hit[slot], 5.0, seconds);
            shapes.scored[slot] = decay(shapes.scored[slot], 2.0, seconds);
            if let Ok((mut transform, _)) = shapes_of.get_mut(shapes.paddles[slot]) {
                // Pressed flat by the ball, and back.
                let squash = shapes.hit[slot] * shapes.hit[slot];
                transform.scale = Vec3::new(1.0 + 0.35 * squash, 1.0 - 0.1 * squash, 1.0);
            }
            if let Ok((mut transform, mut mesh)) = shapes_of.get_mut(shapes.digits[slot]) {
                transform.scale = Vec3::splat(1.25 + 0.4 * shapes.scored[slot].powi(2));
                mesh.set_if_neq(art.digits[(score as usize).min(9)].at(stage.detail));
            }
        }
    }
}

fn drag_tail(
    mut stages: Query<(&Stage, &mut CourtShapes)>,
    followers: Query<(&Follows, &Transform), Without<Ghost>>,
    mut ghosts: Query<&mut Transform, With<Ghost>>,
) {
    for (stage, mut shapes) in &mut stages {
        let Ok(ball) = followers.get(shapes.ball) else { continue };
        let gap = if stage.detail == Detail::Large { 0.24 } else { 0.5 };
        shapes.tail.follow(ball, gap, 5.0, &mut ghosts);
    }
}
