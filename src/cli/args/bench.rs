//! Arguments of the benchmarks.

use clap::{Subcommand, ValueEnum};

use crate::app::MemorySize;
use crate::learner::DeviceChoice;
use crate::mdp::ActionKind;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Bench {
    /// Arena ticks, arena steps and agent steps (one per slot) per second, for every world.
    Env {
        /// One world only.
        #[arg(long)]
        env: Option<String>,
        /// Numbers of arenas.
        #[arg(long, value_delimiter = ',', default_value = "1,64,256,1024")]
        arenas: Vec<usize>,
        /// Another program, measured in turn; may be given many times.
        #[arg(long, value_name = "COMMAND", requires = "env")]
        peer: Vec<String>,
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 2.0, value_parser = seconds)]
        seconds: f64,
        /// Threads that step arenas, 0 for one per core.
        #[arg(long, default_value_t = 0, value_parser = threads)]
        threads: usize,
    },
    /// Cost of an arena's tick: as shipped, with one optimization disabled at a time, and with growing
    /// numbers of bodies.
    Tick {
        /// Worlds.
        #[arg(long, value_delimiter = ',', default_value = "lava-room,brick-breaker,lander")]
        env: Vec<String>,
        /// Number of arenas.
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
        arenas: u32,
        /// Number of measured runs.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 0.5, value_parser = seconds)]
        seconds: f64,
    },
    /// CPU time of a drawn frame on its thread, with training on and off; opens a window.
    #[cfg(feature = "arcade")]
    Frames {
        /// World.
        #[arg(long, default_value = "lava-room")]
        env: String,
        /// Number of intervals with training off, and as many with training on.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
        /// Seconds per interval.
        #[arg(long, default_value_t = 10.0, value_parser = seconds)]
        seconds: f64,
        /// With all overlays on.
        #[arg(long)]
        overlays: bool,
        /// Frame rate limit, like that of a display; unlimited when absent.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
        fps: Option<u32>,
    },
    /// Time until a window shows a world, and what its agent learns in the first minute; opens a window.
    #[cfg(feature = "arcade")]
    Minute {
        /// World.
        #[arg(long, default_value = "lava-room")]
        env: String,
        /// Seed of everything random.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Seconds after the first frame.
        #[arg(long, default_value_t = 60.0, value_parser = seconds)]
        seconds: f64,
    },
    /// Time a policy takes to act for 1, 64 and 1024 observations, with and without memory.
    Act {
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 0.5, value_parser = seconds)]
        seconds: f64,
    },
    /// Time of sampling from the replay buffer, uniformly and by priority.
    Replay {
        /// Transitions in the buffer.
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=50_000_000))]
        items: u32,
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 1.0, value_parser = seconds)]
        seconds: f64,
    },
    /// Gradient steps per second of agents with memory: 32 sequences of 80 transitions, 20 of them burn-in.
    Sequences {
        /// Memories: lstm, gru or transformer, each with its width.
        #[arg(long, value_delimiter = ',', default_value = "lstm-64,lstm-128,gru-64,transformer-64")]
        memory: Vec<MemorySize>,
        /// Command of another library that does the same work, measured alternately with this one; may be
        /// given many times. See benches/peers.
        #[arg(long, value_name = "COMMAND")]
        peer: Vec<String>,
        /// Device.
        #[arg(long, value_enum, default_value = "cpu")]
        device: DeviceChoice,
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 3.0, value_parser = seconds)]
        seconds: f64,
        /// Threads of a CPU update, 0 for one per core.
        #[arg(long, default_value_t = 0, value_parser = threads)]
        threads: usize,
    },
    /// Matrix products of a gradient step on one thread: the share that each reaches of what the processor can multiply, and
    /// the gradient steps per second that this would allow.
    Products {
        /// Transitions of a batch.
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
        batch: u32,
        /// Width of both hidden layers.
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4096))]
        hidden: u32,
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run and product.
        #[arg(long, default_value_t = 0.5, value_parser = seconds)]
        seconds: f64,
    },
    /// Gradient steps per second by size of batch and networks; on a GPU also what a step asks of the card.
    Learner {
        /// Kind of actions: 4 discrete ones with 8 observations, or the shapes of HalfCheetah, 17 observations and an action
        /// of 6 dimensions.
        #[arg(long, value_enum, default_value = "discrete")]
        actions: ActionChoice,
        /// Batch sizes, each with the width that --hidden has in the same place; where one of the two has a single value, it
        /// goes with all of the other.
        #[arg(long, value_delimiter = ',', default_value = "256,64", value_parser = clap::value_parser!(u32).range(1..=65_536))]
        batch: Vec<u32>,
        /// Widths of both hidden layers.
        #[arg(long, value_delimiter = ',', default_value = "256,64", value_parser = clap::value_parser!(u32).range(1..=4096))]
        hidden: Vec<u32>,
        /// Prioritized replay in place of uniform.
        #[arg(long)]
        prioritized: bool,
        /// Command of another library that does the same work, measured alternately with this one; may be
        /// given many times. See benches/peers.
        #[arg(long, value_name = "COMMAND")]
        peer: Vec<String>,
        /// Device.
        #[arg(long, value_enum, default_value = "cpu")]
        device: DeviceChoice,
        /// Number of measured runs.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=1000))]
        runs: u32,
        /// Seconds per run.
        #[arg(long, default_value_t = 3.0, value_parser = seconds)]
        seconds: f64,
        /// Threads of a CPU update, 0 for one per core.
        #[arg(long, default_value_t = 0, value_parser = threads)]
        threads: usize,
    },
}

/// A kind of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ActionChoice {
    /// One of several.
    Discrete,
    /// A vector within a box.
    Continuous,
}

impl From<ActionChoice> for ActionKind {
    fn from(choice: ActionChoice) -> Self {
        match choice {
            ActionChoice::Discrete => Self::Discrete,
            ActionChoice::Continuous => Self::Continuous,
        }
    }
}

/// Parses the duration of a measurement in seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.05..=3600.0).contains(&value) { Ok(value) } else { Err("allowed: 0.05 to 3600".to_owned()) }
}

/// A number of threads.
fn threads(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|threads| *threads <= 256).ok_or_else(|| "allowed: 0 to 256".to_owned())
}
