//! The plugins in a foreign game: own components, own schedule, nothing of the arcade.

use std::time::{Duration, Instant};

use bevy::ecs::schedule::ScheduleLabel;
use bevy::prelude::*;
use entropy_arcade::agent::history::History;
use entropy_arcade::agent::{
    AgentPlugin, Controller, ControllerAssignment, EpisodeFinished, LearningPolicy, LiveLearner, LivePlugin,
    Replay,
};
use entropy_arcade::learner::{DeviceChoice, Health, LearnerConfig, LearnerSetup, untrained};
use entropy_arcade::mdp::{EnvironmentSpec, EpisodeEnd};
use entropy_arcade::metrics::run::EPISODE_RETURN;
use entropy_arcade::sim::{self, AgentSlots, SimSystems, SimTick, run_agent_step};
use entropy_arcade::worlds::WorldChoice;
use entropy_arcade::worlds::classic_control::cartpole::{out_of_bounds, push, step};

use super::common::transitions;
use super::{assert_lived, buffer, staged};

/// A pole of the game's own.
#[derive(Component)]
struct Pole {
    state: [f64; 4],
    begun: u32,
}

impl Pole {
    fn begin(&mut self) {
        self.begun += 1;
        self.state = [0.0, 0.0, 0.01 * f64::from(self.begun % 7) - 0.03, 0.0];
    }

    fn show(&self, seats: &mut AgentSlots) {
        seats.observations.row_mut(0).0.copy_from_slice(&self.state.map(|value| value as f32));
    }
}

/// When the game moves.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
struct Moves;

fn spec() -> EnvironmentSpec {
    EnvironmentSpec { ticks_per_step: 2, ..WorldChoice::new("cartpole", None).unwrap().spec() }
}

fn fall(mut poles: Query<(&mut Pole, &mut AgentSlots)>, clock: Res<sim::TickClock>) {
    for (mut pole, mut seats) in poles.iter_mut().filter(|_| clock.ends_step()) {
        pole.state = step(pole.state, push(seats.actions.row(0)));
        seats.rewards[0] += 1.0;
        seats.end = out_of_bounds(&pole.state).then_some(EpisodeEnd::Terminated);
    }
}

fn observe(mut poles: Query<(&Pole, &mut AgentSlots)>) {
    poles.iter_mut().for_each(|(pole, mut seats)| pole.show(&mut seats));
}

fn begin_again(mut poles: Query<(&mut Pole, &mut AgentSlots)>) {
    for (mut pole, mut seats) in poles.iter_mut().filter(|(_, seats)| seats.end.is_some()) {
        pole.begin();
        pole.show(&mut seats);
    }
}

fn agents(policy: LearningPolicy) -> AgentPlugin {
    AgentPlugin::new(spec(), ControllerAssignment::all(vec![Controller::Learning]), policy).with_seed(1)
}

/// The game, without the plugins.
fn game(mut app: App) -> App {
    app.init_schedule(Moves)
        .add_systems(Moves, run_agent_step)
        .add_systems(SimTick, fall.in_set(SimSystems::Play))
        .add_systems(SimTick, observe.in_set(SimSystems::Observe))
        .add_systems(SimTick, begin_again.in_set(SimSystems::Reset));
    for arena in 0..5 {
        let mut pole = Pole { state: [0.0; 4], begun: arena };
        let mut seats = AgentSlots::new(arena as usize, &spec());
        pole.begin();
        pole.show(&mut seats);
        app.world_mut().spawn((pole, seats));
    }
    app.finish();
    app.cleanup();
    app
}

#[test]
fn the_plugins_need_only_slots_in_any_order() {
    for agents_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let config = LearnerConfig { learning_starts: 200, batch_size: 8, ..LearnerConfig::default() };
        let mut setup = LearnerSetup::new(spec(), config);
        setup.device = DeviceChoice::Cpu;
        let learner = LiveLearner::start(setup);
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, sim::plugin));
        if agents_first {
            app.add_plugins(agents(learner.policy())).add_plugins(LivePlugin);
        } else {
            app.add_plugins(LivePlugin).add_plugins(agents(learner.policy()));
        }
        app.insert_resource(learner);
        let mut app = game(app);
        let start = Instant::now();
        let mut moves = 0;
        while moves < 300 || app.world().resource::<LiveLearner>().status().gradient_steps < 50 {
            app.world_mut().run_schedule(Moves);
            app.update();
            moves += 1;
            let status = app.world().resource::<LiveLearner>().status();
            assert!(start.elapsed() < Duration::from_secs(60), "{status:?}");
            assert!(!matches!(status.health, Health::Failed(_)), "{status:?}");
        }
        let learner = app.world().resource::<LiveLearner>();
        learner.save_and_wait(folder.path().into()).unwrap();
        let kept = transitions::replay(folder.path()).unwrap();
        assert_lived(&kept, 1_400);
        assert_eq!(app.world().resource::<Replay>().env_steps, 5 * moves);
        assert!(app.world().resource::<History>().curve(EPISODE_RETURN).0.len() > 10);
    }
}

#[test]
fn a_game_without_a_consumer_does_not_grow() {
    let mut app = App::new();
    app.add_plugins((MinimalPlugins, sim::plugin)).add_plugins(agents(LearningPolicy(untrained(2))));
    let mut app = game(app);
    let mut most = [0; 2];
    for _ in 0..9_000 {
        app.world_mut().run_schedule(Moves);
        let replay = app.world().resource::<Replay>();
        let episodes = app.world().resource::<Messages<EpisodeFinished>>();
        most = [most[0].max(replay.staged.len()), most[1].max(episodes.len())];
    }
    assert!(most.iter().all(|&most| most <= 2 * 5 * 4097), "{most:?}");
    assert_lived(&buffer(&staged(&mut app)), 1_000);
}
