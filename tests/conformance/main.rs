//! The published vectors of the specification: gradient steps in `updates`, those of agents with memory and what belongs to
//! them in `memory`; n-step assembly, prioritized replay and tabular fixed points in `replay`; windows of steps in
//! `sequences`. Here is where cases lie.
//!
//! `CONFORMANCE_DIR=… cargo test --test conformance` runs another folder of the same format. A line a case
//! says how far it was from its expectations. Both implementations are held to them, so the feature `gpu` is needed, whose
//! reference runs on a CPU here.

#![cfg(feature = "gpu")]

mod memory;
mod replay;
mod sequences;
mod updates;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// What a case's folder holds.
struct Files {
    description: Value,
    /// Shape and values by name.
    floats: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    integers: BTreeMap<String, Vec<i64>>,
}

impl Files {
    fn read(folder: &Path) -> Self {
        let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
        let description = serde_json::from_slice(&read("case.json")).unwrap();
        let bytes = read("tensors.safetensors");
        let (mut floats, mut integers) = (BTreeMap::new(), BTreeMap::new());
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
            match view.dtype() {
                Dtype::F32 => {
                    let values = view.data().as_chunks().0.iter().map(|value| f32::from_le_bytes(*value));
                    floats.insert(name.to_owned(), (view.shape().to_vec(), values.collect()));
                }
                Dtype::I64 => {
                    let values = view.data().as_chunks().0.iter().map(|value| i64::from_le_bytes(*value));
                    integers.insert(name.to_owned(), values.collect());
                }
                other => panic!("{name} is {other:?}"),
            }
        }
        Self { description, floats, integers }
    }

    fn name(&self) -> String {
        self.description["name"].as_str().unwrap().to_owned()
    }
}

/// Folders of all cases, in order, and whether they are the shipped ones.
fn folders() -> (Vec<PathBuf>, bool) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/conformance");
    let other = std::env::var_os("CONFORMANCE_DIR").map(PathBuf::from);
    let folder = other.as_ref().unwrap_or(&shipped);
    let mut folders: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("case.json").is_file())
        .collect();
    assert!(!folders.is_empty(), "{}: no folder in it holds a case.json", folder.display());
    folders.sort();
    (folders, other.is_none())
}

/// Prints a line about a case past the test harness, which shows only those of tests that fail.
fn say(line: &str) {
    _ = writeln!(std::io::stderr(), "{line}");
}

/// No case may be of a kind that nothing here looks at.
#[test]
fn every_case_is_of_a_known_kind() {
    for folder in folders().0 {
        let text = std::fs::read_to_string(folder.join("case.json")).unwrap();
        let description: Value = serde_json::from_str(&text).unwrap();
        let kind = description["kind"].as_str().unwrap();
        assert!(
            updates::KINDS.contains(&kind)
                || sequences::KIND == kind
                || replay::KINDS.contains(&kind)
                || memory::KINDS.contains(&kind),
            "{}: kind {kind}",
            folder.display()
        );
    }
}
