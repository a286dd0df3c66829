//! volley on screen: players that squash, stretch and look at the ball, a net that trembles, a lamp for every
//! remaining touch.

mod shapes;

use bevy::prelude::*;

use crate::agent::Controllers;
use crate::sim::Arena;
use crate::view::court::{BallArt, Ends, EndsArt, sign};
use crate::view::effects::{Art, FlatMaterials, Materials, decay};
use crate::view::follow::Follows;
use crate::view::palette;
use crate::view::sound::Cue;
use crate::view::stage::Stage;
use crate::view::{StageLegend, ViewSystems};
use crate::worlds::volley::{BALL_RADIUS, Beach, COURT, MOST_TOUCHES, NET_HEIGHT, PLAYER_RADIUS, Volley};
use shapes::{BEYOND, BeachArt, EYES};

/// Height above which a shadow is practically invisible.
const SHADOW_HEIGHT: f32 = 10.0;
/// How far pupils move.
const GLANCE: f32 = 0.07;

/// The moving shapes of one stage.
#[derive(Component)]
struct BeachShapes {
    ball: Entity,
    net: Entity,
    players: [PlayerShapes; 2],
    /// Shadows of the ball and both players.
    shadows: [Entity; 3],
    touches: u32,
    scores: [u32; 2],
    /// Where the ball was before it was served again.
    last_ball: Vec2,
    /// 1 when the ball has just hit the net.
    trembling: f32,
    /// The ball's velocity in the last frame.
    heading: f32,
}

/// One player's shapes and how they move.
struct PlayerShapes {
    node: Entity,
    body: Entity,
    pupils: [Entity; 2],
    lamps: Vec<Entity>,
    /// 1 when the ball has just been headed.
    hit: f32,
    /// 1 when it has just landed from a jump.
    landed: f32,
    airborne: bool,
}

/// Draws volley where it runs.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, (shapes::prepare, explain).run_if(resource_exists::<Beach>)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (recolor, animate_ball, animate_players, cast_shadows).chain().in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<BeachArt>),
    );
}

/// What the icons mean.
fn explain(mut commands: Commands) {
    commands.insert_resource(StageLegend(
        "Dots below a player: touches left before the ball must be over the net.",
    ));
}

fn furnish(
    mut commands: Commands,
    (art, balls, ends): (Res<BeachArt>, Res<BallArt>, Res<EndsArt>),
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &Volley)>,
) {
    for (entity, stage) in &stages {
        let Ok((arena, game)) = arenas.get(stage.arena) else { continue };
        let &[ball, left, right, ..] = arena.entities.as_slice() else { continue };
        let detail = stage.detail;
        let mut put = |art: &Art, at: Vec3, parent: Entity| {
            let place = Transform::from_translation(at);
            commands.spawn((art.at(detail), inks.plain(), place, ChildOf(parent))).id()
        };
        put(&art.board, Vec3::ZERO, entity);
        let net = put(&art.net, Vec3::new(0.0, -COURT.y, 2.2), entity);
        let shadows = [0; 3].map(|_| put(&art.shadow, Vec3::new(0.0, -COURT.y, 1.5), entity));
        let lamps = [0, 1].map(|slot| {
            let lamp = |index: u32| {
                let x = sign(slot) * (COURT.x / 2.0 + 0.6 * (index as f32 - 1.0));
                put(&art.lamp, Vec3::new(x, -COURT.y - 0.5 * BEYOND, 1.0), entity)
            };
            (0..MOST_TOUCHES).map(lamp).collect::<Vec<_>>()
        });
        let ball = balls.spawn(&mut commands, &inks, detail, entity, ball);
        let players = [left, right].into_iter().zip(lamps).enumerate().map(|(slot, (player, lamps))| {
            let place = Transform::from_xyz(0.0, 0.0, 3.0);
            let node = commands.spawn((Follows::new(player), place, ChildOf(entity))).id();
            let mut put = |art: &Art, at: Vec3, parent: Entity| {
                let place = Transform::from_translation(at);
                commands.spawn((art.at(detail), inks.plain(), place, ChildOf(parent))).id()
            };
            let body = put(&art.players[1], Vec3::Z * 0.1, node);
            let pupils = EYES.map(|eye| {
                let eye = Vec2::new(-sign(slot) * eye.x, eye.y);
                let white = put(&art.eye, eye.extend(0.1), body);
                put(&art.pupil, Vec3::Z * 0.1, white)
            });
            PlayerShapes { node, body, pupils, lamps, hit: 0.0, landed: 0.0, airborne: false }
        });
        let Ok(players) = <[PlayerShapes; 2]>::try_from(players.collect::<Vec<_>>()) else { continue };
        ends.spawn(&mut commands, &inks, detail, entity, Vec2::new(5.0, 1.6), [0, 1]);
        commands.entity(entity).insert(BeachShapes {
            ball,
            net,
            players,
            shadows,
            touches: game.touches(),
            scores: game.scores(),
            last_ball: Vec2::ZERO,
            trembling: 0.0,
            heading: 0.0,
        });
    }
}

/// Players wear the color of the controller.
fn recolor(
    art: Res<BeachArt>,
    stages: Query<(&Stage, &BeachShapes)>,
    controllers: Query<&Controllers>,
    mut meshes: Query<&mut Mesh2d>,
) {
    for (stage, shapes) in &stages {
        let Ok(controllers) = controllers.get(stage.arena) else { continue };
        for (player, controller) in shapes.players.iter().zip(controllers.iter()) {
            if let Ok(mut mesh) = meshes.get_mut(player.body) {
                mesh.set_if_neq(art.players[palette::player(controller)].at(stage.detail));
            }
        }
    }
}

