//! Planar walkers: articulated bodies whose hinges have motors, after Gymnasium's Hopper, Walker2d and HalfCheetah.
#![doc = include_str!("README.md")]

pub mod anatomy;
#[cfg(feature = "arcade")]
pub mod art;
pub mod cheetah;
pub mod hopper;
pub mod runner;
#[cfg(test)]
mod tests;
pub mod walker;
