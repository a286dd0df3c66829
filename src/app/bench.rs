//! Setup of the benchmarks; the measurements are in [`run`](crate::run).

use crate::algo::sac::SacConfig;
use crate::learner::{DeviceChoice, LearnerConfig, LearnerError, LearnerSetup};
use crate::mdp::{ActionSpace, EnvironmentSpec, ObservationSpace, WorldOptions};
use crate::run::{bench, random_app, ticks};
use crate::worlds::WorldChoice;
use crate::worlds::ball_box::{BallBox, Balls};

/// Measures a world's speed.
pub fn bench_env(
    world: &WorldChoice,
    arenas: usize,
    runs: usize,
    seconds: f64,
    threads: usize,
) -> [bench::Line; 3] {
    let mut app = random_app(world, arenas, 1, threads);
    bench::environment(&mut app, arenas, runs, seconds)
}

/// Measures the cost of a tick of `arenas` arenas of `world`, with one optimization disabled at a time.
pub fn bench_tick(world: &WorldChoice, arenas: usize, runs: usize, seconds: f64) -> Vec<bench::Line> {
    let name = format!("{}, {arenas} arenas", world.spec().name);
    ticks::savings(&|| random_app(world, arenas, 1, 0), runs, seconds, &name)
}

/// Measures the cost of a tick of 64 arenas by the number of bodies in each.
pub fn bench_bodies(runs: usize, seconds: f64) -> Vec<bench::Line> {
    let make = |balls| random_app(&WorldChoice::of::<BallBox>(Balls(balls)), 64, 1, 0);
    ticks::bodies(&make, runs, seconds)
}

/// Measures gradient steps, alternating with `peers`, at the two sizes used by those: observation 8, actions
/// 4.
pub fn bench_learner(
    device: DeviceChoice,
    peers: &[String],
    runs: usize,
    seconds: f64,
    threads: usize,
) -> impl Iterator<Item = Result<Vec<bench::Line>, Box<dyn std::error::Error>>> {
    let spec = random_spec();
    [(256, 256), (64, 64)].into_iter().map(move |(batch_size, width)| {
        let sac = SacConfig { hidden: vec![width, width], ..SacConfig::default() };
        let config = LearnerConfig { batch_size, threads, algorithm: sac.into(), ..LearnerConfig::default() };
        let setup = LearnerSetup {
            spec: spec.clone(),
            streams: 1,
            level: None,
            world: WorldOptions::default(),
            config,
            device,
            seed: 1,
            checkpoints: None,
            resume: None,
        };
        bench::learner(setup, peers, runs, seconds)
    })
}

/// Measures a replay buffer with `items` transitions of 8 floats.
pub fn bench_replay(items: usize, runs: usize, seconds: f64) -> [bench::Line; 3] {
    bench::replay(&random_spec(), items, runs, seconds)
}

/// Measures the time a policy takes to act for 1, 64 and 1024 arenas at three network sizes.
pub fn bench_act(runs: usize, seconds: f64) -> impl Iterator<Item = Result<bench::Line, LearnerError>> {
    let sizes = [64, 128, 256].into_iter().flat_map(|width| [1, 64, 1024].map(|rows| (width, rows)));
    sizes.map(move |(width, rows)| bench::act(&random_spec(), &[width, width], rows, runs, seconds))
}

/// A spec of no world: observation 8, actions 4.
fn random_spec() -> EnvironmentSpec {
    EnvironmentSpec {
        name: "random experience".into(),
        summary: String::new(),
        observation: ObservationSpace { vector: vec![String::new(); 8], grid: None },
        action: ActionSpace::discrete(&["a", "b", "c", "d"]),
        ticks_per_step: 1,
        tick_seconds: 1.0,
        episode_limit: 100,
        teams: vec![0],
        rewards: Vec::new(),
    }
}
