//! Sound: what can be heard, and the word of it that worlds give. Making sounds is left to `synth`, playing them to
//! `play`, which the feature `audio` adds.

#[cfg(feature = "audio")]
mod play;
#[cfg(any(feature = "audio", test))]
mod synth;

use bevy::prelude::*;

/// What can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cue {
    /// A player hits a ball.
    Hit,
    /// A ball comes back from a wall.
    Bounce,
    /// A point is made.
    Point,
    /// A ball, a life or an episode is lost.
    Lost,
    /// A goal is reached.
    Goal,
    /// Something is taken along.
    Take,
    /// A door or a barrier opens.
    Open,
    /// A plate is pressed.
    Press,
    /// A brick or a rock breaks.
    Break,
    /// Something blows up.
    Blast,
    /// A shot is fired.
    Shot,
    /// Somebody comes down on the ground.
    Land,
    /// A thruster, while it burns.
    Thrust,
    /// Something sinks into lava.
    Sink,
    /// A card is lit.
    Tick,
    /// The agent is praised.
    Praise,
    /// The agent is blamed.
    Blame,
}

impl Cue {
    /// All there are.
    pub const ALL: [Self; 17] = [
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

/// Something that may be heard. Only what happens on the large stage of the watched arena is.
#[derive(Message, Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// The stage on which it happened; `None` for what happens on no stage.
    pub stage: Option<Entity>,
    /// What it was.
    pub cue: Cue,
    /// How high it sounds, as a multiple of what is usual.
    pub pitch: f32,
}

/// Lets words of sounds be given, and heard where the feature `audio` is built in.
pub fn plugin(app: &mut App) {
    app.add_message::<Heard>();
    #[cfg(feature = "audio")]
    app.add_plugins(play::plugin);
}
