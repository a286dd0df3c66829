//! State of an existing run: configuration and summary.

use std::path::Path;

use super::{RunError, Summary};
use crate::config::RunConfig;
use crate::files;

/// State of an existing run: configuration and summary.
#[derive(Debug, Clone)]
pub struct Earlier {
    /// Its configuration, from `config.toml`.
    pub config: RunConfig,
    /// Its `summary.json`, if there is one.
    pub summary: Option<Summary>,
}

impl Earlier {
    /// Reads the run in `folder`; `None` if it is a checkpoint, not a run folder.
    ///
    /// # Errors
    /// [`RunError::Config`] for a `config.toml` that cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, RunError> {
        let path = folder.join("config.toml");
        if !path.is_file() {
            return Ok(None);
        }
        let summary = files::read_text(&folder.join("summary.json"), files::LARGEST_TEXT).ok();
        let summary = summary.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Some(Self { config: RunConfig::written(&path)?, summary }))
    }
}