/// Effects of the ball: rings, sparks where it lands, the trembling net, the score.
fn animate_ball(
    mut studio: Materials,
    (art, balls): (Res<BeachArt>, Res<BallArt>),
    games: Query<&Volley>,
    followers: Query<&Follows>,
    mut stages: Query<(Entity, &Stage, &mut BeachShapes, &mut Ends)>,
    mut transforms: Query<&mut Transform, (Without<Stage>, Without<Follows>)>,
) {
    let seconds = studio.time.delta_secs();
    for (entity, stage, mut shapes, mut ends) in &mut stages {
        let (Ok(game), Ok(ball)) = (games.get(stage.arena), followers.get(shapes.ball)) else { continue };
        let position = ball.position();
        if game.touches() > shapes.touches {
            balls.hit(&mut studio, entity, stage.detail, position);
            shapes.players[usize::from(position.x > 0.0)].hit = 1.0;
        }
        shapes.touches = game.touches();
        if game.scores() != shapes.scores {
            let place = Vec2::new(shapes.last_ball.x, -COURT.y);
            studio.sound(entity, Cue::Land);
            studio.burst(entity, art.splash.at(stage.detail), place.extend(5.0), [0.3, 1.5], 0.5);
            shapes.scores = game.scores();
        }
        ends.scores = game.scores();
        let at_net = position.x.abs() < 0.9 && position.y < NET_HEIGHT + BALL_RADIUS - COURT.y;
        if at_net && ball.moved.x * shapes.heading < 0.0 {
            shapes.trembling = 1.0;
        }
        (shapes.heading, shapes.last_ball) = (ball.moved.x, position);
        shapes.trembling = decay(shapes.trembling, 2.0, seconds);
        if let Ok(mut net) = transforms.get_mut(shapes.net) {
            let swing = (studio.time.elapsed_secs() * 40.0).sin() * 0.03 * shapes.trembling.powi(2);
            net.rotation = Quat::from_rotation_z(swing);
        }
    }
}

fn animate_players(
    mut studio: Materials,
    art: Res<BeachArt>,
    games: Query<&Volley>,
    followers: Query<&Follows>,
    mut stages: Query<(Entity, &Stage, &mut BeachShapes)>,
    mut transforms: Query<&mut Transform, (Without<Stage>, Without<Follows>)>,
    mut shown: Query<&mut Visibility>,
) {
    let seconds = studio.time.delta_secs();
    for (entity, stage, mut shapes) in &mut stages {
        let (Ok(game), Ok(ball)) = (games.get(stage.arena), followers.get(shapes.ball)) else { continue };
        for (player, touches) in shapes.players.iter_mut().zip(game.in_a_row()) {
            let Ok(follows) = followers.get(player.node) else { continue };
            let position = follows.position();
            let airborne = position.y > -COURT.y + 0.02;
            if airborne != player.airborne {
                let [from, to] = if airborne { [0.5, 0.9] } else { [0.6, 1.25] };
                studio.burst(entity, art.dust.at(stage.detail), position.extend(2.5), [from, to], 0.35);
            }
            if player.airborne && !airborne {
                player.landed = 1.0;
            }
            player.airborne = airborne;
            player.hit = decay(player.hit, 5.0, seconds);
            player.landed = decay(player.landed, 5.0, seconds);
            if let Ok(mut transform) = transforms.get_mut(player.body) {
                // Flat under the ball and on the floor, long on the way up and down.
                let flat = 0.16 * player.hit.powi(2) + 0.2 * player.landed.powi(2);
                let long = if airborne { (follows.moved.y.abs() * 1.2).min(0.12) } else { 0.0 };
                let wanted = Vec3::new(1.0 + 0.7 * flat - 0.6 * long, 1.0 - flat + long, 1.0);
                transform.scale = transform.scale.lerp(wanted, 1.0 - (-seconds * 30.0).exp());
            }
            let gaze = ball.position() - position - Vec2::Y * 0.5 * PLAYER_RADIUS;
            for pupil in player.pupils {
                if let Ok(mut transform) = transforms.get_mut(pupil) {
                    transform.translation = (gaze.normalize_or_zero() * GLANCE).extend(0.1);
                }
            }
            for (index, &lamp) in player.lamps.iter().enumerate() {
                let lit = touches as usize + index < MOST_TOUCHES as usize;
                if let Ok(mut visibility) = shown.get_mut(lamp) {
                    visibility.set_if_neq(if lit { Visibility::Inherited } else { Visibility::Hidden });
                }
            }
        }
    }
}

/// Shadows lie on the floor, smaller the higher their owner.
fn cast_shadows(
    stages: Query<&BeachShapes>,
    followers: Query<&Transform, With<Follows>>,
    mut transforms: Query<&mut Transform, Without<Follows>>,
) {
    for shapes in &stages {
        let owners = [(shapes.ball, 0.55), (shapes.players[0].node, 1.25), (shapes.players[1].node, 1.25)];
        for (shadow, (owner, size)) in shapes.shadows.into_iter().zip(owners) {
            let (Ok(owner), Ok(mut transform)) = (followers.get(owner), transforms.get_mut(shadow)) else {
                continue;
            };
            let height = (owner.translation.y + COURT.y) / SHADOW_HEIGHT;
            transform.translation.x = owner.translation.x;
            transform.scale = Vec3::splat(size * (1.0 - 0.7 * height.clamp(0.0, 1.0)));
        }
    }
}
