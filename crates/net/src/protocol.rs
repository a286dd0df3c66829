//! What is said between processes: versions, greetings, acknowledgements, and the limits of every message.

use entropy_rl::algo::AlgorithmConfig;
use entropy_rl::link::Handshake;
use entropy_rl::mdp::LevelRecord;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{NetError, malformed};

/// Version of the protocol: another major number is refused, of another minor number what is unknown is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Raised when older programs would misread what is sent.
    pub major: u32,
    /// Raised when something is added.
    pub minor: u32,
}

/// The version of this program.
pub const PROTOCOL: Version = Version { major: 1, minor: 1 };

/// Largest message in bytes; nothing larger is read.
pub const LARGEST_MESSAGE: usize = 64 << 20;
/// Largest header of a tensor file in bytes.
pub const LARGEST_HEADER: usize = 16 << 10;
/// Largest small message, which is JSON.
pub const LARGEST_TEXT: usize = 1 << 20;
/// The most actors of a session, the learner's own included.
pub const MOST_ACTORS: u32 = 1024;

/// What somebody wants in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Plays and sends its steps.
    Actor,
    /// Shows the session in a window, and sends what a person plays there.
    Window,
    /// Trains the same agent from a replay buffer of its own.
    Replica,
}

/// A greeting, the first message of everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Its protocol.
    pub protocol: Version,
    /// A number that no other process has, drawn when it started.
    pub client: u64,
    /// A name for people: the host.
    pub name: String,
    /// What it wants.
    pub role: Role,
    /// What its results depend on besides the run: version and instruction set.
    #[serde(default)]
    pub machine: String,
}

/// The answer to a greeting: everything a joiner needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The learner's protocol.
    pub protocol: Version,
    /// Number of this start of the learner.
    pub session: u64,
    /// Streams of an actor: those with higher numbers have no place at the learner.
    pub streams: u32,
    /// The seed of the session.
    pub seed: u64,
    /// `config.toml` of the session.
    pub config: String,
    /// Its level, if its world has levels.
    pub level: Option<LevelRecord>,
    /// What is played: a process plays on for another start of the learner only if this is the same.
    #[serde(default)]
    pub identity: String,
    /// What steps must fit.
    pub handshake: Handshake,
    /// Whether the run is exact: an actor asks for work, and sends no steps of its own accord.
    #[serde(default)]
    pub exact: bool,
    /// Arenas of an actor.
    pub arenas: u32,
    /// As [`StepsReply::most_steps`], for the first batch.
    #[serde(default)]
    pub most_steps: u32,
    /// Gradient steps between two averages over replicas; `None` where there are none.
    #[serde(default)]
    pub sync_every: Option<u64>,
    /// The algorithm as it is now; `None` while the learner starts.
    pub algorithm: Option<AlgorithmConfig>,
}

/// What precedes the steps in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// [`Hello::client`].
    pub client: u64,
    /// Counts its batches from 1; numbers of batches that were dropped are left out.
    pub sequence: u64,
    /// The batch before it that was neither acknowledged nor dropped when this was sent.
    pub previous: Option<u64>,
}

/// Why a session has ended, for one of those in it or for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Why.
    pub reason: String,
    /// Whether it ended as it should.
    pub well: bool,
}

impl End {
    /// An end that somebody should know of.
    pub fn bad(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), well: false }
    }
}

/// The answer to a batch of steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is in the replay buffer, now or since an earlier try.
    Taken,
    /// One before it has not arrived: send it again after that.
    Early,
    /// Not taken now, for this reason: send it again later.
    Wait(String),
    /// The learner does not know the sender: greet again.
    Unknown,
    /// It can never be taken, for this reason.
    Refused(String),
    /// The sender shall stop.
    Stop(End),
}

/// What the learner says to a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepsReply {
    /// To this batch.
    pub answer: Answer,
    /// The most steps that a later batch should have, so that the learner gets few at a time where it is what is waited
    /// for; 0 for any number.
    #[serde(default)]
    pub most_steps: u32,
}

/// Which policy is the latest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyHead {
    /// [`Welcome::session`]: versions of another start are other policies.
    pub session: u64,
    /// Its version.
    pub version: u64,
    /// Gradient steps it was trained for.
    pub gradient_steps: u64,
}

/// `message` as JSON.
///
/// # Errors
/// [`NetError::Malformed`] for what JSON cannot hold.
pub fn to_text(message: &impl Serialize) -> Result<Vec<u8>, NetError> {
    serde_json::to_vec(message).map_err(|error| malformed("message", error.to_string()))
}

/// The message in `bytes`, which is a `what`.
///
/// # Errors
/// [`NetError::Malformed`] if it is too large or is none.
pub fn from_text<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, NetError> {
    if bytes.len() > LARGEST_TEXT {
        return Err(malformed(what, format!("{} bytes; at most {LARGEST_TEXT} are read", bytes.len())));
    }
    serde_json::from_slice(bytes).map_err(|error| malformed(what, error.to_string()))
}

/// A `head` as JSON with its length before it, and then `body`.
///
/// # Errors
/// As [`to_text`].
pub fn join(head: &impl Serialize, body: &[u8]) -> Result<Vec<u8>, NetError> {
    let head = to_text(head)?;
    let mut bytes = Vec::with_capacity(4 + head.len() + body.len());
    bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// The parts of a message made by [`join`], which is a `what`.
///
/// # Errors
/// [`NetError::Malformed`] if it is too large, or cut off.
pub fn split<'a, T: DeserializeOwned>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), NetError> {
    if bytes.len() > LARGEST_MESSAGE {
        return Err(malformed(what, format!("{} bytes; at most {LARGEST_MESSAGE} are read", bytes.len())));
    }
    let cut = || malformed(what, "cut off");
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut)?;
    let (head, body) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(cut)?;
    Ok((from_text(what, head)?, body))
}

impl Hello {
    /// Refuses another major version, with the remedy.
    ///
    /// # Errors
    /// [`NetError::Refused`] names both versions.
    pub fn check(&self) -> Result<(), NetError> {
        let (ours, theirs) = (PROTOCOL, self.protocol);
        if ours.major == theirs.major {
            return Ok(());
        }
        Err(NetError::Refused(format!(
            "protocol {}.{} of {}: the learner has {}.{}; run the same version of both",
            theirs.major,
            theirs.minor,
            plain(&self.name),
            ours.major,
            ours.minor
        )))
    }
}

/// A name from elsewhere for messages: one line, not long.
pub fn plain(name: &str) -> String {
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(64).collect();
    if name.is_empty() { "somebody without a name".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_its_parts_or_refused() {
        let envelope = Envelope { client: 7, sequence: 2, previous: Some(1) };
        let bytes = join(&envelope, b"body").unwrap();
        assert_eq!(split::<Envelope>("steps", &bytes).unwrap(), (envelope, &b"body"[..]));
        for cut in 0..bytes.len() - b"body".len() {
            assert!(split::<Envelope>("steps", &bytes[..cut]).is_err(), "{cut}");
        }
        let mut long = bytes.clone();
        long[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(split::<Envelope>("steps", &long).is_err());
    }

    #[test]
    fn another_major_version_is_refused_with_both_named() {
        let hello = |major| Hello {
            protocol: Version { major, minor: 9 },
            client: 1,
            name: "far\nhost".into(),
            role: Role::Actor,
            machine: String::new(),
        };
        assert_eq!(hello(1).check(), Ok(()));
        let said = hello(2).check().unwrap_err().to_string();
        assert!(said.contains("2.9") && said.contains("1.1") && said.contains("farhost"), "{said}");
    }
}
