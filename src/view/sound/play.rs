//! Play: plays sound events at the volume in the preferences.

use std::sync::Arc;
use std::time::Duration;

use bevy::audio::{
    AddAudioSource as _, ChannelCount, Decodable, PlaybackSettings, Sample, SampleRate, Source, Volume,
};
use bevy::prelude::*;

use super::synth::{self, RATE};
use super::{Cue, SoundEvent};
use crate::sim::pace::Pace;
use crate::view::preferences::Preferences;
use crate::view::stage::{Detail, Stage};

/// Maximum number of simultaneous sounds.
const MAX_SOUNDS: usize = 12;
/// Minimum seconds between two starts of the same sound.
const MIN_INTERVAL: f32 = 0.05;
/// Seconds after a hit in which the bounce it causes is silent.
const AFTER_HIT: f32 = 0.12;
/// Speed above which play is silent: it would be a rattle.
const MAX_SPEED: f32 = 4.0;

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
        Self(Cue::ALL.iter().map(|cue| notes.add(Note(synth::samples(*cue).into()))).collect())
    }
}

/// Plays sound events.
pub(super) fn plugin(app: &mut App) {
    app.add_audio_source::<Note>().init_resource::<Notes>().add_systems(Last, play);
}

fn play(
    mut commands: Commands,
    mut events: MessageReader<SoundEvent>,
    notes: Res<Notes>,
    time: Res<Time<Real>>,
    pace: Option<Res<Pace>>,
    preferences: Option<Res<Preferences>>,
    stages: Query<&Stage>,
    playing: Query<(), With<AudioPlayer<Note>>>,
    mut started: Local<[f32; Cue::ALL.len()]>,
) {
    let volume = preferences.map_or(1.0, |preferences| preferences.volume);
    let too_fast = pace.is_some_and(|pace| pace.unlimited || pace.speed > MAX_SPEED);
    let mut room = MAX_SOUNDS.saturating_sub(playing.iter().count());
    let now = time.elapsed_secs();
    // A hit also makes the ball bounce: that is one sound.
    let mut all: Vec<SoundEvent> = events.read().copied().collect();
    all.sort_by_key(|event| event.cue == Cue::Bounce);
    let place = |cue: Cue| Cue::ALL.iter().position(|known| *known == cue);
    for SoundEvent { stage, cue, pitch } in all {
        let watched = stage.is_none_or(|stage| {
            stages.get(stage).is_ok_and(|stage| stage.watched && stage.detail == Detail::Large) && !too_fast
        });
        let Some(index) = place(cue) else { continue };
        let just = |cue| place(cue).is_some_and(|index| now - started[index] < AFTER_HIT);
        if cue == Cue::Bounce && [Cue::Hit, Cue::Break, Cue::Point].into_iter().any(just) {
            continue;
        }
        if !watched || volume <= 0.0 || room == 0 || now - started[index] < MIN_INTERVAL {
            continue;
        }
        started[index] = now;
        room -= 1;
        let settings = PlaybackSettings::DESPAWN.with_volume(Volume::Linear(volume)).with_speed(pitch);
        commands.spawn((AudioPlayer(notes.0[index].clone()), settings));
    }
}
