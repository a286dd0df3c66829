//! Copies of an outside environment in an app: where arenas have bodies, these have a row of a worker.

use std::time::{Duration, Instant};

use bevy::prelude::*;
use rand::Rng as _;

use super::error::BridgeError;
use super::spec::layout;
use super::wire::{Frame, Layout};
use super::worker::{Start, Worker};
use crate::agent::Watched;
use crate::agent::tick::Spec;
use crate::files;
use crate::mdp::{ActionSpace, EnvironmentSpec, EpisodeEnd, Stream, WorldOptions, later_seed, rng};
use crate::sim::arena::{EnvironmentHooks, Players};
use crate::sim::{
    AgentSlots, Failure, Moment, ObservationWrapper, Outcome, OwnObservation, SimConfig, SimSystems, SimTick,
    TickClock,
};

/// How often workers may be started again, and within what time.
const RESTARTS: usize = 3;
const RESTARTS_WITHIN: Duration = Duration::from_secs(600);

/// How long a frame waits for a step.
const FRAME: Duration = Duration::from_millis(100);

/// The entry points of outside environments: none can be put back to an earlier moment.
pub(super) const HOOKS: EnvironmentHooks = EnvironmentHooks {
    populate,
    restore: |_, _, _| {},
    probe: None,
    predict: None,
    scripted: false,
    pokable: false,
    has_gravity: false,
};

/// Runs copies of an outside environment.
pub(super) struct BridgePlugin {
    pub start: Start,
    /// Before its observations are wrapped.
    pub spec: EnvironmentSpec,
    pub config: SimConfig,
}

impl Plugin for BridgePlugin {
    fn build(&self, app: &mut App) {
        let space = &self.spec.observation;
        let given = app.world().get_resource::<ObservationWrapper>().filter(|given| given.own() == space);
        let plain = || ObservationWrapper::new(space.clone(), &[], &WorldOptions::default());
        let wrapper = given.cloned().unwrap_or_else(plain);
        let picture = app.world().contains_resource::<Picture>();
        let start = Start { picture, ..self.start.clone() };
        let bridge = Bridge { start, workers: Vec::new(), restarts: Vec::new(), parts: 0 };
        app.insert_resource(TickClock::new(1))
            .insert_resource(Players(vec![None]))
            .insert_resource(Spec(wrapper.spec(self.spec.clone())))
            .insert_resource(wrapper)
            .insert_resource(self.config.clone())
            .insert_resource(HOOKS)
            .insert_resource(bridge)
            .init_resource::<Failure>()
            .add_systems(
                SimTick,
                (
                    play.in_set(SimSystems::Play),
                    look.in_set(SimSystems::Last).run_if(resource_exists::<Picture>),
                    (collect, reset).chain().in_set(SimSystems::Reset),
                ),
            );
        populate(app.world_mut(), self.config.arenas);
    }
}

/// The workers of a run.
#[derive(Resource)]
struct Bridge {
    start: Start,
    workers: Vec<Group>,
    /// When workers were started again.
    restarts: Vec<Instant>,
    /// How often seeds were drawn.
    parts: u64,
}

/// A worker and its copies.
struct Group {
    worker: Worker,
    /// Numbers of its arenas.
    arenas: std::ops::Range<usize>,
    /// Since when something is waited for that did not come within a frame: a step, or the first observations of a worker
    /// that was started again.
    waits: Option<(Instant, Awaited)>,
}

/// What a group waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Hello,
    Step,
}

/// A copy of the environment.
#[derive(Component)]
struct OutsideCopy {
    own: OwnObservation,
    /// The first observation of its next episode.
    next: OwnObservation,
    /// Steps in its episode.
    steps: u32,
    /// Episodes begun.
    episodes: u64,
    episode_return: f64,
    flicker_seed: u64,
}

/// The latest picture of the watched copy. Asked for if inserted before the environment, by whoever draws it.
#[derive(Resource, Debug, Clone, Default)]
pub struct Picture {
    /// Width and height in pixels; zero until there is one.
    pub size: UVec2,
    /// RGB bytes, row by row from the top.
    pub pixels: Vec<u8>,
    /// When it was last asked for.
    asked: Option<Instant>,
}

/// Time between two pictures.
const PICTURE: Duration = Duration::from_millis(33);

impl Group {
    fn layout(&self, wrapper: &ObservationWrapper) -> Layout {
        layout(wrapper.own(), self.arenas.len())
    }
}

