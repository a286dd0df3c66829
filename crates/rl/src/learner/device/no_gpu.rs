//! Replaces `gpu` in a build without the feature `gpu`: there is never a GPU.

use crate::algo::Place;

/// Has no values.
pub enum Gpu {}

/// Whether software renderers may be used: never.
pub fn software_allowed() -> bool {
    false
}

/// Whether there may be a GPU: never.
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
    pub fn place(&self) -> Place {
        match *self {}
    }
}
