//! Reading a dataset, and its episodes as steps that a learner takes.

use std::path::Path;

use serde_json::Value;

use super::write::file;
use super::{DatasetError, Episode, columns};
use crate::files::{self, in_one_line};
use crate::mdp::{EnvironmentSpec, Origin, StepBatch};

/// Largest arrow file of one episode.
const LARGEST: u64 = 1 << 31;

/// The episodes of the dataset in `folder`, which must be in the spaces of `spec`.
///
/// # Errors
/// [`DatasetError`] in one line for what is no such dataset, or one of other spaces.
pub fn read(folder: &Path, spec: &EnvironmentSpec) -> Result<Vec<Episode>, DatasetError> {
    let data = folder.join("data");
    // The folder `data` itself will do.
    let data = if data.is_dir() { data } else { folder.to_owned() };
    let about = data.join("metadata.json");
    let unfit =
        |path: &Path, problem: String| DatasetError::Unfit { path: path.display().to_string(), problem };
    let text = file(&about, files::LARGEST_TEXT)?;
    let said: Value = serde_json::from_slice(&text).map_err(|error| {
        unfit(&about, format!("{}; restore a copy of it", files::in_plain_words(&error.to_string())))
    })?;
    if said["data_format"] != "arrow" {
        let format = said["data_format"].as_str().unwrap_or("hdf5");
        return Err(unfit(
            &about,
            format!(
                "data_format = {}: only arrow is read; create it with data_format=\"arrow\"",
                in_one_line(format)
            ),
        ));
    }
    let count = said["total_episodes"].as_u64().filter(|count| *count > 0);
    let count = count.ok_or_else(|| unfit(&about, "total_episodes: no episodes; record some".to_owned()))?;
    (0..count)
        .map(|number| {
            let path = data.join(number.to_string()).join("part-0.arrow");
            let bytes = file(&path, LARGEST)?;
            let episode = columns::from_bytes(spec, bytes).map_err(|problem| {
                let problem = in_one_line(&problem);
                unfit(&path, format!("not an episode of {} as it is configured ({problem})", spec.name))
            })?;
            Ok(episode)
        })
        .collect()
}

/// `episodes` as steps of stream 0, as if a person had played them.
pub fn steps(episodes: &[Episode]) -> StepBatch {
    let mut batch = StepBatch::default();
    for episode in episodes {
        for step in 0..episode.rewards.len() {
            let (vector, grid) = episode.observations.row(step);
            batch.streams.push(0);
            batch.starts.push(step == 0);
            batch.observations.push(vector, grid);
            batch.actions.push(episode.actions.row(step));
            batch.rewards.push(episode.rewards[step]);
            batch.behaviour_entropies.push(0.0);
            batch.origins.push(Origin::Human);
            let last = step + 1 == episode.rewards.len();
            batch.ends.push(last.then_some(episode.end));
            if last {
                let (vector, grid) = episode.observations.row(step + 1);
                batch.final_observations.push(vector, grid);
            }
        }
    }
    batch
}