/// Removes all copies and spawns `count` new ones in new processes.
fn populate(world: &mut World, count: usize) {
    let old: Vec<Entity> = world.query_filtered::<Entity, With<OutsideCopy>>().iter(world).collect();
    let again = !old.is_empty();
    let watched = world.query_filtered::<&AgentSlots, With<Watched>>().single(world).map(|seats| seats.arena);
    let watched = watched.ok().filter(|index| *index < count).unwrap_or(0);
    old.into_iter().for_each(|copy| _ = world.despawn(copy));
    let mut config = world.resource_mut::<SimConfig>();
    config.arenas = count;
    if again {
        config.seed = later_seed(config.seed, 1);
    }
    let config = config.clone();
    let (spec, wrapper) =
        (world.resource::<Spec>().0.clone(), world.resource::<ObservationWrapper>().clone());
    let mut bridge = world.resource_mut::<Bridge>();
    bridge.workers.clear();
    let begun = begin(&bridge.start, &config, bridge.parts, &wrapper);
    let mut frames = Vec::new();
    match begun {
        Ok(begun) => (bridge.workers, frames) = begun.into_iter().unzip(),
        Err(error) => world.resource_mut::<Failure>().0 = Some(error.to_string()),
    }
    for index in 0..count {
        let own = OwnObservation::of(wrapper.own());
        let mut copy = OutsideCopy {
            next: own.clone(),
            own,
            steps: 0,
            episodes: 0,
            episode_return: 0.0,
            flicker_seed: rng(config.seed, config.stream, index as u64).next_u64(),
        };
        let mut seats = AgentSlots::new(index, &spec);
        let group = world.resource::<Bridge>().workers.iter().position(|group| group.arenas.contains(&index));
        if let Some(group) = group {
            let bridge = world.resource::<Bridge>();
            let (row, layout) =
                (index - bridge.workers[group].arenas.start, bridge.workers[group].layout(&wrapper));
            copy.read(&frames[group], layout, row);
            copy.write(&mut seats, &wrapper);
        }
        let mut entity = world.spawn((copy, seats));
        if index == watched {
            entity.insert(Watched);
        }
    }
}

/// Starts the workers of all arenas together, and waits for their first observations.
fn begin(
    start: &Start,
    config: &SimConfig,
    part: u64,
    wrapper: &ObservationWrapper,
) -> Result<Vec<(Group, Frame)>, BridgeError> {
    let workers = start.settings.workers.clamp(1, config.arenas.max(1));
    let share = config.arenas.div_ceil(workers);
    let ranges =
        (0..config.arenas).step_by(share.max(1)).map(|first| first..(first + share).min(config.arenas));
    let started: Result<Vec<_>, BridgeError> = ranges
        .map(|arenas| {
            let worker = Worker::start(start, &seeds(config, part, arenas.clone()))?;
            Ok(Group { worker, arenas, waits: None })
        })
        .collect();
    let mut begun = Vec::new();
    for mut group in started? {
        group.worker.hello()?;
        let layout = group.layout(wrapper);
        let frame = group.worker.frame(layout)?;
        begun.push((group, frame));
    }
    Ok(begun)
}

/// Seeds of the first episodes of `arenas`; later ones follow from them. `part` counts how often they were drawn.
fn seeds(config: &SimConfig, part: u64, arenas: std::ops::Range<usize>) -> Vec<u32> {
    let seed = later_seed(config.seed, part);
    // Some environments read it as a signed number of 32 bits.
    arenas.map(|arena| (rng(seed, config.stream, arena as u64).next_u64() >> 33) as u32).collect()
}

impl OutsideCopy {
    /// Takes its observation out of a frame, and the one after it where an episode has ended.
    fn read(&mut self, frame: &Frame, layout: Layout, row: usize) {
        frame.observation(layout, row, &mut self.own.vector, &mut self.own.grid);
        frame.next(layout, row, &mut self.next.vector, &mut self.next.grid);
    }

    /// Shows its observation to the agent.
    fn write(&self, seats: &mut AgentSlots, wrapper: &ObservationWrapper) {
        let (vector, grid) = seats.observations.row_mut(0);
        if wrapper.is_plain() {
            vector.copy_from_slice(&self.own.vector);
            grid.copy_from_slice(&self.own.grid);
            return;
        }
        let moment = Moment { episode: self.flicker_seed, step: self.steps, slot: 0 };
        wrapper.wrap(&self.own, moment, vector, grid);
    }

    /// Begins an episode with its `next` observation.
    fn begin(&mut self) {
        std::mem::swap(&mut self.own, &mut self.next);
        (self.steps, self.episode_return) = (0, 0.0);
        self.episodes += 1;
        self.flicker_seed = later_seed(self.flicker_seed, self.episodes);
    }
}

