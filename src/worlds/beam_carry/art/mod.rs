//! beam-carry on screen: two helmets at the ends of a plank, walls with gaps, the goal zone.

mod shapes;

use bevy::prelude::*;

use crate::agent::Controllers;
use crate::sim::Arena;
use crate::view::ViewSystems;
use crate::view::effects::{Art, FlatMaterials, Materials, Shimmer, decay};
use crate::view::follow::Follows;
use crate::view::palette;
use crate::view::sound::Cue;
use crate::view::stage::{Detail, Stage};
use crate::worlds::beam_carry::{BEAM, BeamCarry, GAP_HALF, HALL, Hall, PLAYERS, WALL_HALF, ZONE_HALF};
use shapes::HallArt;

/// Seconds from one puff of dust behind a player to the next.
const PUFF: f32 = 0.14;
/// Turn rate of a player towards its push direction, rad/s.
const TURN: f32 = 14.0;

/// One side of a wall: its end at the gap and the piece from there to the hall's edge.
struct Piece {
    cap: Entity,
    trunk: Entity,
    gap: usize,
    side: f32,
}

/// The moving shapes of one stage.
#[derive(Component)]
struct HallShapes {
    nodes: [Entity; 2],
    /// Shapes that turn and squash within the nodes.
    players: [Entity; 2],
    pieces: Vec<Piece>,
    zone: Entity,
    stations: [Vec2; 3],
    pushes: [Vec2; 2],
    /// By slot: 1 when it has just begun to push.
    pushed: [f32; 2],
    puffed: [f32; 2],
    at: [Vec2; 2],
    steps: u32,
}

/// Draws beam-carry where it runs.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, shapes::prepare.run_if(resource_exists::<Hall>)).add_systems(
        PostUpdate,
        (furnish.in_set(ViewSystems::Furnish), (recolor, arrange, push).chain().in_set(ViewSystems::Animate))
            .run_if(resource_exists::<HallArt>),
    );
}

fn furnish(
    mut commands: Commands,
    art: Res<HallArt>,
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<&Arena, With<BeamCarry>>,
) {
    let at = |position: Vec2, z: f32| Transform::from_translation(position.extend(z));
    for (entity, stage) in &stages {
        let Ok(arena) = arenas.get(stage.arena) else { continue };
        let detail = stage.detail;
        let mut put = |art: &Art, z: f32, parent: Entity| {
            commands.spawn((art.at(detail), inks.plain(), at(Vec2::ZERO, z), ChildOf(parent))).id()
        };
        put(&art.board, 0.0, entity);
        put(&art.frame, 7.0, entity);
        let zone = put(&art.zone, 0.5, entity);
        let glow = put(&art.glow, 0.1, zone);
        let mut pieces = Vec::new();
        for gap in 0..2 {
            for side in [-1.0, 1.0] {
                let (cap, trunk) = (put(&art.cap, 2.1, entity), put(&art.trunk, 2.0, entity));
                pieces.push(Piece { cap, trunk, gap, side });
            }
        }
        commands.entity(glow).insert(Shimmer { opacity: [0.25, 1.0], period: 2.4, offset: 0.0 });
        let mut follow = |body: usize, z: f32| {
            let follows = Follows::new(arena.entities[body]);
            commands.spawn((follows, at(Vec2::ZERO, z), ChildOf(entity))).id()
        };
        let (beam, nodes) = (follow(BEAM, 4.0), PLAYERS.map(|player| follow(player, 5.0)));
        let mut put = |art: &Art, z: f32, parent: Entity| {
            commands.spawn((art.at(detail), inks.plain(), at(Vec2::ZERO, z), ChildOf(parent))).id()
        };
        put(&art.beam, 0.0, beam);
        let players = nodes.map(|node| {
            put(&art.shadow, -0.2, node);
            put(&art.players[1], 0.1, node)
        });
        commands.entity(entity).insert(HallShapes {
            nodes,
            players,
            pieces,
            zone,
            stations: [Vec2::ZERO; 3],
            pushes: [Vec2::ZERO; 2],
            pushed: [0.0; 2],
            puffed: [0.0; 2],
            at: [Vec2::ZERO; 2],
            steps: arena.steps(),
        });
    }
}

