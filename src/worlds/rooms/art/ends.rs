//! Ends of episodes: a light where it happened, colored by the kind of end.

use bevy::prelude::*;

use super::Watch;
use super::pieces::RoomArt;
use crate::sim::{AgentSlots, Arena};
use crate::view::effects::{Art, Materials};
use crate::view::sound::Cue;
use crate::view::stage::Stage;
use crate::worlds::rooms::level::{Cell, Level};
use crate::worlds::rooms::{Rooms, Win};

/// Largest distance, in cells, between a player's last drawn position and the cell that ended the episode.
const NEAR: f32 = 1.2;

/// Notices new episodes. The reset comes before a frame is drawn, so the end of the old episode is inferred
/// from the positions in the last frame.
pub fn celebrate(
    mut studio: Materials,
    art: Res<RoomArt>,
    rooms: Res<Rooms>,
    arenas: Query<(&Arena, &AgentSlots)>,
    mut stages: Query<(Entity, &Stage, &mut Watch)>,
) {
    for (entity, stage, mut watch) in &mut stages {
        let Ok((arena, seats)) = arenas.get(stage.arena) else { continue };
        watch.begins = arena.steps() < watch.steps;
        watch.steps = arena.steps();
        let Some((index, _)) = watch.scene.filter(|_| watch.begins) else { continue };
        let won = |slot: usize| seats.outcomes.get(slot).is_some_and(|outcome| outcome.success);
        let bursts = bursts(&art, &rooms, &rooms.levels[index].level, &watch, won);
        if !bursts.is_empty() {
            studio.sound(entity, if won(0) { Cue::Goal } else { Cue::Lost });
        }
        for (place, burst) in bursts {
            studio.burst(entity, burst.at(stage.detail), place.extend(5.0), [0.5, 2.4], 0.6);
        }
    }
}

/// Where the old episode ended, and the effect to show.
fn bursts<'a>(
    art: &'a RoomArt,
    rooms: &Rooms,
    level: &Level,
    watch: &Watch,
    won: impl Fn(usize) -> bool,
) -> Vec<(Vec2, &'a Art)> {
    let all =
        |kind: Cell| level.places(move |cell| cell == kind).map(|(column, row)| level.center(column, row));
    let first = watch.walkers.first().copied().unwrap_or_default();
    match rooms.rules.win {
        Win::Catch if won(watch.chaser) => {
            let middle = watch.walkers.iter().sum::<Vec2>() / watch.walkers.len().max(1) as f32;
            vec![(middle, &art.crimson)]
        }
        // The runner has escaped.
        Win::Catch => {
            let runners = watch.walkers.iter().enumerate().filter(|(slot, _)| *slot != watch.chaser);
            runners.map(|(_, place)| (*place, &art.gold)).collect()
        }
        Win::Goal | Win::Cue if won(0) => {
            nearest(all(Cell::Goal), first).map(|at| (at, &art.gold)).into_iter().collect()
        }
        Win::Marks if won(0) => all(Cell::Mark).map(|at| (at, &art.gold)).collect(),
        Win::Plates if won(0) => all(Cell::Plate).map(|at| (at, &art.lime)).collect(),
        win => {
            let wrong = (win == Win::Cue).then_some((Cell::Goal, &art.crimson));
            let causes = [(Cell::Lava, &art.ember)].into_iter().chain(wrong);
            let near = |place: &Vec2, other: &Vec2| place.distance(*other) < NEAR;
            let mut found: Vec<(Vec2, &Art)> = Vec::new();
            for walker in &watch.walkers {
                let struck = watch.hazards.iter().any(|hazard| near(hazard, walker));
                found.extend(struck.then_some((*walker, &art.crimson)));
                for (kind, burst) in causes.clone() {
                    found.extend(
                        nearest(all(kind), *walker).filter(|at| near(at, walker)).map(|at| (at, burst)),
                    );
                }
            }
            found
        }
    }
}

/// The one of `places` nearest to `position`.
fn nearest(places: impl Iterator<Item = Vec2>, position: Vec2) -> Option<Vec2> {
    places.min_by(|a, b| a.distance(position).total_cmp(&b.distance(position)))
}
