//! Mode: the states of the screen in which some commands are refused. `modes` says which are active.

/// A state of the screen that lasts until it is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Comparison of the agent's ages.
    Compare,
    /// Playback of an earlier episode.
    Playback,
    /// The level editor.
    Edit,
}

impl Mode {
    pub(super) const ALL: &[Self] = &[Self::Compare, Self::Playback, Self::Edit];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Compare => "\"then and now\"",
            Self::Playback => "playback",
            Self::Edit => "the level editor",
        }
    }
}
