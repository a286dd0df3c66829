//! The environment contract for every world and level, as in `entropy-arcade check`, and memory use.
//!
//! In a file of its own, since memory is measured for the whole process.

mod common;

use common::{two_at_a_time, worlds};
use entropy_arcade::run::{check_world, random_app};
use entropy_arcade::sim::{Arena, run_agent_step};

#[test]
fn every_world_keeps_the_contract() {
    two_at_a_time(worlds(), |(name, world)| match check_world(&world) {
        Ok(report) => println!("{name}: {}", serde_json::to_string(&report).unwrap()),
        Err(violation) => panic!("{name}: {violation}"),
    });
    for (name, world) in worlds() {
        // 64 arenas with episodes of one step: even a small leak per reset becomes visible.
        let mut app = random_app(&world, 64, 3, 1);
        let mut resets = |steps: usize| {
            for _ in 0..steps {
                let mut arenas = app.world_mut().query::<&mut Arena>();
                arenas.iter_mut(app.world_mut()).for_each(|mut arena| arena.cut_episode());
                run_agent_step(app.world_mut());
                app.world_mut()
                    .resource_mut::<bevy::prelude::Messages<entropy_arcade::agent::EpisodeFinished>>()
                    .clear();
            }
            resident()
        };
        let (Some(before), Some(after)) = (resets(160), resets(160)) else {
            println!("{name}: memory not measured, there is no /proc here");
            continue;
        };
        let grown = after.saturating_sub(before);
        println!("{name}: {grown} bytes more after another 10240 resets");
        assert!(grown < 4 << 20, "{name}: {grown} bytes more after another 10240 resets");
    }
}

/// Resident memory of this process, in bytes.
fn resident() -> Option<u64> {
    let pages: u64 = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