/// Players wear the color of the controller.
fn recolor(
    art: Res<HallArt>,
    stages: Query<(&Stage, &HallShapes)>,
    controllers: Query<&Controllers>,
    mut meshes: Query<&mut Mesh2d>,
) {
    for (stage, shapes) in &stages {
        let Ok(controllers) = controllers.get(stage.arena) else { continue };
        for (controller, &player) in controllers.iter().zip(&shapes.players) {
            if let Ok(mut mesh) = meshes.get_mut(player) {
                mesh.set_if_neq(art.players[palette::player(controller)].at(stage.detail));
            }
        }
    }
}

/// Moves gaps and zone when an episode begins, and celebrates a beam that reached the last zone.
fn arrange(
    mut studio: Materials,
    art: Res<HallArt>,
    halls: Query<(&BeamCarry, &Arena)>,
    followers: Query<&Follows>,
    mut stages: Query<(Entity, &Stage, &mut HallShapes)>,
    mut transforms: Query<&mut Transform, Without<Stage>>,
) {
    /// Farther than a player moves between two frames.
    const SLACK: f32 = 0.3;
    for (entity, stage, mut it) in &mut stages {
        let Ok((hall, arena)) = halls.get(stage.arena) else { continue };
        let zone = it.stations[2];
        let inside = |at: &Vec2| (*at - zone).abs().cmple(Vec2::splat(ZONE_HALF + SLACK)).all();
        if arena.steps() < it.steps && it.at.iter().all(inside) {
            studio.sound(entity, Cue::Goal);
            studio.burst(entity, art.cheer.at(stage.detail), zone.extend(6.0), [0.6, 1.25], 0.9);
            for at in it.at {
                studio.burst(entity, art.sparks.at(stage.detail), at.extend(6.0), [0.3, 1.8], 0.8);
            }
        }
        it.steps = arena.steps();
        for slot in 0..2 {
            if let Ok(follows) = followers.get(it.nodes[slot]) {
                it.at[slot] = follows.position();
            }
        }
        if it.stations == hall.stations() {
            continue;
        }
        it.stations = hall.stations();
        if let Ok(mut transform) = transforms.get_mut(it.zone) {
            transform.translation = it.stations[2].extend(transform.translation.z);
        }
        for piece in &it.pieces {
            let gap = it.stations[piece.gap];
            let (near, far) = (gap.y + piece.side * (GAP_HALF + WALL_HALF), piece.side * (HALL.y + 0.1));
            if let Ok(mut cap) = transforms.get_mut(piece.cap) {
                cap.translation = Vec3::new(gap.x, near, cap.translation.z);
            }
            if let Ok(mut trunk) = transforms.get_mut(piece.trunk) {
                trunk.translation = Vec3::new(gap.x, (near + far) / 2.0, trunk.translation.z);
                trunk.scale = Vec3::new(1.0, (far - near).abs(), 1.0);
            }
        }
    }
}

/// Turns players towards their push, stretches them as they start to push, and leaves dust behind them.
fn push(
    mut studio: Materials,
    art: Res<HallArt>,
    halls: Query<&BeamCarry>,
    mut stages: Query<(Entity, &Stage, &mut HallShapes)>,
    mut transforms: Query<&mut Transform, Without<Stage>>,
) {
    let seconds = studio.time.delta_secs();
    for (entity, stage, mut it) in &mut stages {
        let Ok(hall) = halls.get(stage.arena) else { continue };
        let it = &mut *it;
        for (slot, push) in hall.pushes().into_iter().enumerate() {
            if push != it.pushes[slot] {
                it.pushes[slot] = push;
                it.pushed[slot] = f32::from(u8::from(push != Vec2::ZERO));
            }
            it.pushed[slot] = decay(it.pushed[slot], 5.0, seconds);
            it.puffed[slot] += seconds;
            let Ok(mut transform) = transforms.get_mut(it.players[slot]) else { continue };
            let stretch = it.pushed[slot] * it.pushed[slot];
            transform.scale = Vec3::new(1.0 + 0.15 * stretch, 1.0 - 0.12 * stretch, 1.0);
            if push == Vec2::ZERO {
                continue;
            }
            let wanted = Quat::from_rotation_z(push.to_angle());
            transform.rotation = transform.rotation.rotate_towards(wanted, TURN * seconds);
            if it.puffed[slot] > PUFF && stage.detail == Detail::Large {
                it.puffed[slot] = 0.0;
                let place = (it.at[slot] - push * 0.35).extend(3.0);
                studio.burst(entity, art.dust.at(stage.detail), place, [0.5, 1.4], 0.5);
            }
        }
    }
}
