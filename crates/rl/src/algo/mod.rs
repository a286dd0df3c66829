//! Algorithms: they improve a policy from batches of transitions.
//!
//! Each has its own folder. The learner depends only on the trait [`Algorithm`] and the catalogue
//! [`AlgorithmConfig`]; no other module uses an algorithm's types, except the catalogue, the run's file, the
//! panel's sliders and benchmarks.

mod algorithm;
mod all_reduce;
mod config;
mod error;
pub mod report;
pub mod sac;

pub use algorithm::{Algorithm, Persist, SampleSpec, TrainedPolicy};
use all_reduce::average;
pub use all_reduce::{AllReduce, Part};
pub(crate) use config::same_algorithm;
pub use config::{AlgorithmConfig, AlgorithmSettings, ExactValues, Place, SoftValues};
pub use error::TrainError;
