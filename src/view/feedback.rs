//! Human feedback: keys for praise and blame, and a heart or a dark cloud over the agent. `agent` adds them to the reward.

use bevy::prelude::*;

use super::commands::{AddKeys as _, KeyCommand, KeyGroup, KeyHint, KeySpec, Trigger};
use super::controls::{Controls, ObeyControls};
use super::drift::Drift;
use super::effects::{Art, FlatMaterials, Materials};
use super::modes::Mode;
use super::paint::{Paint, circle};
use super::palette::{INK, MUTED, NIGHT, ROSE};
use super::scroll::Scroll;
use super::sound::Cue;
use super::stage::{Stage, StageSize};
use super::{Toast, ViewSystems};
use crate::agent::feedback::{Feedback, HumanFeedback};
use crate::agent::{Controller, ControllerAssignment};
use crate::sim::Arena;
use crate::sim::arena::Players;
use crate::sim::arena::Spec;

/// Above everything on a stage.
const DEPTH: f32 = 9.5;
/// Seconds between two icons while a key is held.
const INTERVAL: f32 = 0.35;
/// Seconds for which an icon is shown.
const DURATION: f32 = 1.1;

/// Heart and cloud, for stages of one height.
#[derive(Resource, Debug)]
struct Icons {
    /// Half the height of these stages, in world units.
    half: f32,
    all: [Art; 2],
}

const PRAISE: KeyCommand = KeyCommand("praise");
const BLAME: KeyCommand = KeyCommand("blame");
const NOT_WHILE: &[(Mode, &str)] =
    &[(Mode::Compare, "none of these agents is learning"), (Mode::Playback, "the episode is already over")];

/// The keys for praise and blame, which are held.
pub const KEYS: &[KeySpec] = &[
    KeySpec {
        hint: KeyHint::Always("praise, blame"),
        also: &[Trigger::Button(GamepadButton::RightTrigger)],
        not_while: NOT_WHILE,
        ..KeySpec::new(PRAISE.0, "praise, while held", KeyCode::KeyP, KeyGroup::Feedback)
    },
    KeySpec {
        beside: Some(PRAISE),
        also: &[Trigger::Button(GamepadButton::LeftTrigger)],
        not_while: NOT_WHILE,
        ..KeySpec::new(BLAME.0, "blame, while held", KeyCode::KeyB, KeyGroup::Feedback)
    },
];

/// Adds the keys and the icons.
pub(super) fn plugin(app: &mut App) {
    app.add_keys(KEYS).add_systems(PreUpdate, give.in_set(ObeyControls).run_if(resource_exists::<Spec>));
    app.add_systems(
        PostUpdate,
        show.run_if(resource_exists::<HumanFeedback>.and_then(resource_exists::<FlatMaterials>))
            .in_set(ViewSystems::Animate),
    );
}

/// Gives feedback while the keys are held; a toast says if no agent is learning.
fn give(
    controls: Res<Controls>,
    feedback: Option<ResMut<HumanFeedback>>,
    assignment: Option<Res<ControllerAssignment>>,
    toast: Option<ResMut<Toast>>,
) {
    let Some(mut feedback) = feedback else { return };
    let learns = assignment.is_none_or(|assignment| assignment.watched.contains(&Controller::Learning));
    let pressed = controls.just_pressed(PRAISE) || controls.just_pressed(BLAME);
    if let Some(mut toast) = toast.filter(|_| pressed && !learns) {
        toast.show("no effect: no agent is learning in this arena".into());
    }
    let held = match (controls.pressed(PRAISE), controls.pressed(BLAME)) {
        (true, false) => Some(Feedback::Praise),
        (false, true) => Some(Feedback::Blame),
        _ => None,
    };
    if feedback.held != held {
        feedback.held = held;
    }
}

