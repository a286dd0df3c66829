//! paddle-duel on screen: a court with the score in its floor, a ball with a tail, paddles that feel hits.

use bevy::prelude::*;

use super::ViewSystems;
use super::digits;
use super::effects::{Art, Burst, Inks, decay};
use super::follow::Follows;
use super::paint::{Paint, circle, rounded};
use super::palette::{self, Tone};
use super::stage::{Detail, Stage, StageSize};
use crate::agent::Controllers;
use crate::sim::Arena;
use crate::sim::worlds::paddle_duel::{BALL_RADIUS, COURT, Court, PaddleDuel, paddle_outline};

/// Room drawn beyond the court: behind the paddles, and the rails.
const BEYOND: Vec2 = Vec2::new(0.9, 0.7);
/// Ghosts in the tail of a large and of a small ball.
const TAIL: [usize; 2] = [12, 5];
const BLACK: Tone = Tone(0, 0, 0);

/// Meshes of the court.
#[derive(Resource)]
struct CourtArt {
    board: Art,
    digits: Vec<Art>,
    /// By slot, then by player.
    paddles: [[Art; 5]; 2],
    /// Light on the floor behind a slot's paddle, by slot, then by player.
    sides: [[Art; 5]; 2],
    ball: Art,
    glow: Art,
    ghost: Art,
    hit: Art,
    point: [Art; 2],
}

/// The moving shapes of one stage.
#[derive(Component)]
struct CourtShapes {
    ball: Entity,
    paddles: [Entity; 2],
    sides: [Entity; 2],
    digits: [Entity; 2],
    tail: Vec<Entity>,
    scores: [u32; 2],
    rally: u32,
    /// By slot: 1 when the paddle has just met the ball.
    hit: [f32; 2],
    /// By slot: 1 when its score has just changed.
    scored: [f32; 2],
}

/// Draws paddle-duel where it runs.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(Startup, prepare.run_if(resource_exists::<Court>)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (recolor, animate, drag_tail).chain().in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<CourtArt>),
    );
}

fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    let half = COURT + BEYOND;
    commands.insert_resource(StageSize(half));
    let units = 2.0 * half.y;
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, units, paint);
    let sign = |slot: usize| if slot == 0 { -1.0 } else { 1.0 };
    let court = CourtArt {
        board: art(&paint_board),
        digits: (0..10).map(|digit| art(&|canvas| digits::paint(canvas, digit, palette::INK.alpha(0.1)))).collect(),
        paddles: [0, 1].map(|slot| {
            palette::PLAYERS.map(|tone| {
                art(&|canvas| {
                    // The outline runs clockwise for one slot.
                    let mut outline = paddle_outline(slot);
                    if slot == 1 {
                        outline.reverse();
                    }
                    let smaller: Vec<Vec2> = outline
                        .iter()
                        .map(|point| {
                            let middle = Vec2::new(sign(slot) * 0.3, 0.0);
                            middle + (*point - middle) * Vec2::new(0.6, 0.9)
                        })
                        .collect();
                    canvas.soft(&outline, 0.8, tone.alpha(0.2));
                    canvas.fill(&outline, tone.mix(palette::NIGHT, 0.25).solid());
                    canvas.fill(&smaller, tone.mix(palette::INK, 0.12).solid());
                })
            })
        }),
        sides: [0, 1].map(|slot| {
            palette::PLAYERS.map(|tone| {
                art(&|canvas| {
                    let edge = sign(slot) * (COURT.x + BEYOND.x - 0.1);
                    let rect = Rect::from_corners(Vec2::new(edge, -COURT.y), Vec2::new(edge - sign(slot) * 4.0, COURT.y));
                    let (strong, clear) = (tone.alpha(0.16), tone.alpha(0.0));
                    let (left, right) = if slot == 0 { (strong, clear) } else { (clear, strong) };
                    canvas.ramp_across(rect, left, right);
                })
            })
        }),
        ball: art(&|canvas| {
            canvas.fill(&circle(Vec2::ZERO, BALL_RADIUS), palette::AMBER.mix(palette::NIGHT, 0.2).solid());
            let bright = palette::INK.mix(palette::AMBER, 0.15);
            canvas.shade(&circle(Vec2::ZERO, BALL_RADIUS - 0.035), bright.solid(), palette::AMBER.mix(palette::INK, 0.45).solid());
            // Two marks make its spin visible.
            for side in [-1.0, 1.0] {
                canvas.fill(
                    &rounded(Vec2::new(side * 0.15, 0.0), Vec2::new(0.03, 0.1), 0.03),
                    palette::AMBER.mix(palette::WOOD_DARK, 0.6).alpha(0.8),
                );
            }
        }),
        glow: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, BALL_RADIUS), 0.75, palette::AMBER.alpha(0.28));
        }),
        ghost: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, BALL_RADIUS * 0.55), BALL_RADIUS * 0.5, palette::AMBER.alpha(0.5));
        }),
        hit: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.25), 0.5, palette::INK.alpha(0.25));
            canvas.line(&circle(Vec2::ZERO, 0.5), 0.07, palette::INK.alpha(0.9));
        }),
        point: [0, 1].map(|slot| {
            art(&|canvas| {
                // Centred on the edge behind the slot that conceded.
                let rect = Rect::from_corners(Vec2::new(0.0, -COURT.y), Vec2::new(-sign(slot) * 3.0, COURT.y));
                let (strong, clear) = (palette::AMBER.alpha(0.55), palette::AMBER.alpha(0.0));
                let (left, right) = if slot == 0 { (strong, clear) } else { (clear, strong) };
                canvas.ramp_across(rect, left, right);
            })
        }),
    };
    commands.insert_resource(court);
}

