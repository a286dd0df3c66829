//! The window on the command line: its first screen, and the sessions chosen on the title screen.

use std::sync::Arc;

use clap::Parser as _;

use super::args::{Cli, RunArgs};
use super::{Failure, agents, signals};
use crate::app::{self, Chosen, Doors, SessionRequest};

/// Opens the world in `args`, or the title screen without one.
pub(super) fn open(args: &RunArgs) -> Result<(), Failure> {
    let first = if args.opens_title_screen() { None } else { Some(args.session()?) };
    let doors = doors(args);
    if let Some(request) = args.picture()? {
        return app::screenshot(first, doors, request);
    }
    let saves = first.as_ref().is_some_and(|first| first.experiment.out.is_some() || first.player.is_none());
    (doors.shows)(saves);
    app::arcade(first, doors)
}

/// Arguments of the title screen apply to every world chosen there; those of one world to that world only.
fn doors(args: &RunArgs) -> Doors {
    let given =
        if args.opens_title_screen() { args.clone() } else { Cli::parse_from(["entropy-arcade"]).run };
    Doors {
        resolve: Arc::new(move |chosen| given.clone().choosing(chosen).session()),
        shows: Arc::new(|saves| {
            signals::on_stop(if saves { signals::SAVES } else { signals::LEAVES }, app::leave);
        }),
    }
}

impl RunArgs {
    /// The requested session.
    fn session(&self) -> Result<SessionRequest, Failure> {
        #[cfg(feature = "distributed")]
        if let Some(address) = &self.session.join {
            return super::session::watch(address, self);
        }
        let experiment = self.request()?.resolve()?;
        let player = self.agent.as_ref().map(|agent| agents::player(agent, &experiment)).transpose()?;
        Ok(SessionRequest { player, record: self.record.clone(), ..SessionRequest::of(experiment) })
    }

    /// The same, with the choice on the title screen.
    fn choosing(self, chosen: &Chosen) -> Self {
        match &chosen.session {
            Some(session) => Self { resume: Some(session.clone()), agent: None, ..self },
            None => Self {
                env: Some(chosen.env.clone()),
                level: chosen.level.clone(),
                agent: if chosen.trained { Some("shipped".into()) } else { self.agent.clone() },
                ..self
            },
        }
    }
}
