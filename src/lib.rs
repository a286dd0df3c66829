//! Entropy Arcade: physics worlds whose agents learn while you play.
//!
//! The program `entropy-arcade` is a thin wrapper around this library. It can also be used from code: put an
//! agent into your own game, train in any world without a window, load a trained agent and act with it.
//!
//! # Put an agent into your own game
//!
//! A game needs three things: an [`EnvironmentSpec`](mdp::EnvironmentSpec) that declares observations and
//! actions, an entity with [`AgentSlots`](agent::AgentSlots) for each copy of the game, and systems in the
//! sets of [`SimTick`](agent::tick::SimTick) that read actions and write observations, rewards and ends.
//! [`AgentPlugin`](agent::AgentPlugin) lets policies act, [`LivePlugin`](agent::LivePlugin) keeps the
//! measurements of a learner that runs on its own thread; neither ever blocks a frame.
//!
//! ```
//! use bevy::prelude::*;
//! use entropy_arcade::agent::prelude::*;
//!
//! /// A walker on a line: +1 at the right end, −1 at the left end.
//! #[derive(Component, Default)]
//! struct Walker(i32);
//!
//! fn walk(mut walkers: Query<(&mut Walker, &mut AgentSlots)>) {
//!     for (mut walker, mut slots) in &mut walkers {
//!         walker.0 += [-1, 1][slots.actions.index(0)];
//!         if walker.0.abs() == 3 {
//!             slots.rewards[0] = walker.0.signum() as f32;
//!             slots.outcomes[0].success = walker.0 > 0;
//!             slots.end = Some(EpisodeEnd::Terminated);
//!         }
//!     }
//! }
//!
//! fn observe(mut walkers: Query<(&Walker, &mut AgentSlots)>) {
//!     for (walker, mut slots) in &mut walkers {
//!         slots.observations.row_mut(0).0[0] = walker.0 as f32 / 3.0;
//!     }
//! }
//!
//! /// Ended episodes restart, and their first observation is written.
//! fn reset(mut walkers: Query<(&mut Walker, &mut AgentSlots)>) {
//!     for (mut walker, mut slots) in walkers.iter_mut().filter(|(_, slots)| slots.end.is_some()) {
//!         walker.0 = 0;
//!         slots.observations.row_mut(0).0[0] = 0.0;
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
//! let players = ControllerAssignment::all(vec![Controller::Learning]);
//!
//! let mut app = App::new();
//! app.add_plugins((MinimalPlugins, AgentPlugin::new(spec.clone(), players, learner.policy()), LivePlugin))
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
//! `crates/bevy_agents/examples/catch.rs` is a complete game of this kind that learns within half a minute;
//! `examples/own_world.rs` is a world with bodies, written as an [`Environment`](sim::Environment).
//!
//! # Train without a window
//!
//! [`RunConfig::resolve`](config::RunConfig::resolve) takes a world's tuned experiment and any `key=value`
//! over it; [`run::train`] trains, evaluates and returns a summary. An experiment
//! [`at`](experiment::Experiment::at) a folder is written to disk, with checkpoints to resume from.
//!
//! ```
//! use entropy_arcade::config::RunConfig;
//! use entropy_arcade::experiment::{Experiment, Mode};
//! use entropy_arcade::run;
//! use entropy_arcade::worlds::WorldChoice;
//!
//! let short = ["steps=1500", "device=cpu", "run.eval_episodes=2", "learner.gradient_steps_per_env_step=0.1"];
//! let config = RunConfig::resolve(Some("cartpole"), None, &short.map(String::from))?;
//! let world = WorldChoice::new("cartpole", None)?;
//! let experiment = Experiment::new(config, world, Mode::Headless)?;
//! let summary = run::train(experiment, Default::default(), true)?;
//! assert!(summary.env_steps >= 1500 && summary.gradient_steps > 0);
//! assert_eq!(summary.eval.unwrap().episodes, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Load a trained agent and act with it
//!
//! An `.agent` file holds a policy, the spaces it was trained on and its training record. A
//! [`Policy`](mdp::Policy) acts on a whole batch of observations in one forward pass.
//!
//! ```
//! use entropy_arcade::run;
//! use entropy_arcade::learner::trained::TrainedAgent;
//! use entropy_arcade::mdp::{ObservationBatch, PolicyOutput};
//! use entropy_arcade::worlds::WorldChoice;
//!
//! let agent = TrainedAgent::load("src/worlds/classic_control/cartpole/cartpole.agent".as_ref())?;
//! let policy = agent.policy()?;
//!
//! // Your own observations: here the pole leans to the right, so the cart is pushed to the right.
//! let mut observations = ObservationBatch::default();
//! observations.push(&[0.0, 0.0, 0.05, 0.5], &[]);
//! let mut decisions = PolicyOutput::default();
//! policy.consider(&observations, &mut decisions);
//! assert_eq!(agent.environment.action.names()[decisions.actions.index(0)], "right");
//!
//! // Or in the world it was trained on.
//! let world = WorldChoice::new("cartpole", None)?;
//! agent.check_spec(&world.spec())?;
//! let summary = run::evaluate(&world, policy, 2, 7)?;
//! assert!(summary.episode_return.mean > 400.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layers
//!
//! Data flows one way: environment → observation → action → step → transition → replay → learner → policy
//! snapshot → action. Each layer depends only on those above it; the first five rows are the crate
//! `entropy-rl`, which does not depend on Bevy, and `agent` is `entropy-agents`, which depends on neither
//! rapier nor a window:
//!
//! | module | what it is |
//! |---|---|
//! | [`files`] | reading of text files, for all layers |
//! | [`mdp`] | the vocabulary: spaces, steps, transitions, policies, seeds |
//! | [`nn`] | networks for any algorithm |
//! | [`replay`], [`algo`] | the replay buffer; the algorithms and their gradient steps |
//! | [`learner`] | replay buffer and algorithm together: a thread, a device, checkpoints |
//! | [`agent`] | the tick, agent slots, controllers, recording, live learners |
//! | [`sim`] | arenas and the interface of worlds, on bevy_rapier2d |
//! | [`bridge`] | outside environments: Gymnasium's, stepped by Python processes |
//! | [`worlds`] | every world: rules, drawing, experiment, trained agents |
//! | [`config`] | the settings of a run: defaults, files, `--set` |
//! | [`experiment`] | one experiment, resolved once: world, configuration, players, the run to resume |
//! | [`insight`] | what the arcade shows about its agents: values, saliency, lookahead, playback, rounds |
//! | [`run`] | runs and their files: headless training, evaluation, benchmarks |
//! | `distributed` | the same runs in several processes, with [`run`] and a network (feature `distributed`) |
//! | `view`, `panel` | drawing and input; the egui panel (feature `arcade`) |
//! | [`app`], [`cli`] | composition of the window; the command line |
//!
//! `ARCHITECTURE.md` follows one observation through all of them, and `CONTRIBUTING.md` explains how to
//! extend them.
// Here and not in Cargo.toml, where it would bind the tests and examples as well.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub use entropy_agents as agent;
pub use entropy_rl::{algo, files, learner, link, mdp, metrics, nn, replay};

pub mod app;
pub mod bridge;
pub mod cli;
pub mod config;
pub mod dataset;
#[cfg(feature = "distributed")]
pub mod distributed;
pub mod experiment;
pub mod insight;
#[cfg(feature = "arcade")]
pub mod panel;
pub mod run;
pub mod sim;
#[cfg(feature = "arcade")]
pub mod view;
pub mod worlds;