fn paint_board(canvas: &mut Paint) {
    let half = COURT + BEYOND;
    canvas.soft(&rounded(Vec2::new(0.0, -0.3), half - 0.3, 0.8), 0.8, BLACK.alpha(0.5));
    canvas.fill(&rounded(Vec2::new(0.0, -0.14), half - Vec2::new(0.05, 0.0), 0.7), palette::WALL_SIDE.solid());
    canvas.fill(&rounded(Vec2::new(0.0, 0.06), half - Vec2::new(0.05, 0.1), 0.7), palette::WALL.solid());
    let floor = Vec2::new(half.x - 0.12, COURT.y);
    canvas.fill(&rounded(Vec2::ZERO, floor, 0.18), palette::FLOOR.solid());
    canvas.shade(&rounded(Vec2::ZERO, floor - 0.05, 0.18), palette::FLOOR_ALT.solid(), palette::FLOOR.solid());
    let top = Rect::from_corners(Vec2::new(-floor.x, COURT.y - 0.5), Vec2::new(floor.x, COURT.y));
    canvas.ramp(top, BLACK.alpha(0.32), BLACK.alpha(0.0));
    let line = palette::INK.alpha(0.09);
    canvas.line(&circle(Vec2::ZERO, 1.9), 0.07, line);
    for index in -7..=7 {
        let center = Vec2::new(0.0, index as f32 * 0.8);
        // The circle's middle stays free.
        if center.y.abs() > 2.1 {
            canvas.fill(&rounded(center, Vec2::new(0.05, 0.22), 0.05), line);
        }
    }
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
        let length = TAIL[detail.index()];
        let tail = (0..length)
            .map(|index| {
                let share = 1.0 - (index as f32 + 1.0) / (length as f32 + 1.0);
                let place = at(Vec2::ZERO, 2.0).with_scale(Vec3::splat(0.4 + 0.6 * share));
                put(&art.ghost, place, entity, share * share)
            })
            .collect();
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
            let tone = palette::of(controller);
            let index = palette::PLAYERS.iter().position(|player| *player == tone).unwrap_or(0);
            for (entity, art) in
                [(shapes.paddles[slot], &art.paddles[slot][index]), (shapes.sides[slot], &art.sides[slot][index])]
            {
                if let Ok(mut mesh) = meshes.get_mut(entity) {
                    mesh.set_if_neq(art.at(stage.detail));
                }
            }
        }
    }
}