/// Shows an icon for feedback since the last one.
fn show(
    mut commands: Commands,
    mut effects: Materials,
    feedback: Res<HumanFeedback>,
    assignment: Option<Res<ControllerAssignment>>,
    players: Option<Res<Players>>,
    size: Option<Res<StageSize>>,
    icons: Option<Res<Icons>>,
    stages: Query<(Entity, &Stage, Option<&Scroll>)>,
    arenas: Query<&Arena>,
    bodies: Query<&Transform, Without<Stage>>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut shown: Local<([u64; 2], f32)>,
) {
    let Some(half) = size.map(|size| size.0.y) else { return };
    let Some(icons) = icons.filter(|icons| icons.half == half) else {
        commands.insert_resource(Icons::new(&mut meshes, half));
        return;
    };
    let (counted, pause) = &mut *shown;
    *pause = (*pause - effects.time.delta_secs()).max(0.0);
    let Some(kind) = (0..2).find(|&kind| feedback.counts[kind] > counted[kind]) else {
        *counted = feedback.counts;
        return;
    };
    if *pause > 0.0 {
        return;
    }
    (*counted, *pause) = (feedback.counts, INTERVAL);
    for (entity, stage, scroll) in stages.iter().filter(|(_, stage, _)| stage.watched) {
        let middle = scroll.copied().unwrap_or_default().0;
        effects.sound(entity, [Cue::Praise, Cue::Blame][kind]);
        let Some(assignment) = &assignment else { continue };
        let learning = assignment
            .watched
            .iter()
            .enumerate()
            .filter(|(_, controller)| **controller == Controller::Learning);
        for (slot, _) in learning {
            let body = players.as_ref().and_then(|players| *players.0.get(slot)?);
            let body = body.and_then(|body| arenas.get(stage.arena).ok()?.entities.get(body).copied());
            let at = body.and_then(|body| bodies.get(body).ok());
            let at = at.map(|place| place.translation.truncate() - middle);
            let place = over(at, half);
            let mesh = icons.all[kind].at(stage.detail);
            let drift = Drift { velocity: Vec2::Y * 0.16 * half, drag: 1.0, ..default() };
            effects.burst(entity, mesh, place.extend(DEPTH), [0.7, 1.2], DURATION).insert(drift);
        }
    }
}

/// Position of the icon of a player at `at`: above it, or below where there is no room; above the middle for a player
/// without a body.
fn over(at: Option<Vec2>, half: f32) -> Vec2 {
    let at = at.unwrap_or(Vec2::Y * 0.3 * half);
    let up = if at.y > 0.55 * half { -0.3 } else { 0.2 };
    at + Vec2::Y * up * half
}

impl Icons {
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
    use crate::worlds::{self, WorldChoice};

    #[test]
    fn icons_are_above_the_player_and_on_the_stage() {
        let half = 5.0;
        assert_eq!(over(Some(Vec2::new(2.0, -3.0)), half), Vec2::new(2.0, -2.0));
        for at in [Some(Vec2::new(0.0, 4.9)), None] {
            let place = over(at, half);
            assert!(place.y + 0.3 * half <= half && place.y > 0.0, "{place}");
        }
    }

    #[test]
    fn feedback_without_a_learning_agent_shows_a_toast() {
        use crate::view::controls::{self, tests};
        let spec = WorldChoice::new("lava-room", None).unwrap().spec();
        let mut app = App::new();
        app.init_resource::<HumanFeedback>()
            .init_resource::<Toast>()
            .insert_resource(ControllerAssignment::learn_against_script(&spec))
            .insert_resource(Spec(spec))
            .add_plugins((controls::plugin, plugin));
        tests::ready(&mut app);
        tests::press(&mut app, KeyCode::KeyP);
        assert_eq!(app.world().resource::<Toast>().text(), None);
        app.world_mut().resource_mut::<ControllerAssignment>().watched[0] = Controller::Human;
        tests::press(&mut app, KeyCode::KeyP);
        assert!(app.world().resource::<Toast>().text().unwrap().contains("no effect"));
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
