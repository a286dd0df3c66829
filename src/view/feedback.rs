//! Human feedback on screen: a heart over the agent that is praised, a dark cloud over one that is blamed. It is counted
//! in `agent`.

use bevy::prelude::*;

use super::ViewSystems;
use super::drift::Drift;
use super::effects::{Art, FlatMaterials, Materials};
use super::paint::{Paint, circle};
use super::palette::{INK, MUTED, NIGHT, ROSE};
use super::sound::Cue;
use super::stage::{Stage, StageSize};
use crate::agent::feedback::HumanFeedback;
use crate::agent::{Controller, ControllerAssignment};
use crate::sim::Arena;
use crate::sim::arena::Players;

/// Above everything on a stage.
const DEPTH: f32 = 9.5;
/// Seconds between two signs while a key is held.
const EVERY: f32 = 0.35;
/// Seconds a sign is seen.
const LASTS: f32 = 1.1;

/// A heart and a cloud, for stages of one height.
#[derive(Resource, Debug)]
struct Signs {
    /// Half the height of the stages they are for.
    half: f32,
    all: [Art; 2],
}

/// Adds the signs.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(
        PostUpdate,
        show.run_if(resource_exists::<HumanFeedback>.and_then(resource_exists::<FlatMaterials>))
            .in_set(ViewSystems::Animate),
    );
}

/// A sign for what was said since the last one.
fn show(
    mut commands: Commands,
    mut studio: Materials,
    hints: Res<HumanFeedback>,
    assignment: Option<Res<ControllerAssignment>>,
    players: Option<Res<Players>>,
    size: Option<Res<StageSize>>,
    signs: Option<Res<Signs>>,
    stages: Query<(Entity, &Stage)>,
    arenas: Query<&Arena>,
    bodies: Query<&Transform, Without<Stage>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut shown: Local<([u64; 2], f32)>,
) {
    let Some(half) = size.map(|size| size.0.y) else { return };
    let Some(signs) = signs.filter(|signs| signs.half == half) else {
        commands.insert_resource(Signs::new(&mut meshes, half));
        return;
    };
    let (counted, rest) = &mut *shown;
    *rest = (*rest - studio.time.delta_secs()).max(0.0);
    let Some(said) = (0..2).find(|&kind| hints.counts[kind] > counted[kind]) else {
        *counted = hints.counts;
        return;
    };
    if *rest > 0.0 {
        return;
    }
    (*counted, *rest) = (hints.counts, EVERY);
    for (entity, stage) in stages.iter().filter(|(_, stage)| stage.index == 0) {
        studio.sound(entity, [Cue::Praise, Cue::Blame][said]);
        let Some(assignment) = &assignment else { continue };
        let hears = assignment.watched.iter().enumerate().filter(|(_, seat)| **seat == Controller::Learning);
        for (slot, _) in hears {
            let body = players.as_ref().and_then(|players| *players.0.get(slot)?);
            let body = body.and_then(|body| arenas.get(stage.arena).ok()?.entities.get(body).copied());
            let at = body.and_then(|body| bodies.get(body).ok()).map(|place| place.translation.truncate());
            let place = over(at, half);
            let mesh = signs.all[said].at(stage.detail);
            let drift = Drift { velocity: Vec2::Y * 0.16 * half, drag: 1.0, ..default() };
            studio.burst(entity, mesh, place.extend(DEPTH), [0.7, 1.2], LASTS).insert(drift);
        }
    }
}

/// Where the sign of a player at `at` stands: over its head, under it where there is no room; over the middle for one that
/// has no body.
fn over(at: Option<Vec2>, half: f32) -> Vec2 {
    let at = at.unwrap_or(Vec2::Y * 0.3 * half);
    let up = if at.y > 0.55 * half { -0.3 } else { 0.2 };
    at + Vec2::Y * up * half
}

impl Signs {
    fn new(meshes: &mut Assets<Mesh>, half: f32) -> Self {
        let size = 0.1 * half;
        let heart = Art::new(meshes, 2.0 * half, |canvas| heart(canvas, size));
        let cloud = Art::new(meshes, 2.0 * half, |canvas| cloud(canvas, size));
        Self { half, all: [heart, cloud] }
    }
}

fn heart(canvas: &mut Paint, size: f32) {
    for (grow, tone) in [(0.14, NIGHT), (0.0, ROSE)] {
        for side in [-1.0, 1.0] {
            canvas.fill(&circle(Vec2::new(0.48 * side, 0.3) * size, (0.56 + grow) * size), tone.solid());
        }
        let [left, right, tip] = [Vec2::new(-1.0, 0.1), Vec2::new(1.0, 0.1), Vec2::new(0.0, -1.05)];
        let corners =
            [tip + Vec2::NEG_Y * grow, right + Vec2::X * grow, Vec2::Y * 0.45, left - Vec2::X * grow];
        canvas.fill(&corners.map(|corner| corner * size), tone.solid());
    }
    let arm = 0.34 * size;
    canvas.stroke(&[Vec2::X * -arm, Vec2::X * arm], 0.2 * size, INK.solid());
    canvas.stroke(&[Vec2::Y * -arm, Vec2::Y * arm], 0.2 * size, INK.solid());
}

fn cloud(canvas: &mut Paint, size: f32) {
    let puffs = [(-0.75, 0.0, 0.5), (0.75, 0.0, 0.5), (-0.25, 0.35, 0.6), (0.4, 0.25, 0.5), (0.0, 0.0, 0.55)];
    for (grow, tone) in [(0.14, NIGHT), (0.0, MUTED)] {
        for (x, y, radius) in puffs {
            canvas.fill(&circle(Vec2::new(x, y) * size, (radius + grow) * size), tone.solid());
        }
    }
    let arm = 0.34 * size;
    canvas.stroke(&[Vec2::X * -arm, Vec2::X * arm], 0.2 * size, NIGHT.solid());
    for x in [-0.55, 0.0, 0.55] {
        let drop = Vec2::new(x, -0.95) * size;
        canvas.fill(&circle(drop, 0.11 * size), MUTED.solid());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimConfig;
    use crate::sim::worlds::{self, WorldChoice};

    #[test]
    fn signs_stand_over_the_player_and_on_the_stage() {
        let half = 5.0;
        assert_eq!(over(Some(Vec2::new(2.0, -3.0)), half), Vec2::new(2.0, -2.0));
        for at in [Some(Vec2::new(0.0, 4.9)), None] {
            let place = over(at, half);
            assert!(place.y + 0.3 * half <= half && place.y > 0.0, "{place}");
        }
    }

    #[test]
    fn players_with_bodies_are_found_in_every_world() {
        for name in worlds::names() {
            let mut app = App::new();
            app.add_plugins(crate::sim::plugin);
            let sim = SimConfig { arenas: 1, seed: 1, stream: crate::mdp::Stream::Environment };
            let world = WorldChoice::new(name, None).unwrap();
            world.add_to(&mut app, sim);
            let players = app.world().resource::<Players>().0.clone();
            assert_eq!(players.len(), world.spec().slots(), "{name}");
            let mut arenas = app.world_mut().query::<&Arena>();
            let count = arenas.single(app.world()).unwrap().entities.len();
            assert!(count == 0 || players.iter().all(|body| body.is_some_and(|body| body < count)), "{name}");
        }
    }
}
