//! Entropy Arcade: physics worlds whose agents learn while you play.
//!
//! The program `entropy-arcade` is a thin shell around this library. What it does can be done from code as well: put an
//! agent into a game of your own, train in any world without a window, load a trained agent and act with it.
//!
//! # Put an agent into your own game
//!
//! A game needs three things: an [`EnvironmentSpec`](mdp::EnvironmentSpec) that declares what a player sees and can do,
//! an entity with [`AgentSlots`](sim::AgentSlots) for each copy of the game, and systems in the sets of
//! [`SimTick`](sim::SimTick) that read actions and write observations, rewards and ends.
//! [`AgentPlugin`](agent::AgentPlugin) lets policies act, [`LivePlugin`](agent::LivePlugin) feeds a learner on a thread
//! of its own; neither ever blocks a frame.
//!
//! ```
//! use bevy::prelude::*;
//! use entropy_arcade::agent::{AgentPlugin, ControllerAssignment, Controller, LiveLearner, LivePlugin, Replay};
//! use entropy_arcade::learner::{DeviceChoice, LearnerConfig, LearnerSetup};
//! use entropy_arcade::mdp::{ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm};
//! use entropy_arcade::sim::{self, AgentSlots, SimSystems, SimTick, run_agent_step};
//!
//! /// A walker on a line: +1 at the right end, −1 at the left end.
//! #[derive(Component, Default)]
//! struct Walker(i32);
//!
//! fn walk(mut walkers: Query<(&mut Walker, &mut AgentSlots)>) {
//!     for (mut walker, mut seats) in &mut walkers {
//!         walker.0 += [-1, 1][seats.actions[0].index()];
//!         if walker.0.abs() == 3 {
//!             seats.rewards[0] = walker.0.signum() as f32;
//!             seats.outcomes[0].success = walker.0 > 0;
//!             seats.end = Some(EpisodeEnd::Terminated);
//!         }
//!     }
//! }
//!
//! fn observe(mut walkers: Query<(&Walker, &mut AgentSlots)>) {
//!     for (walker, mut seats) in &mut walkers {
//!         seats.observations.row_mut(0).0[0] = walker.0 as f32 / 3.0;
//!     }
//! }
//!
//! /// An episode that has ended begins again, and its first observation is written.
//! fn reset(mut walkers: Query<(&mut Walker, &mut AgentSlots)>) {
//!     for (mut walker, mut seats) in walkers.iter_mut().filter(|(_, seats)| seats.end.is_some()) {
//!         walker.0 = 0;
//!         seats.observations.row_mut(0).0[0] = 0.0;
//!     }
//! }
//!
//! let spec = EnvironmentSpec {
//!     name: "line".into(),
//!     summary: "Walk to the right end.".into(),
//!     observation: ObservationSpace::floats(&["position"]),
//!     action: ActionSpace::discrete(&["left", "right"]),
//!     ticks_per_step: 1,
//!     tick_seconds: 0.1,
//!     episode_limit: 100,
//!     teams: vec![0],
//!     rewards: vec![RewardTerm::new("end", 1.0, "the right end is reached, −1 at the left end")],
//! };
//! let config = LearnerConfig { learning_starts: 100, ..LearnerConfig::default() };
//! let setup = LearnerSetup { device: DeviceChoice::Cpu, ..LearnerSetup::new(spec.clone(), config) };
//! let learner = LiveLearner::start(setup);
//!
//! let mut app = App::new();
//! app.add_plugins((MinimalPlugins, sim::plugin, LivePlugin))
//!     .add_plugins(AgentPlugin {
//!         spec: spec.clone(),
//!         seed: 1,
//!         assignment: ControllerAssignment::all(vec![Controller::Learning]),
//!         policy: learner.policy(),
//!     })
//!     .insert_resource(learner)
//!     .add_systems(SimTick, walk.in_set(SimSystems::Play))
//!     .add_systems(SimTick, observe.in_set(SimSystems::Observe))
//!     .add_systems(SimTick, reset.in_set(SimSystems::Reset));
//! for arena in 0..4 {
//!     app.world_mut().spawn((Walker::default(), AgentSlots::new(arena, &spec)));
//! }
//! for _ in 0..50 {
//!     run_agent_step(app.world_mut());
//!     app.update(); // What a frame does; with a window, Bevy calls it.
//! }
//! assert_eq!(app.world().resource::<Replay>().env_steps, 4 * 50);
//! ```
//!
//! `crates/bevy_agents/examples/catch.rs` is a whole game in this form that learns within half a minute;
//! `examples/skate.rs` is a world with bodies, written as an [`Environment`](sim::Environment).
//!
//! # Train without a window
//!
//! [`RunConfig::resolve`](config::RunConfig::resolve) takes a world's tuned experiment and any `key=value` over it;
//! [`app::train`] trains, evaluates and returns what came of it. With a folder in place of the first `None` the run is
//! written to disk, with checkpoints to resume from.
//!
//! ```
//! use entropy_arcade::app;
//! use entropy_arcade::config::RunConfig;
//!
//! let short = ["steps=1500", "device=cpu", "run.eval_episodes=2", "learner.gradient_steps_per_env_step=0.1"];
//! let config = RunConfig::resolve(Some("cartpole"), None, &short.map(String::from))?;
//! let world = app::world(&config)?;
//! let summary = app::train(config, &world, None, None, Default::default(), true)?;
//! assert!(summary.env_steps >= 1500 && summary.gradient_steps > 0);
//! assert_eq!(summary.eval.unwrap().episodes, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Load a trained agent and act with it
//!
//! An `.agent` file holds a policy, the spaces it was trained on and the record of its training. A
//! [`Policy`](mdp::Policy) decides for a whole batch of observations in one forward pass.
//!
//! ```
//! use entropy_arcade::app;
//! use entropy_arcade::learner::trained::TrainedAgent;
//! use entropy_arcade::mdp::{PolicyOutput, ObservationBatch, PolicyState};
//! use entropy_arcade::sim::worlds::WorldChoice;
//!
//! let agent = TrainedAgent::load("assets/agents/cartpole.agent".as_ref())?;
//! let policy = agent.policy()?;
//!
//! // On observations of your own: here the pole leans to the right, so the cart is pushed to the right.
//! let mut observations = ObservationBatch::default();
//! observations.push(&[0.0, 0.0, 0.05, 0.5], &[]);
//! let (mut states, mut decisions) = (vec![PolicyState::default()], PolicyOutput::default());
//! policy.act(&observations, &mut states, &mut [], true, &mut decisions);
//! assert_eq!(agent.environment.action.names()[decisions.actions[0].index()], "right");
//!
//! // Or in the world it was trained on.
//! let world = WorldChoice::new("cartpole", None)?;
//! agent.check_spec(&world.spec())?;
//! let summary = app::evaluate(&world, policy, 2, 7);
//! assert!(summary.episode_return.mean > 400.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layers
//!
//! Data flows one way: environment → observation → action → step → transition → replay → learner →
//! policy snapshot → action. The layers, each of which knows only those named before it; the first four are the crate
//! `entropy-rl`, which knows no Bevy, and `agent` is `entropy-agents`, which knows neither rapier nor a window:
//!
//! | module | what it is |
//! |---|---|
//! | [`files`] | the one reader of text files, for all layers |
//! | [`mdp`] | the vocabulary: spaces, steps, transitions, policies, seeds |
//! | [`replay`], [`sac`] | the replay buffer; the algorithm and its gradient step |
//! | [`learner`] | replay buffer and algorithm together: a thread, a device, checkpoints |
//! | [`agent`] | the tick, controllers in the agent slots of a simulation, steps to a learner |
//! | [`config`] | the settings of a run: defaults, files, `--set` |
//! | [`sim`] | worlds and arenas, on bevy_rapier2d |
//! | [`insight`] | what the arcade shows of its agents: values, saliency, lookahead, playback, rounds |
//! | [`run`] | runs and their files: headless training, evaluation, benchmarks |
//! | `view`, `panel` | drawing and input; the egui panel (feature `arcade`) |
//! | [`app`], [`cli`] | the whole composition, in one place; the command line |
//!
//! `ARCHITECTURE.md` follows one observation through all of them, and `CONTRIBUTING.md` says how to add to them.
// Here and not in Cargo.toml, where it would bind the tests and examples as well.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub use entropy_agents as agent;
pub use entropy_rl::{files, learner, mdp, replay, sac};

pub mod app;
pub mod cli;
pub mod config;
pub mod insight;
#[cfg(feature = "arcade")]
pub mod panel;
pub mod run;
pub mod sim;
#[cfg(feature = "arcade")]
pub mod view;
