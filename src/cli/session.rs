//! Sessions of several processes on the command line.

use std::path::Path;

#[cfg(feature = "arcade")]
use super::agents;
#[cfg(feature = "arcade")]
use super::args::RunArgs;
use super::args::{PlayingArgs, SessionAction, SessionArgs, Switch};
use super::{Failure, say, signals, stop_flag};
#[cfg(feature = "arcade")]
use crate::app::SessionRequest;
use crate::distributed::{self, Address, Control, Joined, KeyRole, Role, Security, Serving};
use crate::experiment::Experiment;
#[cfg(feature = "arcade")]
use crate::experiment::Mode;

/// Learns `experiment` with all who join at `address`.
pub(super) fn serve(experiment: Experiment, address: &Address, args: &SessionArgs) -> Result<(), Failure> {
    let security =
        args.keys.as_ref().map(|folder| Security { folder: folder.clone(), role: KeyRole::Learner });
    let (address, most_actors, plays) = (address.clone(), args.most_actors, !args.no_actors);
    let serving = Serving { address, security, most_actors, plays };
    let line = if experiment.out.is_some() { signals::SAVES } else { signals::KEEPS_NOTHING };
    let stop = stop_flag(line);
    let summary = match args.exact {
        Some(parts) => distributed::serve_exactly(experiment, &serving, parts as usize, &stop, false)?,
        None => distributed::serve(experiment, &serving, &stop, false)?,
    };
    say(&serde_json::to_string(&summary)?);
    Ok(())
}

/// Plays for the learner at `join`.
pub(super) fn actors(join: &Address, args: &PlayingArgs) -> Result<(), Failure> {
    let roles = [KeyRole::Actor, KeyRole::Operator];
    let security = args.keys.as_ref().map(|folder| distributed::joiner(folder, &roles)).transpose()?;
    let joined = Joined::at(join, security.as_ref(), Role::Actor)?;
    let stop = stop_flag(signals::SENDS);
    let summary = distributed::play(&joined, &args.playing(), &stop, false)?;
    say(&serde_json::to_string(&summary)?);
    Ok(())
}

/// Learns with the learner at `join`, and lets `most_actors` join at `listen`.
pub(super) fn replicate(
    join: &Address,
    listen: Option<Address>,
    most_actors: u32,
    plays: bool,
    args: &PlayingArgs,
) -> Result<(), Failure> {
    let keys = args.keys.as_ref();
    let security = keys.map(|folder| distributed::joiner(folder, &[KeyRole::Learner])).transpose()?;
    let joined = Joined::at(join, security.as_ref(), Role::Replica)?;
    let serving = listen.map(|address| Serving { address, security, most_actors, plays });
    let stop = stop_flag(signals::LEARNER_GOES_ON);
    let summary = distributed::replicate(&joined, &args.playing(), serving.as_ref(), plays, &stop, false)?;
    say(&serde_json::to_string(&summary)?);
    Ok(())
}

/// Does `what` with the session of the learner at `join`.
pub(super) fn act(join: &Address, keys: Option<&Path>, what: SessionAction) -> Result<(), Failure> {
    let watches = [KeyRole::Operator, KeyRole::Watcher, KeyRole::Actor];
    let roles = if matches!(what, SessionAction::Status) { &watches[..] } else { &watches[..1] };
    let security = keys.map(|folder| distributed::joiner(folder, roles)).transpose()?;
    let control = match what {
        SessionAction::Status => {
            let status = distributed::status(join, security.as_ref())?;
            say(&serde_json::to_string(&status)?);
            return Ok(());
        }
        SessionAction::Train { on } => Control::Train(on == Switch::On),
        SessionAction::Save => Control::Save,
        SessionAction::Forbid { actor } => Control::Forbid(actor),
        SessionAction::Stop => Control::Stop,
    };
    Ok(distributed::control(join, security.as_ref(), &control)?)
}

/// Makes certificates in `folder`, the learner's valid on this machine and at `hosts`.
pub(super) fn new_keys(folder: &Path, hosts: Vec<String>) -> Result<(), Failure> {
    let mut all: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    all.extend(distributed::host_name());
    all.extend(hosts);
    all.dedup();
    for name in distributed::make_keys(folder, &all)? {
        say(&folder.join(name).display().to_string());
    }
    crate::files::to_stderr(&format!("valid for a learner at {}", all.join(", ")));
    crate::files::to_stderr(
        "copy ca.pem and the two files of its role to each machine; whoever has actor.key may play, operator.key control",
    );
    Ok(())
}

/// The session of the learner at `address`, in a window.
#[cfg(feature = "arcade")]
pub(super) fn watch(address: &Address, args: &RunArgs) -> Result<SessionRequest, Failure> {
    let roles = [KeyRole::Operator, KeyRole::Actor];
    let security =
        args.session.keys.as_ref().map(|folder| distributed::joiner(folder, &roles)).transpose()?;
    let joined = Joined::at(address, security.as_ref(), Role::Window)?;
    if joined.is_exact() {
        return Err(format!(
            "--join {address}: an exact run is played by `actors` alone; watch it afterwards with --resume"
        )
        .into());
    }
    let experiment = joined.experiment(Mode::Watched, args.arenas, args.env.as_deref())?;
    let player = args.agent.as_ref().map(|agent| agents::player(agent, &experiment)).transpose()?;
    let record = args.record.clone();
    Ok(SessionRequest { player, record, joined: Some(joined), ..SessionRequest::of(experiment) })
}
