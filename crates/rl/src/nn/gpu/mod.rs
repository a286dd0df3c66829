//! Networks on a graphics card: compute shaders of our own on the wgpu device that burn has opened.
//!
//! A [`Program`] is a list of kernels over one buffer of floats, recorded once and run for every gradient step: all
//! kernels of a step in one pass, several steps in one submission, nothing read back in between. burn's tensors need a
//! launch for every operation and its host code far longer than the card; here a step is some twenty dispatches.
//! `pass` computes networks, `descent` trains them; an algorithm adds the kernels of its losses.

mod card;
mod descent;
mod pass;
mod program;
mod shape;

pub use card::{Card, Counts};
pub(crate) use descent::{Descent, backward, descend, input_slopes, measure};
pub(crate) use pass::{Behind, Pass, Seen, forward};
pub(crate) use program::{Builder, Kernel, Numbers, Program, STEPS};
pub(crate) use shape::Shape;
