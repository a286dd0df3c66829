//! Unsaved: whether what was learned last is on the disk. Who writes says so, who watches is told.

use std::sync::{Arc, Mutex};

use bevy::prelude::*;

/// Why what was learned last is not on the disk; nothing while all is. People who watch see it until it is.
#[derive(Resource, Debug, Clone, Default)]
pub struct Unsaved(Arc<Mutex<[Option<String>; 2]>>);

impl Unsaved {
    /// One line.
    pub fn reason(&self) -> Option<String> {
        self.0.lock().ok()?.iter().flatten().next().cloned()
    }

    /// Of lines (0) or of the last checkpoint (1).
    pub fn set(&self, what: usize, reason: Option<String>) {
        let Ok(mut reasons) = self.0.lock() else { return };
        if let (Some(now), false) = (&reason, reasons[what] == reason) {
            tracing::error!("{now}");
        }
        reasons[what] = reason;
    }
}
