//! Composition of the window, in one place: the plugins of the arcade, its worlds and its title screen.
//!
//! It contains no logic of its own; every part is documented where it is defined.

mod bench;
#[cfg(feature = "arcade")]
mod scope;
#[cfg(feature = "arcade")]
mod screens;
#[cfg(feature = "arcade")]
mod session;
#[cfg(feature = "arcade")]
mod window;

pub use bench::{
    MemorySize, bench_act, bench_bodies, bench_env, bench_learner, bench_products, bench_replay,
    bench_sequences, bench_tick,
};
#[cfg(feature = "arcade")]
pub use session::SessionRequest;
#[cfg(feature = "arcade")]
pub use window::{Doors, arcade, bench_frames, bench_minute, leave, screens, screenshot};

#[cfg(feature = "arcade")]
pub use crate::panel::title::Chosen;
#[cfg(feature = "arcade")]
pub use crate::view::screenshot::{ScreenshotRequest, TimedInput};
