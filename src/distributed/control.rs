//! Looking at a session and controlling it, without playing in it.

use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, unbounded};
use entropy_net::NetError;
use entropy_net::engine::{Engine as _, News, Verb};
use entropy_net::hub::{Control, StatusNews};
use entropy_net::protocol::{from_text, to_text};
use entropy_net::zenoh::{Address, Security, Zenoh};

use super::SessionError;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the session of the learner at `address` stands; it says so every second.
///
/// # Errors
/// [`SessionError::Net`] if nobody is there.
pub fn status(address: &Address, security: Option<&Security>) -> Result<StatusNews, SessionError> {
    let engine = Zenoh::join(address, security)?;
    let (heard, news) = unbounded();
    let hear = move |message: &[u8]| {
        if let Ok(status) = from_text::<StatusNews>("status", message) {
            _ = heard.send(status);
        }
    };
    engine.hear(News::Status, std::sync::Arc::new(hear))?;
    wait(&news, address, security)
}

/// Asks the learner at `address` to do as `control` says.
///
/// # Errors
/// [`SessionError::Net`] if nobody is there, or the learner refuses.
pub fn control(
    address: &Address,
    security: Option<&Security>,
    control: &Control,
) -> Result<(), SessionError> {
    let engine = Zenoh::join(address, security)?;
    let (answer, answered) = bounded(1);
    let then = move |reply| _ = answer.send(reply);
    engine.ask(Verb::Control, to_text(control)?, PATIENCE, Box::new(then));
    let nobody = || {
        let problem = "the learner does not answer, or these certificates may not control it; it takes operator.pem and operator.key";
        NetError::Refused(problem.into())
    };
    let reply: Option<Vec<u8>> = wait(&answered, address, security)?;
    from_text::<Result<(), String>>("answer", &reply.ok_or_else(nobody)?)?.map_err(NetError::Refused)?;
    Ok(())
}

fn wait<T>(from: &Receiver<T>, address: &Address, security: Option<&Security>) -> Result<T, SessionError> {
    from.recv_timeout(PATIENCE + Duration::from_secs(1)).map_err(|_| {
        let place = address.to_string();
        let secure = security.is_some();
        let error = if secure { NetError::NobodyOrRefused { place } } else { NetError::Nobody { place } };
        error.into()
    })
}
