//! Plays the trajectories that were recorded from Gymnasium (`tests/fixtures/walkers`).

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Recorded {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    every: usize,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    /// Coordinates, then their velocities.
    start: Vec<f32>,
    actions: Vec<Vec<f32>>,
    /// x of the torso, then the observation.
    states: Vec<Vec<f32>>,
    /// Without what is paid for being upright.
    r#return: f32,
}

/// Means over all recorded states: distance of the torso in m, of the farthest angle in rad, and of velocities; and the
/// mean difference of returns.
#[derive(Debug, Default)]
struct Apart {
    torso: f32,
    angle: f32,
    velocity: f32,
    total: f32,
}

fn apart(anatomy: Anatomy, case: &Case) -> Apart {
    let mut app = app(immortal(anatomy), case.runs.len());
    let count = 3 + anatomy.joints();
    each(&mut app, |arena, runner, bodies| {
        let (place, rates) = case.runs[arena].start.split_at(count);
        runner.put(&anatomy, bodies, &padded(place), &padded(rates));
    });
    let mut sum = Apart::default();
    let mut totals = vec![0.0; case.runs.len()];
    let steps = case.runs[0].actions.len();
    for made in 1..=steps {
        step(&mut app, case.runs.iter().map(|run| padded(&run.actions[made - 1])).collect());
        let mut query = app.world_mut().query::<(&Arena, &Runner, &AgentSlots)>();
        for (arena, runner, seats) in query.iter(app.world()) {
            totals[arena.index] += seats.rewards[0];
            if made % case.every != 0 {
                continue;
            }
            let theirs = &case.runs[arena.index].states[made / case.every - 1];
            let ours = [&[runner.x()], seats.observations.row(0).0].concat();
            assert_eq!(ours.len(), theirs.len());
            let differs: Vec<f32> = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).collect();
            sum.torso += differs[0].hypot(differs[1]);
            sum.angle += differs[2..count].iter().copied().fold(0.0, f32::max);
            sum.velocity += differs[count..].iter().sum::<f32>() / count as f32;
        }
    }
    let states = (case.runs.len() * (steps / case.every)) as f32;
    let totals = totals.iter().zip(&case.runs).map(|(total, run)| (total - run.r#return).abs());
    Apart {
        torso: sum.torso / states,
        angle: sum.angle / states,
        velocity: sum.velocity / states,
        total: totals.sum::<f32>() / case.runs.len() as f32,
    }
}

/// The engines differ, so distances grow with time; the bounds are up to three times what was measured.
#[test]
fn walkers_move_as_recorded() {
    let fixtures = [
        (HOPPER, include_str!("../../../../tests/fixtures/walkers/hopper.json")),
        (WALKER, include_str!("../../../../tests/fixtures/walkers/walker.json")),
        (CHEETAH, include_str!("../../../../tests/fixtures/walkers/cheetah.json")),
    ];
    for (anatomy, json) in fixtures {
        let recorded: Recorded = serde_json::from_str(json).unwrap();
        for case in &recorded.cases {
            let found = apart(anatomy, case);
            println!("{} {}: {found:?}", anatomy.name, case.name);
            let [torso, angle] = match (anatomy.name, &*case.name) {
                ("hopper", "in the air") => [0.002, 0.015],
                ("hopper", _) => [0.015, 0.08],
                ("walker", "limp") => [0.02, 0.2],
                ("walker", _) => [0.01, 0.2],
                ("cheetah", "at full strength") => [0.08, 0.2],
                _ => [0.06, 0.06],
            };
            let near = found.torso <= torso && found.angle <= angle && found.velocity <= 1.5;
            // Most of a return is the way in step lengths.
            let alike = found.total <= 2.0 * torso / anatomy.step_seconds();
            assert!(near && alike, "{} {}: {found:?}", anatomy.name, case.name);
        }
    }
}
