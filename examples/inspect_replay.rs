//! Inspects the replay buffer of a learner: its contents, their age, and single transitions. `cargo run
//! --example inspect_replay`.

use entropy_arcade::agent::{Controller, ControllerAssignment, LearningPolicy, Replay};
use entropy_arcade::learner::{Learner, LearnerConfig, LearnerSetup, untrained};
use entropy_arcade::mdp::{Stream, TransitionBatch};
use entropy_arcade::run::headless_app;
use entropy_arcade::sim::{SimConfig, run_agent_step};
use entropy_arcade::worlds::WorldChoice;

const ARENAS: usize = 8;
const STEPS: usize = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let world = WorldChoice::new("cartpole", None)?;
    let spec = world.spec();
    let setup = LearnerSetup { streams: ARENAS, ..LearnerSetup::new(spec.clone(), LearnerConfig::default()) };
    let mut learner = Learner::new(setup)?;

    // Arenas record the steps of the learning policy, untrained here; the learner stores them in the replay
    // buffer.
    let sim = SimConfig { arenas: ARENAS, seed: 1, stream: Stream::Environment };
    let assignment = ControllerAssignment::all(vec![Controller::Learning]);
    let mut app = headless_app(&world, sim, assignment, LearningPolicy(untrained(&spec.action)), 1);
    for _ in 0..STEPS {
        run_agent_step(app.world_mut());
        let steps = std::mem::take(&mut app.world_mut().resource_mut::<Replay>().staged);
        learner.push(&steps, true);
    }

    let mut replay = learner.replay().clone();
    println!("{} of at most {} transitions, {} kB", replay.len(), replay.capacity(), replay.bytes() / 1024);
    println!("share by age, youngest first: {:.2?}", replay.survey().ages);

    replay.set_returns(1, 0.99);
    let mut all = TransitionBatch::default();
    replay.gather_all(&mut all);
    println!("{} = {:?}", spec.observation.vector.join(", "), &all.observations[..all.features]);
    let (action, reward) = (all.actions.index(0), all.n_step_returns[0]);
    println!("then `{}`, reward {reward}", spec.action.names()[action]);
    let terminated = all.terminated.iter().filter(|&&terminated| terminated == 1.0).count();
    println!("{terminated} of {} transitions end an episode", all.batch);

    // The last step of each arena is incomplete until the next observation arrives.
    if all.batch != replay.len() || all.batch < ARENAS * (STEPS - 1) || terminated == 0 {
        return Err("replay lacks transitions that were recorded".into());
    }
    Ok(())
}
