//! Stands in for `gpu` in a build without the feature `gpu`: there never is one.

use crate::mdp::Rng;
use crate::sac::{Inputs, SacConfig, SacError, SacUpdate};

/// Never exists.
pub enum Gpu {}

/// Whether software renderers may be used: there is nothing to use them with.
pub fn software_allowed() -> bool {
    false
}

/// Whether there may be a GPU at all.
pub fn hardware() -> bool {
    false
}

/// # Errors
/// Always.
pub fn open(_allow_software: bool) -> Result<Gpu, String> {
    Err("built without the feature `gpu`".to_string())
}

impl Gpu {
    /// Never called.
    pub fn name(&self) -> String {
        match *self {}
    }

    /// Never called.
    ///
    /// # Errors
    /// Never.
    pub fn sac(
        &self,
        _config: &SacConfig,
        _inputs: Inputs,
        _actions: usize,
        _rng: &mut Rng,
    ) -> Result<Box<dyn SacUpdate>, SacError> {
        match *self {}
    }
}