/// Lets every copy that plays make a step: all workers work at once.
fn play(
    mut bridge: ResMut<Bridge>,
    wrapper: Res<ObservationWrapper>,
    spec: Res<Spec>,
    config: Res<SimConfig>,
    looks: Option<Res<crate::agent::pace::Pace>>,
    mut failure: ResMut<Failure>,
    mut copies: Query<(&mut OutsideCopy, &mut AgentSlots)>,
) {
    if failure.0.is_some() {
        // Nothing follows the actions any more.
        copies.iter_mut().for_each(|(_, mut seats)| seats.disturbed = true);
        return;
    }
    let watched = looks.is_some();
    let mut of: Vec<Option<(Mut<OutsideCopy>, Mut<AgentSlots>)>> = (0..config.arenas).map(|_| None).collect();
    for (copy, seats) in &mut copies {
        let arena = seats.arena;
        if let Some(place) = of.get_mut(arena) {
            *place = Some((copy, seats));
        }
    }
    let bridge = &mut *bridge;
    let (mut moves, mut actions) = (Vec::new(), Vec::new());
    for group in &mut bridge.workers {
        let copies = &mut of[group.arenas.clone()];
        if group.waits.is_some() {
            // They stand still, and nothing follows what is chosen for them.
            copies.iter_mut().flatten().for_each(|(_, seats)| seats.disturbed = true);
            continue;
        }
        moves.clear();
        actions.clear();
        for (_, seats) in copies.iter().flatten() {
            moves.push(u8::from(!seats.on_hold));
            write_action(&spec.action, seats, &mut actions);
        }
        group.worker.send(&moves, &actions);
    }
    for index in 0..bridge.workers.len() {
        let group = &mut bridge.workers[index];
        if group.waits.is_some() {
            continue;
        }
        let layout = group.layout(&wrapper);
        let time = if watched { FRAME } else { group.worker.patience() };
        let arenas = group.arenas.clone();
        match group.worker.frame_within(time, layout) {
            Ok(Some(frame)) => {
                for (row, (copy, seats)) in of[arenas].iter_mut().flatten().enumerate() {
                    if !seats.on_hold {
                        settle(copy, seats, &frame, layout, row, &wrapper);
                    }
                }
            }
            // The frame goes on without, and the copies wait.
            Ok(None) if watched => {
                group.waits = Some((Instant::now(), Awaited::Step));
                of[arenas].iter_mut().flatten().for_each(|(_, seats)| seats.disturbed = true);
            }
            late => {
                let error = late.err().unwrap_or_else(|| group.worker.late());
                for (copy, seats) in of[arenas].iter_mut().flatten() {
                    // What it would have led to is not known.
                    (seats.disturbed, seats.end) = (true, Some(EpisodeEnd::Truncated));
                    copy.next = copy.own.clone();
                }
                match bridge.restart(index, error, &config, watched, &wrapper) {
                    Ok(None) => {}
                    Ok(Some(frame)) => {
                        let arenas = bridge.workers[index].arenas.clone();
                        for (row, (copy, _)) in of[arenas].iter_mut().flatten().enumerate() {
                            let next = &mut copy.next;
                            frame.observation(layout, row, &mut next.vector, &mut next.grid);
                        }
                    }
                    Err(error) => failure.0 = Some(error.to_string()),
                }
            }
        }
    }
}

fn write_action(space: &ActionSpace, seats: &AgentSlots, bytes: &mut Vec<u8>) {
    match space {
        ActionSpace::Discrete(_) => bytes.extend((seats.actions.index(0) as i32).to_le_bytes()),
        ActionSpace::Continuous(dimensions) => {
            let bounded = seats.actions.vector(0).iter().zip(dimensions);
            bounded.for_each(|(value, bounds)| {
                let value = if value.is_finite() { *value } else { bounds.middle() };
                bytes.extend(value.clamp(bounds.low, bounds.high).to_le_bytes());
            });
        }
    }
}

/// Writes what a step has led to.
fn settle(
    copy: &mut OutsideCopy,
    seats: &mut AgentSlots,
    frame: &Frame,
    layout: Layout,
    row: usize,
    wrapper: &ObservationWrapper,
) {
    let outcome = frame.outcome(layout, row);
    seats.rewards[0] = outcome.reward as f32;
    copy.steps += 1;
    copy.episode_return += outcome.reward;
    copy.read(frame, layout, row);
    copy.write(seats, wrapper);
    seats.end = match (outcome.terminated, outcome.truncated) {
        (true, _) => Some(EpisodeEnd::Terminated),
        (false, true) => Some(EpisodeEnd::Truncated),
        (false, false) => None,
    };
    if seats.end.is_some() {
        seats.outcomes[0] = Outcome { success: outcome.success, score: copy.episode_return as f32 };
    }
}

