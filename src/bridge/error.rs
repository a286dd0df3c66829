//! What can go wrong with an outside environment, each in one line.

/// Why an outside environment cannot be played, or be played on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BridgeError {
    /// No interpreter has Gymnasium.
    #[error(
        "env = {env}: no Python with Gymnasium was found ({tried}); make one with `entropy-arcade python`, or set \
         bridge.python"
    )]
    NoPython {
        /// The world.
        env: String,
        /// What was tried.
        tried: String,
    },
    /// The worker could not be started.
    #[error("env = {env}: {python} cannot be started ({reason}); check bridge.python")]
    Start {
        /// The world.
        env: String,
        /// The interpreter.
        python: String,
        /// The system's message.
        reason: String,
    },
    /// The worker says why it ends.
    #[error("env = {env}: {problem}")]
    Environment {
        /// The world.
        env: String,
        /// In its words.
        problem: String,
    },
    /// The worker has ended without a word.
    #[error("env = {env}: its process ended {how}; the last line it wrote: {words}")]
    Died {
        /// The world.
        env: String,
        /// Its exit status.
        how: String,
        /// The last line it wrote to standard error.
        words: String,
    },
    /// The worker has not answered.
    #[error(
        "env = {env}: no answer for {seconds} s; allow more with bridge.step_seconds, or look at the environment"
    )]
    Late {
        /// The world.
        env: String,
        /// How long it was waited for.
        seconds: u32,
    },
    /// The worker has sent something else than it should.
    #[error("env = {env}: its process sent {what}; only the arcade's own worker can be talked to")]
    Garbled {
        /// The world.
        env: String,
        /// What it was.
        what: String,
    },
    /// It cannot be played by an agent.
    #[error("env = {env}: {problem}")]
    Space {
        /// The world.
        env: String,
        /// What is wrong with its spaces.
        problem: String,
    },
    /// It has ended too often.
    #[error("{last} (it was started again {restarts} times within ten minutes; what was learned is saved)")]
    TooOften {
        /// What went wrong last.
        last: Box<Self>,
        /// How often it was started again.
        restarts: usize,
    },
}
