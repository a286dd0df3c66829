//! puck on screen: an air table with the score on its floor, a puck whose hits send out rings, mallets that
//! lean into their motion, goals that light up.

mod shapes;

use bevy::prelude::*;

use crate::agent::Controllers;
use crate::sim::Arena;
use crate::view::court::{BallArt, Ends, EndsArt};
use crate::view::effects::{Art, FlatMaterials, Materials, decay};
use crate::view::follow::Follows;
use crate::view::palette;
use crate::view::stage::Stage;
use crate::view::{StageLegend, ViewSystems, add_once};
use crate::worlds::puck::rink::{PUCK_RADIUS, RINK};
use crate::worlds::puck::{Puck, Sides};
use shapes::RinkArt;

/// Fraction of the allowed time after which the half of a side that keeps the puck turns red.
const WARN_FROM: f32 = 0.5;
/// Change of direction that counts as a bounce: cosine of the angle.
const BOUNCE: f32 = 0.95;

/// The moving shapes of one stage.
#[derive(Component)]
struct RinkShapes {
    puck: Entity,
    mallets: Vec<MalletShapes>,
    /// Warning lights of both halves.
    warnings: [Entity; 2],
    touches: u32,
    scores: [u32; 2],
    /// The puck's velocity in the last frame.
    heading: Vec2,
}

/// One mallet's shapes.
struct MalletShapes {
    node: Entity,
    body: Entity,
    knob: Entity,
    /// 1 when it has just hit the puck.
    hit: f32,
}

/// Draws puck where it runs.
pub fn plugin(app: &mut App) {
    add_once(app, rink);
}

fn rink(app: &mut App) {
    app.add_systems(Startup, (shapes::prepare, explain).run_if(resource_exists::<Sides>)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (recolor, animate_puck, animate_mallets).chain().in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<RinkArt>),
    );
}

/// What the icons mean.
fn explain(mut commands: Commands) {
    commands.insert_resource(StageLegend(
        "A half that turns red: its side has kept the puck for almost seven seconds and is about to lose it.",
    ));
}

fn furnish(
    mut commands: Commands,
    (art, balls, ends): (Res<RinkArt>, Res<BallArt>, Res<EndsArt>),
    inks: Res<FlatMaterials>,
    sides: Res<Sides>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &Puck)>,
) {
    for (entity, stage) in &stages {
        let Ok((arena, game)) = arenas.get(stage.arena) else { continue };
        let slots = 2 * sides.players;
        let (Some(&puck), Some(mallets)) = (arena.entities.first(), arena.entities.get(1..=slots)) else {
            continue;
        };
        let detail = stage.detail;
        let put = |commands: &mut Commands, art: &Art, z: f32, parent: Entity| {
            let place = Transform::from_xyz(0.0, 0.0, z);
            commands.spawn((art.at(detail), inks.plain(), place, ChildOf(parent))).id()
        };
        put(&mut commands, &art.board, 0.0, entity);
        put(&mut commands, &art.rim, 1.5, entity);
        let warnings = [0, 1].map(|side| put(&mut commands, &art.warnings[side], 0.7, entity));
        ends.spawn(&mut commands, &inks, detail, entity, Vec2::new(4.6, 0.0), [0, sides.players]);
        let puck = balls.spawn(&mut commands, &inks, detail, entity, puck);
        let mallets = mallets.iter().map(|&mallet| {
            let place = Transform::from_xyz(0.0, 0.0, 3.0);
            let node = commands.spawn((Follows::new(mallet), place, ChildOf(entity))).id();
            put(&mut commands, &art.shadow, 0.0, node);
            let body = put(&mut commands, &art.mallets[1], 0.1, node);
            let knob = put(&mut commands, &art.knobs[1], 0.2, node);
            MalletShapes { node, body, knob, hit: 0.0 }
        });
        let mallets = mallets.collect();
        commands.entity(entity).insert(RinkShapes {
            puck,
            mallets,
            warnings,
            touches: game.touches(),
            scores: game.scores(),
            heading: Vec2::ZERO,
        });
    }
}

