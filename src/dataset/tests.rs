//! Datasets: what is written is read again, and what is none is refused.

use std::fs;
use std::path::Path;

use super::*;
use crate::mdp::{ActionKind, ActionRow, EnvironmentSpec, Origin, WorldOptions};
use crate::worlds::WorldChoice;

/// Worlds of a vector, of a grid, of both, and of continuous actions.
fn worlds() -> Vec<WorldChoice> {
    let continuous = WorldOptions { actions: Some(ActionKind::Continuous), ..WorldOptions::default() };
    vec![
        WorldChoice::new("cartpole", None).unwrap(),
        WorldChoice::new("lava-room", None).unwrap(),
        WorldChoice::with_options("lander", None, &continuous).unwrap(),
    ]
}

/// An episode in which every number is another one.
fn episode(spec: &EnvironmentSpec, steps: usize, end: EpisodeEnd) -> Episode {
    let space = &spec.observation;
    let mut observations = ObservationBatch::default();
    for step in 0..=steps {
        let vector: Vec<f32> =
            (0..space.vector_len()).map(|at| (step * 31 + at) as f32 * 0.01 - 1.0).collect();
        let grid: Vec<u8> = (0..space.grid_len()).map(|at| ((step * 7 + at * 13) % 256) as u8).collect();
        observations.push(&vector, &grid);
    }
    let mut actions = ActionBatch::neutral(&spec.action, steps);
    for step in 0..steps {
        let vector: Vec<f32> =
            spec.action.dimensions().iter().map(|own| own.at((step as f32 * 0.37) % 1.0)).collect();
        match spec.action.is_continuous() {
            true => actions.set(step, ActionRow::Continuous(&vector)),
            false => actions.set(step, ActionRow::Discrete((step % spec.action.len()) as u16)),
        }
    }
    let rewards = (0..steps).map(|step| step as f32 * 0.5 - 1.0).collect();
    Episode { observations, actions, rewards, end }
}

#[test]
fn what_is_written_is_read_again() {
    for world in worlds() {
        let (spec, folder) = (world.spec(), tempfile::tempdir().unwrap());
        let path = folder.path().join("some-world").join("people-v3");
        let mut writer = DatasetWriter::create(&path, &world, "human").unwrap();
        let all = [(5, EpisodeEnd::Terminated), (1, EpisodeEnd::Truncated), (9, EpisodeEnd::Terminated)]
            .map(|(steps, end)| episode(&spec, steps, end));
        all.iter().for_each(|own| writer.push(own).unwrap());
        assert_eq!((writer.episodes(), writer.steps()), (3, 15));
        assert_eq!(read(&path, &spec).unwrap(), all, "{}", spec.name);
        assert_eq!(read(&path.join("data"), &spec).unwrap(), all);
        let text = fs::read_to_string(path.join("data/metadata.json")).unwrap();
        let said: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&said["dataset_id"], &said["total_steps"]), (&"some-world/people-v3".into(), &15.into()));
        let taken = DatasetWriter::create(&path, &world, "human").unwrap_err().to_string();
        assert!(taken.contains("exists already") && !taken.contains('\n'), "{taken}");
    }
}

#[test]
fn episodes_become_steps_of_one_stream() {
    let spec = worlds()[1].spec();
    let all = [3, 2].map(|steps| episode(&spec, steps, EpisodeEnd::Terminated));
    let batch = steps(&all);
    assert_eq!(batch.starts, [true, false, false, true, false]);
    assert_eq!(batch.streams, [0; 5]);
    assert!(batch.origins.iter().all(|origin| *origin == Origin::Human));
    assert_eq!(batch.ends.iter().filter(|end| end.is_some()).count(), 2);
    assert_eq!(batch.final_observations.row(1), all[1].observations.row(2));
    assert_eq!(batch.observations.row(3), all[1].observations.row(0));
}

/// The dataset at `path` is refused in one line that has `part`.
fn refused(path: &Path, spec: &EnvironmentSpec, part: &str) {
    let error = read(path, spec).unwrap_err().to_string();
    assert!(error.contains(part) && !error.contains('\n'), "{part}: {error}");
}

#[test]
fn what_is_no_dataset_of_the_world_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some");
    let [cartpole, lava_room, lander] = &worlds()[..] else { unreachable!() };
    refused(&path, &cartpole.spec(), "metadata.json: cannot be read");
    let mut writer = DatasetWriter::create(&path, cartpole, "random").unwrap();
    refused(&path, &cartpole.spec(), "no episodes");
    writer.push(&episode(&cartpole.spec(), 4, EpisodeEnd::Terminated)).unwrap();
    refused(&path, &lava_room.spec(), "observations have no");
    refused(&path, &lander.spec(), "another shape");
    let arrow = path.join("data/0/part-0.arrow");
    let whole = fs::read(&arrow).unwrap();
    // Cut and changed at many places: an error or an episode, never a panic.
    for length in (0..whole.len()).step_by(97) {
        fs::write(&arrow, &whole[..length]).unwrap();
        refused(&path, &cartpole.spec(), "part-0.arrow");
    }
    for at in (0..whole.len()).step_by(13) {
        let mut other = whole.clone();
        other[at] ^= 0x5a;
        fs::write(&arrow, &other).unwrap();
        if let Err(error) = read(&path, &cartpole.spec()) {
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
    fs::remove_file(&arrow).unwrap();
    refused(&path, &cartpole.spec(), "part-0.arrow: cannot be read");
    for (text, part) in
        [("{", "restore a copy"), (r#"{"data_format": "hdf5"}"#, "only arrow"), ("[]", "only arrow")]
    {
        fs::write(path.join("data/metadata.json"), text).unwrap();
        refused(&path, &cartpole.spec(), part);
    }
}