impl Bridge {
    /// Replaces a worker that has ended, with new seeds: in a window it is waited for later, otherwise its first
    /// observations are returned.
    fn restart(
        &mut self,
        index: usize,
        error: BridgeError,
        config: &SimConfig,
        watched: bool,
        wrapper: &ObservationWrapper,
    ) -> Result<Option<Frame>, BridgeError> {
        let last_words = self.workers[index].worker.last_words();
        last_words.iter().for_each(|line| files::to_stderr(&format!("  | {line}")));
        self.restarts.retain(|at| at.elapsed() < RESTARTS_WITHIN);
        // An evaluation with other seeds, or one that goes on after a gap, measures something else.
        if config.stream == Stream::Evaluation {
            return Err(error);
        }
        if self.restarts.len() >= RESTARTS {
            return Err(BridgeError::TooOften { last: Box::new(error), restarts: RESTARTS });
        }
        self.restarts.push(Instant::now());
        files::to_stderr(&format!("warning: {error}; it is started again, with new episodes"));
        self.parts += 1;
        let arenas = self.workers[index].arenas.clone();
        let mut worker = Worker::start(&self.start, &seeds(config, self.parts, arenas.clone()))?;
        if watched {
            let waits = Some((Instant::now(), Awaited::Hello));
            self.workers[index] = Group { worker, arenas, waits };
            return Ok(None);
        }
        worker.hello()?;
        let group = Group { worker, arenas, waits: None };
        let layout = group.layout(wrapper);
        self.workers[index] = group;
        self.workers[index].worker.frame(layout).map(Some)
    }
}

/// Takes what groups have waited for, if it has come, and lets their copies play on.
fn collect(
    mut bridge: ResMut<Bridge>,
    wrapper: Res<ObservationWrapper>,
    config: Res<SimConfig>,
    mut failure: ResMut<Failure>,
    mut copies: Query<(&mut OutsideCopy, &mut AgentSlots)>,
) {
    let bridge = &mut *bridge;
    for index in 0..bridge.workers.len() {
        let group = &mut bridge.workers[index];
        let Some((since, awaited)) = group.waits else { continue };
        let layout = group.layout(&wrapper);
        let come = match awaited {
            Awaited::Hello => group.worker.said_hello().map(|said| (said, None)),
            Awaited::Step => group.worker.frame_within(Duration::ZERO, layout).map(|frame| (false, frame)),
        };
        let late = since.elapsed() > group.worker.patience();
        match come {
            Ok((true, _)) => group.waits = Some((since, Awaited::Step)),
            Ok((false, Some(frame))) => {
                group.waits = None;
                let arenas = group.arenas.clone();
                for (mut copy, mut seats) in &mut copies {
                    if !arenas.contains(&seats.arena) {
                        continue;
                    }
                    let row = seats.arena - arenas.start;
                    let ended = frame.outcome(layout, row);
                    copy.read(&frame, layout, row);
                    if ended.terminated || ended.truncated {
                        copy.begin();
                    }
                    copy.write(&mut seats, &wrapper);
                    (seats.begins, seats.interrupted) = (true, true);
                }
            }
            Ok(_) if !late => {}
            come => {
                let error = come.err().unwrap_or_else(|| group.worker.late());
                if let Err(error) = bridge.restart(index, error, &config, true, &wrapper) {
                    failure.0 = Some(error.to_string());
                }
            }
        }
    }
}

/// Takes the latest picture of the watched copy, and asks for the next: it is drawn while the frame goes on.
fn look(
    mut bridge: ResMut<Bridge>,
    mut picture: ResMut<Picture>,
    watched: Query<&AgentSlots, (With<OutsideCopy>, With<Watched>)>,
) {
    let Ok(arena) = watched.single().map(|seats| seats.arena) else { return };
    let Some(group) = bridge.workers.iter_mut().find(|group| group.arenas.contains(&arena)) else { return };
    if let Some(drawn) = group.worker.take_picture() {
        (picture.size, picture.pixels) = (UVec2::new(drawn.width, drawn.height), drawn.pixels);
    }
    let due = picture.asked.is_none_or(|asked| asked.elapsed() >= PICTURE);
    if due && group.waits.is_none() {
        picture.bypass_change_detection().asked = Some(Instant::now());
        group.worker.ask_picture((arena - group.arenas.start) as u32);
    }
}

/// Begins the episodes of copies whose last one has ended.
fn reset(wrapper: Res<ObservationWrapper>, mut copies: Query<(&mut OutsideCopy, &mut AgentSlots)>) {
    for (mut copy, mut seats) in copies.iter_mut().filter(|(_, seats)| seats.end.is_some()) {
        copy.begin();
        copy.write(&mut seats, &wrapper);
    }
}
