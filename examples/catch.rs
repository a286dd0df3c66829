//! A game of your own with a learning agent in it: move left or right to catch what falls.
//!
//! `cargo run --example catch` trains it live for half a minute, without a window.

use bevy::prelude::*;
use entropy_arcade::agent::{AgentPlugin, Casting, Controller, LiveLearner, LivePlugin, live::History};
use entropy_arcade::learner::{DeviceChoice, LearnerConfig, LearnerSetup};
use entropy_arcade::mdp::{ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm};
use entropy_arcade::sim::{self, Seats, SimSystems, SimTick, run_agent_step};

const WIDTH: i32 = 7;
const HEIGHT: i32 = 6;

#[derive(Component, Default)]
struct Game {
    basket: i32,
    fruit: IVec2,
    games: i32,
}

impl Game {
    fn begin(&mut self) {
        self.games += 1;
        self.basket = WIDTH / 2;
        self.fruit = IVec2::new(self.games * 5 % WIDTH, HEIGHT);
    }

    fn show(&self, seats: &mut Seats) {
        let (vector, _) = seats.observations.row_mut(0);
        vector[0] = self.basket as f32 / WIDTH as f32;
        vector[1] = self.fruit.x as f32 / WIDTH as f32;
        vector[2] = self.fruit.y as f32 / HEIGHT as f32;
    }
}

fn fall(mut games: Query<(&mut Game, &mut Seats)>) {
    for (mut game, mut seats) in &mut games {
        game.basket = (game.basket + [0, -1, 1][seats.actions[0].index()]).clamp(0, WIDTH - 1);
        game.fruit.y -= 1;
        if game.fruit.y == 0 {
            seats.rewards[0] = if game.fruit.x == game.basket { 1.0 } else { -1.0 };
            seats.outcomes[0].success = game.fruit.x == game.basket;
            seats.end = Some(EpisodeEnd::Terminated);
        }
    }
}

fn observe(mut games: Query<(&Game, &mut Seats)>) {
    games.iter_mut().for_each(|(game, mut seats)| game.show(&mut seats));
}

fn begin_again(mut games: Query<(&mut Game, &mut Seats)>) {
    for (mut game, mut seats) in &mut games {
        if seats.end.is_some() {
            game.begin();
            game.show(&mut seats);
        }
    }
}

fn main() {
    let spec = EnvironmentSpec {
        name: "catch".into(),
        summary: "Catch what falls.".into(),
        observation: ObservationSpace {
            vector: ["basket", "fruit x", "fruit y"].map(String::from).into(),
            grid: None,
        },
        action: ActionSpace::discrete(&["stay", "left", "right"]),
        ticks_per_step: 1,
        tick_seconds: 0.1,
        episode_limit: HEIGHT as u32,
        slots: 1,
        rewards: vec![RewardTerm::new("catch", 1.0, "the fruit lands in the basket, −1 beside it")],
    };
    let learner = LiveLearner::start(LearnerSetup {
        spec: spec.clone(),
        level: None,
        config: LearnerConfig { learning_starts: 200, ..LearnerConfig::default() },
        device: DeviceChoice::Cpu,
        seed: 1,
        checkpoints: None,
        resume: None,
    });
    let mut app = App::new();
    app.add_plugins(MinimalPlugins).add_plugins(sim::plugin).add_plugins(AgentPlugin {
        spec: spec.clone(),
        seed: 1,
        casting: Casting::all(vec![Controller::Learning]),
        policy: learner.policy(),
    });
    app.insert_resource(learner).add_plugins(LivePlugin).add_systems(
        SimTick,
        (
            fall.in_set(SimSystems::Judge),
            observe.in_set(SimSystems::Observe),
            begin_again.in_set(SimSystems::Reset),
        ),
    );
    for arena in 0..8 {
        let (mut game, mut seats) = (Game::default(), Seats::new(arena, &spec));
        game.games = arena as i32;
        game.begin();
        game.show(&mut seats);
        app.world_mut().spawn((game, seats));
    }
    for second in 1..=30 {
        for _ in 0..60 {
            run_agent_step(app.world_mut());
            std::thread::sleep(std::time::Duration::from_micros(16_000));
        }
        app.update();
        let success = &app.world().resource::<History>().success.0;
        let recent: f64 = success.iter().rev().take(100).map(|point| point[1]).sum::<f64>() / 100.0;
        println!("{second:2} s: {:.0} % caught", 100.0 * recent);
    }
}
