//! Play against an earlier self: two runners race for a coin. A frozen policy plays one slot, an agent learns
//! in the other.
//!
//! `cargo run --example frozen_opponent` fails if the agent does not beat its initial policy.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use entropy_agents::prelude::*;
use entropy_rl::algo::sac::SacConfig;

/// Cells of the track, and steps until a race is a draw.
const CELLS: i32 = 13;
const LONGEST: u32 = 30;
/// Gradient steps and wall time within which the agent must improve.
const GRADIENT_STEPS: u64 = 8_000;
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Component, Default)]
struct Race {
    runners: [i32; 2],
    coin: i32,
    steps: u32,
    races: i32,
}

impl Race {
    fn begin(&mut self) {
        self.races += 1;
        // Both are equally far away, on alternating sides of the coin.
        let away = 2 + self.races % 4;
        self.coin = CELLS / 2;
        let side = if self.races % 2 == 0 { 1 } else { -1 };
        self.runners = [self.coin - side * away, self.coin + side * away];
        self.steps = 0;
    }

    /// Each runner observes the positions of the coin and of the other runner relative to its own.
    fn show(&self, slots: &mut AgentSlots) {
        for slot in 0..2 {
            let [own, other] = [self.runners[slot], self.runners[1 - slot]];
            let seen = [self.coin - own, other - own].map(|way| way as f32 / CELLS as f32);
            slots.observations.row_mut(slot).0.copy_from_slice(&seen);
        }
    }
}

fn run(mut races: Query<(&mut Race, &mut AgentSlots)>) {
    for (mut race, mut slots) in &mut races {
        race.steps += 1;
        for slot in 0..2 {
            let step = [0, -1, 1][slots.actions.index(slot)];
            race.runners[slot] = (race.runners[slot] + step).clamp(0, CELLS - 1);
        }
        let there = race.runners.map(|runner| runner == race.coin);
        if there.contains(&true) || race.steps == LONGEST {
            for slot in 0..2 {
                let won = f32::from(u8::from(there[slot])) - f32::from(u8::from(there[1 - slot]));
                slots.rewards[slot] = won;
                slots.outcomes[slot] = Outcome { success: won > 0.0, score: won };
            }
            slots.end = Some(EpisodeEnd::Terminated);
        }
    }
}

fn observe(mut races: Query<(&Race, &mut AgentSlots)>) {
    races.iter_mut().for_each(|(race, mut slots)| race.show(&mut slots));
}

fn begin_again(mut races: Query<(&mut Race, &mut AgentSlots)>) {
    for (mut race, mut slots) in races.iter_mut().filter(|(_, slots)| slots.end.is_some()) {
        race.begin();
        race.show(&mut slots);
    }
}

fn app() -> App {
    let spec = EnvironmentSpec {
        name: "race".into(),
        summary: "Reach the coin first.".into(),
        observation: ObservationSpace::floats(&["coin", "other"]),
        action: ActionSpace::discrete(&["stay", "left", "right"]),
        ticks_per_step: 1,
        tick_seconds: 0.1,
        episode_limit: LONGEST,
        teams: vec![0, 1],
        rewards: vec![RewardTerm::new("coin", 1.0, "the coin is reached first, −1 where the other one does")],
    };
    // A race is worth 1 at most: with the default temperature entropy would dominate.
    let sac = SacConfig { hidden: vec![32, 32], initial_temperature: 0.02, ..SacConfig::default() };
    let config = LearnerConfig { learning_starts: 500, algorithm: sac.into(), ..LearnerConfig::default() };
    let setup = LearnerSetup { device: DeviceChoice::Cpu, ..LearnerSetup::new(spec.clone(), config) };
    let learner = LiveLearner::start(setup);
    // The current policy, under a name that slots can refer to.
    let mut frozen = FrozenPolicies::default();
    frozen.0.insert("the beginning".into(), learner.policy().0.load().policy.clone());
    let players = vec![Controller::Learning, Controller::Frozen("the beginning".into())];
    let plugin = AgentPlugin::new(spec.clone(), ControllerAssignment::all(players), learner.policy());

    let mut app = App::new();
    app.add_plugins((MinimalPlugins, plugin.with_seed(1), LivePlugin))
        .insert_resource(learner)
        .insert_resource(frozen)
        .add_systems(SimTick, run.in_set(SimSystems::Play))
        .add_systems(SimTick, observe.in_set(SimSystems::Observe))
        .add_systems(SimTick, begin_again.in_set(SimSystems::Reset))
        .init_resource::<Results>()
        .add_systems(Update, count);
    for arena in 0..8 {
        let mut race = Race { races: arena as i32, ..default() };
        let mut slots = AgentSlots::new(arena, &spec);
        race.begin();
        race.show(&mut slots);
        app.world_mut().spawn((race, slots));
    }
    app
}

/// Results of the learner's slot in every race: 1, 0 for a draw, −1.
#[derive(Resource, Default)]
struct Results(Vec<f32>);

fn count(mut finished: MessageReader<EpisodeFinished>, mut results: ResMut<Results>) {
    results.0.extend(finished.read().map(|episode| episode.outcomes[0].score));
}

fn main() -> ExitCode {
    let (mut app, start) = (app(), Instant::now());
    loop {
        run_agent_step(app.world_mut());
        app.update();
        let status = app.world().resource::<LiveLearner>().status();
        if let Health::Failed(reason) = &status.health {
            eprintln!("error: {reason}");
            return ExitCode::FAILURE;
        }
        if status.gradient_steps >= GRADIENT_STEPS || start.elapsed() > PATIENCE {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let results = &app.world().resource::<Results>().0;
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len().max(1) as f32;
    let some = results.len().min(200);
    let [first, last] = [mean(&results[..some]), mean(&results[results.len() - some..])];
    println!("wins minus losses per race against the beginning: {first:+.2} at first, {last:+.2} in the end");
    if last > first + 0.2 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