fn animate(
    mut commands: Commands,
    art: Res<CourtArt>,
    inks: Res<Inks>,
    time: Res<Time<Real>>,
    duels: Query<&PaddleDuel>,
    followers: Query<&Follows>,
    mut stages: Query<(Entity, &Stage, &mut CourtShapes)>,
    mut shapes_of: Query<(&mut Transform, &mut Mesh2d), Without<Stage>>,
) {
    let seconds = time.delta_secs();
    for (entity, stage, mut shapes) in &mut stages {
        let (Ok(duel), Ok(ball)) = (duels.get(stage.arena), followers.get(shapes.ball)) else { continue };
        let mut burst = |art: &Art, place: Vec3, scale: [f32; 2], life: f32| {
            commands.spawn((
                Burst { scale, life, age: 0.0 },
                art.at(stage.detail),
                inks.plain(),
                Transform::from_translation(place).with_scale(Vec3::splat(scale[0])),
                ChildOf(entity),
            ));
        };
        if duel.rally() > shapes.rally {
            let position = ball.position();
            let slot = usize::from(position.x > 0.0);
            shapes.hit[slot] = 1.0;
            burst(&art.hit, position.extend(5.0), [0.4, 1.9], 0.35);
        }
        shapes.rally = duel.rally();
        let scores = duel.scores();
        for slot in 0..2 {
            if scores[slot] > shapes.scores[slot] {
                shapes.scored[slot] = 1.0;
                let loser = 1 - slot;
                let edge = if loser == 0 { -1.0 } else { 1.0 } * (COURT.x + BEYOND.x - 0.12);
                burst(&art.point[loser], Vec3::new(edge, 0.0, 2.5), [1.0, 1.0], 0.7);
            }
            shapes.hit[slot] = decay(shapes.hit[slot], 5.0, seconds);
            shapes.scored[slot] = decay(shapes.scored[slot], 2.0, seconds);
            if let Ok((mut transform, _)) = shapes_of.get_mut(shapes.paddles[slot]) {
                // Pressed flat by the ball, and back.
                let squash = shapes.hit[slot] * shapes.hit[slot];
                transform.scale = Vec3::new(1.0 + 0.35 * squash, 1.0 - 0.1 * squash, 1.0);
            }
            if let Ok((mut transform, mut mesh)) = shapes_of.get_mut(shapes.digits[slot]) {
                transform.scale = Vec3::splat(1.25 + 0.4 * shapes.scored[slot].powi(2));
                mesh.set_if_neq(art.digits[(scores[slot] as usize).min(9)].at(stage.detail));
            }
        }
        shapes.scores = scores;
    }
}

/// Every ghost moves to where the one before it was; all gather at the ball when it is served anew.
fn drag_tail(
    stages: Query<(&Stage, &CourtShapes)>,
    followers: Query<(&Follows, &Transform), Without<Mesh2d>>,
    mut ghosts: Query<&mut Transform, With<Mesh2d>>,
) {
    for (stage, shapes) in &stages {
        let Ok((ball, transform)) = followers.get(shapes.ball) else { continue };
        if ball.moved == Vec2::ZERO {
            continue;
        }
        let longest = if stage.detail == Detail::Large { 2.5 } else { 6.0 };
        let served = ball.moved.length() > longest;
        let mut next = transform.translation.truncate();
        for &ghost in &shapes.tail {
            let Ok(mut transform) = ghosts.get_mut(ghost) else { continue };
            let here = transform.translation.truncate();
            transform.translation = next.extend(transform.translation.z);
            next = if served { next } else { here };
        }
    }
}
