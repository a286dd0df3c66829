//! Runs of several processes: one learns and keeps the replay buffer, others play and send it their steps.
//!
//! `crate::run` runs what runs in one process; here is what a session adds: the learner's process that others join
//! ([`serve`]), processes that only play ([`play`]) or learn as well ([`replicate`]), and the experiment that a joiner gets from
//! the learner ([`Joined`]).

mod control;
mod episodes;
mod exact;
mod join;
mod metrics;
mod play;
mod replica;
mod serve;
#[cfg(feature = "arcade")]
mod window;
mod work;

pub use control::{control, status};
pub use entropy_net::hub::Control;
pub use entropy_net::keys::{KeyRole, make as make_keys};
pub use entropy_net::protocol::Role;
pub use entropy_net::zenoh::{Address, Security, joiner};
pub use exact::serve_exactly;
pub use join::Joined;
pub use play::{PlaySummary, Playing, play};
pub use replica::{ReplicaSummary, replicate};
pub use serve::{Serving, serve};

use crate::run::RunError;

/// Why a session cannot be opened, joined or gone on with.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The network, or the other side.
    #[error(transparent)]
    Net(#[from] entropy_net::NetError),
    /// The run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The learner's world cannot be played here.
    #[error("env = {env}: {problem}")]
    World {
        /// Its name.
        env: String,
        /// Why, and the remedy.
        problem: String,
    },
    /// An argument.
    #[error("{0}")]
    Argument(String),
}

/// A number that no other process has.
fn own_number() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    // Random for every hasher, and mixed with what else differs between processes.
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    hasher.write_u128(now.map_or(0, |now| now.as_nanos()));
    hasher.finish()
}

/// The name of this machine, if it says so.
pub fn host_name() -> Option<String> {
    let known = |path: &str| crate::files::read_text(path.as_ref(), 256).ok();
    let name = std::env::var("HOSTNAME").ok().or_else(|| known("/etc/hostname"))?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// A name of this process for people.
fn own_name() -> String {
    format!("{}:{}", host_name().unwrap_or_else(|| "host".into()), std::process::id())
}

/// What the results of an exact run depend on besides the run itself: the program, and the processor's instructions, since
/// sums are added in another order with others.
fn machine() -> String {
    #[cfg(target_arch = "x86_64")]
    let vectors = if std::is_x86_feature_detected!("avx512f") {
        "avx512"
    } else if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
        "avx2"
    } else {
        "sse2"
    };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = "portable";
    format!("{} {} {vectors}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH)
}

/// What is played, as text: a process may play on for a learner that was started again only if this is the same.
fn identity(experiment: &crate::experiment::Experiment) -> String {
    let crate::experiment::Experiment { config, world, .. } = experiment;
    let level = world.level().and_then(|level| level.text.clone());
    let parts = (&config.env, config.arenas, config.run.self_play, &config.world, level);
    serde_json::to_string(&parts).unwrap_or_default()
}
