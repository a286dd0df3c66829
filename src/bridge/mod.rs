//! Other people's environments: Gymnasium's, stepped by Python processes over pipes.
//!
//! `--env gym:ID` makes a world of any registered environment. Its copies take the place of arenas: they have
//! [`AgentSlots`](crate::agent::AgentSlots), so agents, learner, records and panel are the same; they have no bodies. A
//! worker (`worker.py`) steps several of them, ends and begins their episodes, and turns observations into floats and
//! grids. Python runs in no process of the arcade.
//!
//! A Gymnasium id runs code, so it comes from the command line or from a configuration that is named there, never from an
//! agent file.

mod copy;
mod error;
mod group;
mod picture;
mod pipe;
mod play;
mod plugin;
mod python;
mod settings;
mod spec;
mod wire;
mod worker;

use bevy::prelude::*;

pub use error::BridgeError;
pub use picture::Picture;
pub use python::make as make_python;
pub use settings::{BridgeSettings, id};

use crate::mdp::EnvironmentSpec;
use crate::sim::SimConfig;
use crate::sim::arena::EnvironmentHooks;
use plugin::BridgePlugin;
use wire::Hello;

/// An outside environment that was looked at.
#[derive(Debug, Clone)]
pub struct OutsideEnvironment {
    id: String,
    settings: BridgeSettings,
    hello: Hello,
    spec: EnvironmentSpec,
}

impl OutsideEnvironment {
    /// Makes the environment `id` once, to learn its spaces.
    ///
    /// # Errors
    /// [`BridgeError`] if there is no Python with Gymnasium, it has no such environment, or no agent can play it.
    pub fn look_at(id: &str, settings: &BridgeSettings) -> Result<Self, BridgeError> {
        let hello = worker::look_at(id, settings)?;
        let spec = spec::spec(id, &hello)?;
        if !hello.dropped.is_empty() {
            let (name, dropped) = (&spec.name, hello.dropped.join(", "));
            tracing::warn!(
                "env = {name}: agents do not see {dropped}, which is neither numbers nor an image"
            );
        }
        Ok(Self { id: id.to_owned(), settings: settings.clone(), hello, spec })
    }

    /// Its spec.
    pub fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    /// What the worker said of it, with the versions of the packages it is made of, as JSON.
    pub fn record(&self) -> String {
        serde_json::to_string_pretty(&self.hello).unwrap_or_default()
    }

    /// What it supports besides being played: nothing.
    pub fn hooks() -> EnvironmentHooks {
        plugin::HOOKS
    }

    /// Adds its copies to `app`.
    pub fn add_to(&self, app: &mut App, config: SimConfig) {
        let Self { id, settings, spec, .. } = self;
        let start = worker::Start { id: id.clone(), settings: settings.clone(), picture: false };
        app.add_plugins(BridgePlugin { start, spec: spec.clone(), config });
    }
}
