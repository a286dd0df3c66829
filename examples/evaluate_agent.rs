//! Loads a trained agent, evaluates it, and inspects its policy: `cargo run --example evaluate_agent
//! [FILE.agent]`.

use std::path::PathBuf;

use entropy_arcade::learner::trained::TrainedAgent;
use entropy_arcade::run::evaluate;
use entropy_arcade::worlds::WorldChoice;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).map(PathBuf::from);
    let file = file.unwrap_or_else(|| "src/worlds/classic_control/cartpole/cartpole.agent".into());
    let agent = TrainedAgent::load(&file)?;
    println!(
        "{}: trained in {} for {} env steps",
        file.display(),
        agent.environment.name,
        agent.record.env_steps
    );

    // The world it was trained in, on the level in the file; `check_spec` refuses any other.
    let world = WorldChoice::kept(&agent.environment.name, agent.level().as_ref(), &agent.world)?;
    agent.check_spec(&world.spec())?;
    let summary = evaluate(&world, agent.policy()?, 10, 7)?;
    println!("{}", serde_json::to_string(&summary)?);

    // Its record has the evaluation over other episodes; this one should be similar.
    let (now, then) = (summary.episode_return.mean, agent.record.mean_return);
    if (now - then).abs() > 0.25 * then.abs().max(1.0) {
        return Err(format!("mean return {now:.2}, while its record says {then:.2}").into());
    }
    Ok(())
}
