//! Unsaved: whether the latest progress is on disk, written by whatever saves and shown to the user.

use std::sync::{Arc, Mutex};

use bevy::prelude::*;

/// Why the latest progress is not on disk; `None` if it is. Shown in the window until it is.
#[derive(Resource, Debug, Clone, Default)]
pub struct Unsaved(Arc<Mutex<[Option<String>; 2]>>);

impl Unsaved {
    /// The reason, in one line.
    pub fn reason(&self) -> Option<String> {
        self.0.lock().ok()?.iter().flatten().next().cloned()
    }

    /// Sets the reason for appended lines (0) or the last checkpoint (1).
    pub fn set(&self, what: usize, reason: Option<String>) {
        let Ok(mut reasons) = self.0.lock() else { return };
        if let (Some(now), false) = (&reason, reasons[what] == reason) {
            tracing::error!("{now}");
        }
        reasons[what] = reason;
    }
}