/// Mallets wear the color of the controller.
fn recolor(
    art: Res<RinkArt>,
    stages: Query<(&Stage, &RinkShapes)>,
    controllers: Query<&Controllers>,
    mut meshes: Query<&mut Mesh2d>,
) {
    for (stage, shapes) in &stages {
        let Ok(controllers) = controllers.get(stage.arena) else { continue };
        for (mallet, controller) in shapes.mallets.iter().zip(controllers.iter()) {
            let player = palette::player(controller);
            for (shape, art) in [(mallet.body, &art.mallets[player]), (mallet.knob, &art.knobs[player])] {
                if let Ok(mut mesh) = meshes.get_mut(shape) {
                    mesh.set_if_neq(art.at(stage.detail));
                }
            }
        }
    }
}

/// Rings where the puck hits mallets, sparks where it hits walls, bursts in the goals, and the score.
fn animate_puck(
    mut studio: Materials,
    (art, balls, inks): (Res<RinkArt>, Res<BallArt>, Res<FlatMaterials>),
    games: Query<&Puck>,
    followers: Query<&Follows>,
    mut stages: Query<(Entity, &Stage, &mut RinkShapes, &mut Ends)>,
    mut materials: Query<&mut MeshMaterial2d<crate::view::effects::FlatMaterial>>,
) {
    for (entity, stage, mut shapes, mut ends) in &mut stages {
        let (Ok(game), Ok(puck)) = (games.get(stage.arena), followers.get(shapes.puck)) else { continue };
        let position = puck.position();
        let touched = game.touches() > shapes.touches;
        shapes.touches = game.touches();
        if touched {
            balls.hit(&mut studio, entity, stage.detail, position);
            let distance = |mallet: &MalletShapes| {
                followers.get(mallet.node).map_or(f32::MAX, |node| node.position().distance(position))
            };
            let nearest = shapes.mallets.iter_mut().min_by(|a, b| distance(a).total_cmp(&distance(b)));
            if let Some(mallet) = nearest {
                mallet.hit = 1.0;
            }
        }
        let scores = game.scores();
        for (side, score) in scores.into_iter().enumerate() {
            if score > shapes.scores[side] {
                let goal = Vec2::new(RINK.x * if side == 0 { 1.0 } else { -1.0 }, 0.0);
                studio.burst(entity, art.goal.at(stage.detail), goal.extend(5.0), [0.4, 2.2], 0.7);
            }
        }
        shapes.scores = scores;
        ends.scores = scores;
        if puck.moved != Vec2::ZERO {
            let heading = puck.moved.normalize_or_zero();
            let at_wall = position.abs().cmpgt(RINK - 3.0 * PUCK_RADIUS).any();
            if !touched && at_wall && heading.dot(shapes.heading) < BOUNCE && shapes.heading != Vec2::ZERO {
                studio.burst(entity, art.spark.at(stage.detail), position.extend(4.5), [0.5, 1.3], 0.3);
            }
            shapes.heading = heading;
        }
        let (half, stay) = game.stay();
        for (side, &warning) in shapes.warnings.iter().enumerate() {
            let share = if side == half { (stay - WARN_FROM).max(0.0) / (1.0 - WARN_FROM) } else { 0.0 };
            if let Ok(mut material) = materials.get_mut(warning) {
                material.set_if_neq(inks.fade(share));
            }
        }
    }
}

fn animate_mallets(
    time: Res<Time<Real>>,
    followers: Query<&Follows>,
    mut stages: Query<&mut RinkShapes>,
    mut transforms: Query<&mut Transform, Without<Follows>>,
) {
    let seconds = time.delta_secs();
    let ease = 1.0 - (-seconds * 16.0).exp();
    for mut shapes in &mut stages {
        for mallet in &mut shapes.mallets {
            let Ok(node) = followers.get(mallet.node) else { continue };
            mallet.hit = decay(mallet.hit, 5.0, seconds);
            if let Ok(mut transform) = transforms.get_mut(mallet.body) {
                transform.scale = Vec3::splat(1.0 + 0.12 * mallet.hit.powi(2)).with_z(1.0);
            }
            if let Ok(mut transform) = transforms.get_mut(mallet.knob) {
                // The hand is a little ahead of the mallet.
                let lean = node.moved.normalize_or_zero() * 0.09;
                let leant = transform.translation.truncate().lerp(lean, ease);
                transform.translation = leant.extend(transform.translation.z);
            }
        }
    }
}
