//! Checkpoints in one folder: which are removed, which stay, and which is found.

use std::fs;
use std::io::Write;

use super::checksum::step;
use super::*;
use crate::algo::AlgorithmConfig;
use crate::learner::{Counters, LearnerConfig};
use crate::mdp::{ActionSpace, ObservationSpace, Stream, WorldOptions, rng};

fn manifest(env_steps: u64) -> Manifest {
    let spec = EnvironmentSpec {
        name: "small".into(),
        summary: String::new(),
        observation: ObservationSpace { vector: vec!["x".into()], grid: None },
        action: ActionSpace::discrete(&["a", "b"]),
        ticks_per_step: 1,
        tick_seconds: 1.0,
        episode_limit: 10,
        teams: vec![0],
        rewards: Vec::new(),
    };
    let counters = Counters { env_steps, ..Counters::default() };
    let learner = LearnerConfig::default();
    Manifest::new(spec, None, WorldOptions::default(), learner, counters, rng(1, Stream::Replay, 0))
}

fn save(folder: &Path, env_steps: u64, agent: Option<u32>) -> Result<(PathBuf, u32), CheckpointError> {
    let text = format!("{env_steps}").repeat(20_000);
    let content = |name: &str| -> (String, Content<'static>) {
        let text = text.clone();
        (name.to_owned(), Box::new(move |out| out.write_all(text.as_bytes())))
    };
    write(folder, manifest(env_steps), agent, vec![content(STREAM), content("a.json")])
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_checkpoint_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), 123, None).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    for _ in 0..2 {
        let mut text = String::new();
        checkpoint.stream().unwrap().read_to_string(&mut text).unwrap();
        assert!(text == "123".repeat(20_000) && text.as_bytes() == checkpoint.file("a.json").unwrap());
    }
    let path = checkpoint.folder.join(STREAM);
    let mut bytes = fs::read(&path).unwrap();
    bytes[30_001] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("replay.bin is not what was written"), "{error}");
}

#[test]
fn a_missing_manifest_and_a_missing_folder_are_distinguished() {
    let folder = tempfile::tempdir().unwrap();
    let (place, _) = save(folder.path(), 5, None).unwrap();
    fs::remove_file(place.join(MANIFEST)).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("\"000000000005\", which has no manifest.json"), "{error}");
    fs::remove_dir_all(place).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("\"000000000005\", which does not exist"), "{error}");
}

#[test]
fn the_checksum_does_not_depend_on_how_bytes_arrive() {
    let bytes: Vec<u8> = (0..103u8).map(|byte| byte.wrapping_mul(37)).collect();
    let sum = |sizes: &[usize]| {
        let (mut sum, mut left, mut sizes) = (Checksum::default(), &bytes[..], sizes.iter().cycle());
        while !left.is_empty() {
            let (now, later) = left.split_at(left.len().min(*sizes.next().unwrap()));
            sum.add(now);
            left = later;
        }
        sum.finish()
    };
    // The definition used since the first version: words, then the remaining bytes one by one.
    let (words, rest) = bytes.as_chunks::<8>();
    let whole = words.iter().fold(0xCBF2_9CE4_8422_2325, |sum, word| step(sum, u64::from_le_bytes(*word)));
    let whole = rest.iter().fold(whole, |sum, &byte| step(sum, u64::from(byte)));
    for sizes in [&[200][..], &[1], &[3], &[7, 1, 9], &[8], &[16, 5], &[2, 31]] {
        assert_eq!(sum(sizes), whole, "{sizes:?}");
    }
}

#[test]
fn a_fresh_agent_does_not_replace_a_trained_one() {
    let folder = tempfile::tempdir().unwrap();
    let (trained, agent) = save(folder.path(), 4480, None).unwrap();
    let (trained_more, _) = save(folder.path(), 9000, Some(agent)).unwrap();
    assert!(!trained.exists() && trained_more.exists());
    let (fresh, second) = save(folder.path(), 16, None).unwrap();
    save(folder.path(), 32, Some(second)).unwrap();
    assert_eq!((agent, second), (0, 1));
    assert!(!fresh.exists() && Checkpoint::open(&trained_more).is_ok());
    assert_eq!(Checkpoint::open(folder.path()).unwrap().manifest.counters.env_steps, 32);
    // One that cannot be read may belong to another program.
    fs::write(trained_more.join(MANIFEST), "{").unwrap();
    save(folder.path(), 48, Some(0)).unwrap();
    assert!(trained_more.exists());
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_last_one_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (_, agent) = save(folder.path(), 100, None).unwrap();
    let before = names(folder.path());
    let full = |out: &mut dyn std::io::Write| {
        out.write_all(&[7; 100_000])?;
        Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
    };
    let error = write(folder.path(), manifest(200), Some(agent), vec![("big".into(), Box::new(full))]);
    assert!(error.unwrap_err().to_string().contains("free space"));
    assert_eq!(names(folder.path()), before);
    // Nor when only the last step fails.
    fs::remove_file(folder.path().join(LATEST)).unwrap();
    fs::create_dir(folder.path().join(LATEST)).unwrap();
    assert!(save(folder.path(), 200, Some(agent)).is_err());
    assert_eq!(names(folder.path()), before);
}

