//! Memories of a network: recurrent cells and the state transformer, with hand-written gradients.
//!
//! `config` says which there are, `moment` what one moment holds, `moments` a batch of them; `network` puts hidden layers
//! on top. All passes are over a whole batch of sequences, time-major; acting is a pass over one moment.

mod config;
mod fast;
mod moment;
mod moments;
mod network;
mod recurrent;
#[cfg(test)]
mod reference;
mod slots;
#[cfg(test)]
mod tests;
mod transformer;

pub use config::{Memory, Recurrent, Spatial, Transformer};
pub use moment::MomentInputs;
pub(crate) use moments::Moments;
pub(crate) use network::{MemoryNetwork, Unroll, Unrolled};
