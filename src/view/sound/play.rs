//! Play: lets what happens be heard, as loud as people want it. What happens is said by the worlds.

use std::sync::Arc;
use std::time::Duration;

use bevy::audio::{
    AddAudioSource as _, ChannelCount, Decodable, PlaybackSettings, Sample, SampleRate, Source, Volume,
};
use bevy::prelude::*;

use super::synth::{self, RATE};
use super::{Cue, Heard};
use crate::sim::pace::Pace;
use crate::view::preferences::Preferences;
use crate::view::stage::{Detail, Stage};

/// Sounds that can be heard at once.
const MOST: usize = 12;
/// Seconds between two beginnings of the same sound.
const APART: f32 = 0.05;
/// Seconds after a hit in which a ball's turning back is not heard.
const STRUCK: f32 = 0.12;
/// Faster play than this many times the usual is not heard: it would be a rattle.
const FASTEST: f32 = 4.0;

/// One channel of samples.
#[derive(Asset, TypePath, Debug, Clone)]
struct Note(Arc<[f32]>);

/// A note being played.
struct Playing {
    samples: Arc<[f32]>,
    next: usize,
}

impl Iterator for Playing {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        self.next += 1;
        self.samples.get(self.next - 1).copied()
    }
}

impl Source for Playing {
    fn current_span_len(&self) -> Option<usize> {
        None
    }

    fn channels(&self) -> ChannelCount {
        ChannelCount::MIN
    }

    fn sample_rate(&self) -> SampleRate {
        SampleRate::new(RATE).unwrap_or(SampleRate::MIN)
    }

    fn total_duration(&self) -> Option<Duration> {
        Some(Duration::from_secs_f32(self.samples.len() as f32 / RATE as f32))
    }
}

impl Decodable for Note {
    type Decoder = Playing;

    fn decoder(&self) -> Playing {
        Playing { samples: self.0.clone(), next: 0 }
    }
}

/// A note for every sound, in the order of [`Cue::ALL`].
#[derive(Resource)]
struct Notes(Vec<Handle<Note>>);

impl FromWorld for Notes {
    fn from_world(world: &mut World) -> Self {
        let mut notes = world.resource_mut::<Assets<Note>>();
        Self(Cue::ALL.map(|cue| notes.add(Note(synth::samples(cue).into()))).into())
    }
}

/// Plays what is heard.
pub(super) fn plugin(app: &mut App) {
    app.add_audio_source::<Note>().init_resource::<Notes>().add_systems(Last, play);
}

fn play(
    mut commands: Commands,
    mut heard: MessageReader<Heard>,
    notes: Res<Notes>,
    time: Res<Time<Real>>,
    pace: Option<Res<Pace>>,
    preferences: Option<Res<Preferences>>,
    stages: Query<&Stage>,
    playing: Query<(), With<AudioPlayer<Note>>>,
    mut begun: Local<[f32; Cue::ALL.len()]>,
) {
    let volume = preferences.map_or(1.0, |preferences| preferences.volume);
    let rattles = pace.is_some_and(|pace| pace.unlimited || pace.speed > FASTEST);
    let mut room = MOST.saturating_sub(playing.iter().count());
    let now = time.elapsed_secs();
    // What a ball hits turns it back as well: that is one sound.
    let mut all: Vec<Heard> = heard.read().copied().collect();
    all.sort_by_key(|heard| heard.cue == Cue::Bounce);
    let place = |cue: Cue| Cue::ALL.iter().position(|known| *known == cue);
    for Heard { stage, cue, pitch } in all {
        let watched = stage.is_none_or(|stage| {
            stages.get(stage).is_ok_and(|stage| stage.index == 0 && stage.detail == Detail::Large) && !rattles
        });
        let Some(index) = place(cue) else { continue };
        let just = |cue| place(cue).is_some_and(|index| now - begun[index] < STRUCK);
        if cue == Cue::Bounce && [Cue::Hit, Cue::Break, Cue::Point].into_iter().any(just) {
            continue;
        }
        if !watched || volume <= 0.0 || room == 0 || now - begun[index] < APART {
            continue;
        }
        begun[index] = now;
        room -= 1;
        let settings = PlaybackSettings::DESPAWN.with_volume(Volume::Linear(volume)).with_speed(pitch);
        commands.spawn((AudioPlayer(notes.0[index].clone()), settings));
    }
}