#[test]
fn leftovers_of_a_dead_process_are_found_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (first, agent) = save(folder.path(), 100, None).unwrap();
    let half = folder.path().join(".new-000000000200");
    fs::create_dir(&half).unwrap();
    assert_eq!(Checkpoint::open(folder.path()).unwrap().folder, first);
    // It died before `latest` named the first one, and left another one behind.
    fs::remove_file(folder.path().join(LATEST)).unwrap();
    fs::rename(&first, folder.path().join("000000000150")).unwrap();
    fs::create_dir(&first).unwrap();
    assert!(exists(folder.path()));
    assert_eq!(Checkpoint::open(folder.path()).unwrap().manifest.counters.env_steps, 100);
    fs::remove_dir(&first).unwrap();
    save(folder.path(), 300, Some(agent)).unwrap();
    assert_eq!(names(folder.path()), ["000000000300", "latest"]);
    // `latest` names a missing checkpoint.
    fs::write(folder.path().join(LATEST), "000000000999").unwrap();
    assert_eq!(Checkpoint::open(folder.path()).unwrap().manifest.counters.env_steps, 300);
    fs::write(folder.path().join(LATEST), "../000000000300").unwrap();
    assert!(
        Checkpoint::open(folder.path()).unwrap_err().to_string().contains("not the name of a checkpoint")
    );
    let nothing = tempfile::tempdir().unwrap();
    fs::create_dir_all(nothing.path().join("checkpoint/.new-000000000600")).unwrap();
    assert!(!exists(nothing.path()));
}

/// A checkpoint being removed never exists half under its own name, wherever the removal is interrupted.
#[test]
fn an_interrupted_removal_leaves_no_half_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (first, agent) = save(folder.path(), 100, None).unwrap();
    // Its temporary name is taken by something that cannot be removed as a folder: it stays complete.
    let aside = folder.path().join(".new-000000000100");
    fs::write(&aside, "in the way").unwrap();
    save(folder.path(), 200, Some(agent)).unwrap();
    assert!(Checkpoint::open(&first).is_ok(), "deleted before it was renamed");
    fs::remove_file(&aside).unwrap();
    // Interrupted after the rename, and then after every removed file.
    fs::rename(&first, &aside).unwrap();
    for gone in [None, Some("a.json"), Some(STREAM), Some(MANIFEST)] {
        gone.into_iter().for_each(|name| fs::remove_file(aside.join(name)).unwrap());
        assert_eq!(Checkpoint::open(folder.path()).unwrap().manifest.counters.env_steps, 200);
        fs::rename(folder.path().join(LATEST), folder.path().join("hidden")).unwrap();
        assert_eq!(Checkpoint::open(folder.path()).unwrap().manifest.counters.env_steps, 200, "{gone:?}");
        fs::rename(folder.path().join("hidden"), folder.path().join(LATEST)).unwrap();
    }
    save(folder.path(), 300, Some(agent)).unwrap();
    assert_eq!(names(folder.path()), ["000000000300", "latest"]);
}

#[test]
fn reading_while_another_process_writes_always_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let (_, agent) = save(folder.path(), 1, None).unwrap();
    let going = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for env_steps in 2..60 {
                save(folder.path(), env_steps, Some(agent)).unwrap();
            }
            going.store(false, std::sync::atomic::Ordering::Relaxed);
        });
        while going.load(std::sync::atomic::Ordering::Relaxed) {
            let read = Checkpoint::open(folder.path());
            assert!(read.is_ok(), "{read:?}");
        }
    });
}

/// A stop in the middle of the longest period leaves the most credit.
#[test]
fn the_credit_of_the_longest_period_is_valid() {
    let mut manifest = manifest(0);
    manifest.counters.credit = 4096 * 1024 * 4 * 64 * 1_000_000;
    assert_eq!(manifest.check(), Ok(()));
    manifest.counters.credit = u64::MAX;
    assert!(manifest.check().is_err());
}

#[test]
fn compressed_content_round_trips_and_other_content_is_read_as_it_is() {
    // Planes of cells, and numbers with little repetition.
    let cells: Vec<u8> = (0..300_000u32).map(|at| u8::from(at % 9 == 0 || at % 81 < 9) * 255).collect();
    let numbers = (0..60_000u32).flat_map(|at| (at as f32).sin().to_le_bytes());
    let content: Vec<u8> = cells.into_iter().chain(numbers).collect();
    let packed = |piece: usize| {
        let mut bytes = Vec::new();
        let write = |out: &mut dyn Write| content.chunks(piece).try_for_each(|part| out.write_all(part));
        packed::pack(write, &mut bytes).unwrap();
        bytes
    };
    let bytes = packed(4);
    assert!(bytes == packed(4) && bytes.len() < content.len() * 3 / 4, "{}", bytes.len());
    let unpacked = |bytes: &[u8]| {
        let mut all = Vec::new();
        packed::Unpacked::of(bytes)?.read_to_end(&mut all)?;
        std::io::Result::Ok(all)
    };
    assert!(unpacked(&bytes).unwrap() == content && unpacked(&packed(70_000)).unwrap() == content);
    assert!(unpacked(&content).unwrap() == content);
    assert_eq!(unpacked(b"").unwrap(), b"");
    for place in (10..bytes.len()).step_by(bytes.len() / 300) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        assert!(unpacked(&damaged).map_or(true, |all| all == content), "byte {place}");
    }
    assert!(unpacked(&bytes[..bytes.len() - 3]).is_err());
    assert!(unpacked(&[&bytes[..], b"more"].concat()).is_err(), "bytes behind the end");
}

/// The position of the algorithm's settings is unchanged: under its name, between the world and the learner.
#[test]
fn the_algorithm_keeps_its_key() {
    let text = serde_json::to_string(&manifest(3)).unwrap();
    let [world, sac, learner] =
        ["\"world\":", "\"sac\":{\"hidden\":", "\"learner\":"].map(|key| text.find(key).unwrap());
    assert!(world < sac && sac < learner && !text.contains("algorithm"), "{text}");
    assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap().algorithm, AlgorithmConfig::default());
    let unknown = text.replacen("\"sac\":", "\"cas\":", 1);
    assert!(serde_json::from_str::<Manifest>(&unknown).is_err());
}
