//! paddle-duel on screen: a court with the score on its floor, a ball with a tail, paddles that react to
//! hits.

mod shapes;

use bevy::prelude::*;

use crate::agent::Controllers;
use crate::sim::Arena;
use crate::view::ViewSystems;
use crate::view::court::{BallArt, Ends, EndsArt};
use crate::view::effects::{FlatMaterials, Materials, decay};
use crate::view::follow::Follows;
use crate::view::palette;
use crate::view::stage::Stage;
use crate::worlds::paddle_duel::{Court, PaddleDuel};
use shapes::CourtArt;

/// The moving shapes of one stage.
#[derive(Component)]
struct CourtShapes {
    ball: Entity,
    paddles: [Entity; 2],
    rally: u32,
    /// By slot: 1 when the paddle has just met the ball.
    hit: [f32; 2],
}

/// Draws paddle-duel where it runs.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, shapes::prepare.run_if(resource_exists::<Court>)).add_systems(
        PostUpdate,
        (furnish.in_set(ViewSystems::Furnish), (recolor, animate).chain().in_set(ViewSystems::Animate))
            .run_if(resource_exists::<CourtArt>),
    );
}

fn furnish(
    mut commands: Commands,
    (art, balls, ends): (Res<CourtArt>, Res<BallArt>, Res<EndsArt>),
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &PaddleDuel)>,
) {
    for (entity, stage) in &stages {
        let Ok((arena, duel)) = arenas.get(stage.arena) else { continue };
        let &[ball, left, right, ..] = arena.entities.as_slice() else { continue };
        let detail = stage.detail;
        commands.spawn((art.board.at(detail), inks.plain(), Transform::default(), ChildOf(entity)));
        ends.spawn(&mut commands, &inks, detail, entity, Vec2::new(4.2, 0.0), [0, 1]);
        let ball = balls.spawn(&mut commands, &inks, detail, entity, ball);
        let paddles = [(0, left), (1, right)].map(|(slot, body)| {
            let place = Transform::from_xyz(0.0, 0.0, 3.0);
            let node = commands.spawn((Follows::new(body), place, ChildOf(entity))).id();
            let place = Transform::from_xyz(0.0, 0.0, 0.1);
            commands.spawn((art.paddles[slot][1].at(detail), inks.plain(), place, ChildOf(node))).id()
        });
        let shapes = CourtShapes { ball, paddles, rally: duel.rally(), hit: [0.0; 2] };
        commands.entity(entity).insert(shapes);
    }
}

/// Paddles wear the color of the controller.
fn recolor(
    art: Res<CourtArt>,
    stages: Query<(&Stage, &CourtShapes)>,
    controllers: Query<&Controllers>,
    mut meshes: Query<&mut Mesh2d>,
) {
    for (stage, shapes) in &stages {
        let Ok(controllers) = controllers.get(stage.arena) else { continue };
        for (slot, controller) in controllers.iter().enumerate().take(2) {
            if let Ok(mut mesh) = meshes.get_mut(shapes.paddles[slot]) {
                mesh.set_if_neq(art.paddles[slot][palette::player(controller)].at(stage.detail));
            }
        }
    }
}

fn animate(
    mut studio: Materials,
    balls: Res<BallArt>,
    duels: Query<&PaddleDuel>,
    followers: Query<&Follows>,
    mut stages: Query<(Entity, &Stage, &mut CourtShapes, &mut Ends)>,
    mut transforms: Query<&mut Transform, Without<Stage>>,
) {
    let seconds = studio.time.delta_secs();
    for (entity, stage, mut shapes, mut ends) in &mut stages {
        let (Ok(duel), Ok(ball)) = (duels.get(stage.arena), followers.get(shapes.ball)) else { continue };
        if duel.rally() > shapes.rally {
            let position = ball.position();
            shapes.hit[usize::from(position.x > 0.0)] = 1.0;
            balls.hit(&mut studio, entity, stage.detail, position);
        }
        shapes.rally = duel.rally();
        ends.scores = duel.scores();
        for slot in 0..2 {
            shapes.hit[slot] = decay(shapes.hit[slot], 5.0, seconds);
            if let Ok(mut transform) = transforms.get_mut(shapes.paddles[slot]) {
                // Pressed flat by the ball, and back.
                let squash = shapes.hit[slot] * shapes.hit[slot];
                transform.scale = Vec3::new(1.0 + 0.35 * squash, 1.0 - 0.1 * squash, 1.0);
            }
        }
    }
}
