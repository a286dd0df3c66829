//! Sessions of several processes on the command line.

use std::path::Path;

use super::args::SessionArgs;
use super::{Failure, say, signals, stop_flag};
use crate::distributed::{self, Address, Joined, KeyRole, Playing, Security, Serving};
use crate::experiment::Experiment;

/// Learns `experiment` with all who join at `address`.
pub(super) fn serve(experiment: Experiment, address: &Address, args: &SessionArgs) -> Result<(), Failure> {
    let security =
        args.keys.as_ref().map(|folder| Security { folder: folder.clone(), role: KeyRole::Learner });
    let (address, most_actors, plays) = (address.clone(), args.most_actors, !args.no_actors);
    let serving = Serving { address, security, most_actors, plays };
    let summary = distributed::serve(experiment, &serving, &stop_flag(signals::SAVES), false)?;
    say(&serde_json::to_string(&summary)?);
    Ok(())
}

/// Plays for the learner at `join`.
pub(super) fn actors(join: &Address, keys: Option<&Path>, playing: Playing) -> Result<(), Failure> {
    let roles = [KeyRole::Actor, KeyRole::Operator];
    let security = keys.map(|folder| distributed::joiner(folder, &roles)).transpose()?;
    let joined = Joined::at(join, security.as_ref(), false)?;
    let stop = stop_flag(signals::SENDS);
    let summary = distributed::play(&joined, &playing, &stop, false)?;
    say(&serde_json::to_string(&summary)?);
    Ok(())
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
