//! brick-breaker on screen: a wall that bursts brick by brick, a ball with a tail, a lamp for every ball left.

mod shapes;

use bevy::prelude::*;

use crate::agent::Controllers;
use crate::sim::Arena;
use crate::view::court::BallArt;
use crate::view::effects::{Art, FlatMaterials, Materials, decay};
use crate::view::follow::Follows;
use crate::view::palette;
use crate::view::sound::Cue;
use crate::view::stage::Stage;
use crate::view::{StageLegend, ViewSystems};
use crate::worlds::brick_breaker::{BALLS, BrickBreaker, COURT, Rules, WALL, brick};
use shapes::{BEYOND, WallArt};

/// The moving shapes of one stage.
#[derive(Component)]
struct WallShapes {
    ball: Entity,
    paddle: Entity,
    bricks: Vec<Entity>,
    lamps: Vec<Entity>,
    balls: u32,
    rally: u32,
    /// 1 when the paddle has just met the ball.
    hit: f32,
}

/// Draws brick-breaker where it runs.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, (shapes::prepare, explain).run_if(resource_exists::<Rules>)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (recolor, break_bricks, animate).chain().in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<WallArt>),
    );
}

/// What the icons mean.
fn explain(mut commands: Commands) {
    commands.insert_resource(StageLegend("Lamps: balls left."));
}

fn furnish(
    mut commands: Commands,
    art: Res<WallArt>,
    balls: Res<BallArt>,
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &BrickBreaker)>,
) {
    let at = |position: Vec2, z: f32| Transform::from_translation(position.extend(z));
    for (entity, stage) in &stages {
        let Ok((arena, game)) = arenas.get(stage.arena) else { continue };
        let &[ball, paddle, ..] = arena.entities.as_slice() else { continue };
        let detail = stage.detail;
        let mut put = |art: &Art, place: Transform, parent: Entity| {
            commands.spawn((art.at(detail), inks.plain(), place, ChildOf(parent))).id()
        };
        put(&art.board, at(Vec2::ZERO, 0.0), entity);
        let bricks = (0..WALL[0] * WALL[1])
            .map(|index| put(&art.bricks[index / WALL[1]], at(brick(index), 1.0), entity))
            .collect();
        let lamps = (0..BALLS)
            .map(|index| {
                let place = Vec2::new(0.7 * (index as f32 - 1.0), -COURT.y - 0.5 * BEYOND);
                put(&art.lamp, at(place, 1.0), entity)
            })
            .collect();
        let ball = balls.spawn(&mut commands, &inks, detail, entity, ball);
        let node = commands.spawn((Follows::new(paddle), at(Vec2::ZERO, 3.0), ChildOf(entity))).id();
        let paddle = (art.paddles[1].at(detail), inks.plain(), at(Vec2::ZERO, 0.1), ChildOf(node));
        let paddle = commands.spawn(paddle).id();
        let (balls, rally) = (game.balls(), game.rally());
        commands.entity(entity).insert(WallShapes { ball, paddle, bricks, lamps, balls, rally, hit: 0.0 });
    }
}

/// The paddle wears the color of the controller.
fn recolor(
    art: Res<WallArt>,
    stages: Query<(&Stage, &WallShapes)>,
    controllers: Query<&Controllers>,
    mut meshes: Query<&mut Mesh2d>,
) {
    for (stage, shapes) in &stages {
        let Ok(controllers) = controllers.get(stage.arena) else { continue };
        let Some(controller) = controllers.iter().next() else { continue };
        if let Ok(mut mesh) = meshes.get_mut(shapes.paddle) {
            mesh.set_if_neq(art.paddles[palette::player(controller)].at(stage.detail));
        }
    }
}

/// Shows the standing bricks and the remaining balls; a brick that has just broken bursts.
fn break_bricks(
    mut studio: Materials,
    art: Res<WallArt>,
    games: Query<&BrickBreaker>,
    mut stages: Query<(Entity, &Stage, &mut WallShapes)>,
    mut shown: Query<&mut Visibility>,
) {
    for (entity, stage, mut shapes) in &mut stages {
        let Ok(game) = games.get(stage.arena) else { continue };
        for (index, (&shape, &standing)) in shapes.bricks.iter().zip(game.standing()).enumerate() {
            let Ok(mut visibility) = shown.get_mut(shape) else { continue };
            let wanted = if standing { Visibility::Inherited } else { Visibility::Hidden };
            if visibility.set_if_neq(wanted) && !standing {
                let burst = art.bursts[index / WALL[1]].at(stage.detail);
                studio.sound_at(entity, Cue::Break, 1.3 - 0.1 * (index / WALL[1]) as f32);
                studio.burst(entity, burst, brick(index).extend(5.0), [0.9, 1.6], 0.4);
            }
        }
        for (index, &lamp) in shapes.lamps.iter().enumerate() {
            let Ok(mut visibility) = shown.get_mut(lamp) else { continue };
            let lit = (index as u32) < game.balls();
            visibility.set_if_neq(if lit { Visibility::Inherited } else { Visibility::Hidden });
        }
        if game.balls() < shapes.balls {
            let place = Vec3::new(0.0, -COURT.y - 0.5 * BEYOND, 2.5);
            studio.sound(entity, Cue::Lost);
            studio.burst(entity, art.lost.at(stage.detail), place, [1.0, 1.0], 0.7);
        }
        shapes.balls = game.balls();
    }
}

fn animate(
    mut studio: Materials,
    art: Res<BallArt>,
    games: Query<&BrickBreaker>,
    followers: Query<&Follows>,
    mut stages: Query<(Entity, &Stage, &mut WallShapes)>,
    mut transforms: Query<&mut Transform, Without<Stage>>,
) {
    let seconds = studio.time.delta_secs();
    for (entity, stage, mut shapes) in &mut stages {
        let (Ok(game), Ok(ball)) = (games.get(stage.arena), followers.get(shapes.ball)) else { continue };
        if game.rally() > shapes.rally {
            shapes.hit = 1.0;
            art.hit(&mut studio, entity, stage.detail, ball.position());
        }
        shapes.rally = game.rally();
        shapes.hit = decay(shapes.hit, 5.0, seconds);
        if let Ok(mut transform) = transforms.get_mut(shapes.paddle) {
            // Pressed flat by the ball, and back.
            let squash = shapes.hit * shapes.hit;
            transform.scale = Vec3::new(1.0 + 0.08 * squash, 1.0 - 0.3 * squash, 1.0);
        }
    }
}
