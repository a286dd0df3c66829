//! Sound: the sound events that worlds send. `synth` generates the sounds and `play` plays them, with the feature
//! `audio`.

#[cfg(feature = "audio")]
mod play;
#[cfg(any(feature = "audio", test))]
mod synth;

use bevy::prelude::*;

/// A sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cue {
    /// A player hits a ball.
    Hit,
    /// A ball bounces off a wall.
    Bounce,
    /// A point is scored.
    Point,
    /// A ball, a life or an episode is lost.
    Lost,
    /// A goal is reached.
    Goal,
    /// Something is picked up.
    Take,
    /// A door or a barrier opens.
    Open,
    /// A plate is pressed.
    Press,
    /// A brick or a rock breaks.
    Break,
    /// Something explodes.
    Blast,
    /// A shot is fired.
    Shot,
    /// A player lands on the ground.
    Land,
    /// A thruster, while it burns.
    Thrust,
    /// Something sinks into lava.
    Sink,
    /// A card is selected.
    Tick,
    /// The agent is praised.
    Praise,
    /// The agent is blamed.
    Blame,
}

impl Cue {
    /// All sounds.
    pub const ALL: &[Self] = &[
        Self::Hit,
        Self::Bounce,
        Self::Point,
        Self::Lost,
        Self::Goal,
        Self::Take,
        Self::Open,
        Self::Press,
        Self::Break,
        Self::Blast,
        Self::Shot,
        Self::Land,
        Self::Thrust,
        Self::Sink,
        Self::Tick,
        Self::Praise,
        Self::Blame,
    ];
}

/// A request to play a sound. Only sounds of the watched arena's large stage are played.
#[derive(Message, Debug, Clone, Copy, PartialEq)]
pub struct SoundEvent {
    /// The stage it belongs to, if any.
    pub stage: Option<Entity>,
    /// The sound.
    pub cue: Cue,
    /// Playback speed, and so pitch, as a multiple.
    pub pitch: f32,
}

/// Adds sound events, and their playback with the feature `audio`.
pub fn plugin(app: &mut App) {
    app.add_message::<SoundEvent>();
    #[cfg(feature = "audio")]
    app.add_plugins(play::plugin);
}
