//! Your own game with a learning agent: move left or right to catch the falling fruit.
//!
//! `cargo run --example catch` trains it live for half a minute, without a window. `-- --steps 3000` plays as
//! fast as the agent learns, until it has made that many gradient steps, and fails if it has not improved.

use std::process::ExitCode;
use std::time::Duration;

use bevy::ecs::message::MessageCursor;
use bevy::prelude::*;
use entropy_agents::prelude::*;
use entropy_rl::algo::sac::SacConfig;

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

    fn show(&self, seats: &mut AgentSlots) {
        let [x, y] = [self.fruit.x as f32 / WIDTH as f32, self.fruit.y as f32 / HEIGHT as f32];
        seats.observations.row_mut(0).0.copy_from_slice(&[self.basket as f32 / WIDTH as f32, x, y]);
    }
}

fn fall(mut games: Query<(&mut Game, &mut AgentSlots)>) {
    for (mut game, mut seats) in &mut games {
        game.basket = (game.basket + [0, -1, 1][seats.actions.index(0)]).clamp(0, WIDTH - 1);
        game.fruit.y -= 1;
        if game.fruit.y == 0 {
            seats.rewards[0] = if game.fruit.x == game.basket { 1.0 } else { -1.0 };
            seats.outcomes[0].success = game.fruit.x == game.basket;
            seats.end = Some(EpisodeEnd::Terminated);
        }
    }
}

fn observe(mut games: Query<(&Game, &mut AgentSlots)>) {
    games.iter_mut().for_each(|(game, mut seats)| game.show(&mut seats));
}

fn begin_again(mut games: Query<(&mut Game, &mut AgentSlots)>) {
    for (mut game, mut seats) in games.iter_mut().filter(|(_, seats)| seats.end.is_some()) {
        game.begin();
        game.show(&mut seats);
    }
}

/// The game with its agent.
fn app() -> App {
    let spec = EnvironmentSpec {
        name: "catch".into(),
        summary: "Catch what falls.".into(),
        observation: ObservationSpace::floats(&["basket", "fruit x", "fruit y"]),
        action: ActionSpace::discrete(&["stay", "left", "right"]),
        ticks_per_step: 1,
        tick_seconds: 0.1,
        episode_limit: HEIGHT as u32,
        teams: vec![0],
        rewards: vec![RewardTerm::new("catch", 1.0, "the fruit lands in the basket, −1 beside it")],
    };
    // A small network learns a small game faster.
    let sac = SacConfig { hidden: vec![32, 32], ..SacConfig::default() };
    let config = LearnerConfig { learning_starts: 1000, algorithm: sac.into(), ..LearnerConfig::default() };
    let learner = LiveLearner::start(LearnerSetup::new(spec.clone(), config));
    let (assignment, policy) = (ControllerAssignment::all(vec![Controller::Learning]), learner.policy());
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, LivePlugin))
        .add_plugins(AgentPlugin::new(spec.clone(), assignment, policy).with_seed(1))
        .insert_resource(learner)
        .add_systems(SimTick, fall.in_set(SimSystems::Play))
        .add_systems(SimTick, observe.in_set(SimSystems::Observe))
        .add_systems(SimTick, begin_again.in_set(SimSystems::Reset));
    for arena in 0..8 {
        let (mut game, mut seats) =
            (Game { games: arena as i32, ..default() }, AgentSlots::new(arena, &spec));
        game.begin();
        game.show(&mut seats);
        app.world_mut().spawn((game, seats));
    }
    app
}

/// Fraction of fruit caught in the first hundred games and in the last hundred.
fn caught(games: &[bool]) -> [f32; 2] {
    let share = |games: &[bool]| games.iter().filter(|caught| **caught).count() as f32 / games.len() as f32;
    let some = games.len().min(100);
    [share(&games[..some]), share(&games[games.len() - some..])]
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).skip_while(|argument| argument != "--steps");
    let most: Option<u64> = arguments.nth(1).and_then(|number| number.parse().ok());
    let (mut app, mut games) = (app(), Vec::new());
    let mut reader = MessageCursor::<EpisodeFinished>::default();
    for step in 1_u64.. {
        run_agent_step(app.world_mut());
        // What a frame does; in your game, Bevy calls it.
        app.update();
        let finished = app.world().resource::<Messages<EpisodeFinished>>();
        games.extend(reader.read(finished).map(|episode| episode.outcomes[0].success));
        let status = app.world().resource::<LiveLearner>().status();
        if let Health::Failed(reason) = &status.health {
            eprintln!("error: {reason}");
            return ExitCode::FAILURE;
        }
        if step.is_multiple_of(if most.is_some() { 500 } else { 60 }) {
            let [_, last] = caught(&games).map(|share| 100.0 * share);
            println!("{} gradient steps: {last:.0} % of the last 100 caught", status.gradient_steps);
        }
        if most.map_or(step >= 30 * 60, |most| status.gradient_steps >= most) {
            break;
        }
        std::thread::sleep(Duration::from_millis(if most.is_some() { 1 } else { 16 }));
    }
    let [first, last] = caught(&games);
    println!("caught at first {:.0} %, in the end {:.0} %", 100.0 * first, 100.0 * last);
    if last > first { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
