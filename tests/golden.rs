//! Golden fingerprints: every world plays exactly as when its fingerprint was recorded.
//!
//! A fingerprint is a hash over observations, rewards, actions and ends of 4 arenas in 500 random agent
//! steps. After an intended change to a world, write new fingerprints and commit them with it:
//!
//! ```sh
//! GOLDEN=write cargo test --test golden
//! ```
//!
//! Trained agents, experiments and results in docs/results.md belong to the old fingerprint; update them as
//! well. Floating-point functions differ between systems, so the fingerprints are for x86-64 Linux.

mod common;

use std::collections::BTreeMap;

use common::worlds;
use entropy_arcade::run::fingerprint;

#[test]
fn worlds_play_as_they_did() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/golden.json");
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        println!("skipped: the fingerprints are those of x86-64 Linux");
        return;
    }
    let now: BTreeMap<String, String> =
        worlds().into_iter().map(|(name, world)| (name, format!("{:016x}", fingerprint(&world)))).collect();
    if std::env::var_os("GOLDEN").is_some_and(|wish| wish == "write") {
        std::fs::write(path, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
        return;
    }
    let then: BTreeMap<String, String> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (name, fingerprint) in &now {
        let known = then.get(name);
        assert!(
            known == Some(fingerprint),
            "{name} plays differently: {fingerprint} instead of {known:?}; if that is meant, \
             GOLDEN=write cargo test --test golden"
        );
    }
    assert_eq!(now.len(), then.len(), "a fingerprint of no world: GOLDEN=write cargo test --test golden");
}
