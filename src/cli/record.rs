//! `record`: episodes of a trained agent or of a player without a policy, as a dataset.

use std::path::{Path, PathBuf};

use super::args::SimplePlayer;
use super::{Failure, agents, say, world_with};
use crate::agent::Controller;
use crate::dataset::DatasetWriter;
use crate::files::portable;
use crate::run::recording::{Demonstrator, record_episodes};

/// Records `episodes` of a checkpoint or of a player of a world into a dataset.
pub(super) fn record(
    checkpoint: Option<PathBuf>,
    player: Option<(SimplePlayer, String)>,
    level: Option<&Path>,
    set: &[String],
    episodes: usize,
    seed: u64,
    out: &Path,
) -> Result<(), Failure> {
    let (world, player, by) = match (checkpoint, player) {
        (Some(checkpoint), _) => {
            let (world, policy) = agents::evaluated(&checkpoint, level)?;
            (world, Demonstrator::Agent(policy), portable(&checkpoint))
        }
        (None, Some((player, env))) => {
            let world = world_with(&env, level, set)?;
            let controller = Controller::from(player);
            if controller == Controller::Scripted && !world.capabilities().scripted {
                return Err(
                    format!("--player scripted: {env} has no hand-written player; choose another").into()
                );
            }
            let name = controller.name().to_owned();
            (world, Demonstrator::Simple(controller), name)
        }
        (None, None) => return Err("record: name a --checkpoint, or a --player and its --env".into()),
    };
    let mut writer = DatasetWriter::create(out, &world, &by)?;
    say(&serde_json::to_string(&record_episodes(&world, player, episodes, seed, &mut writer)?)?);
    Ok(())
}
