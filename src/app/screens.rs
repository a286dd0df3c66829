//! Transitions between screens in one app: the title screen, a world, and back. Sessions are added and
//! removed with everything they need (`scope`); the window and rendering stay.

use std::sync::{Arc, Mutex};

use bevy::prelude::*;
use bevy::render::view::screenshot::Screenshot;
use bevy::window::PrimaryWindow;
use bevy_state::prelude::*;

use super::scope;
use super::session::{Kept, Session, SessionRequest};
use crate::insight::gallery;
use crate::panel::{drawn_levels, title};
use crate::run::live;
use crate::run::sessions;
use crate::sim::arena::EnvironmentHooks;
use crate::view::screens::{AppScreen, Leave, Visit};
use crate::view::stage::Stage;
use crate::worlds::{self, WorldChoice, WorldEntry, WorldError};

/// Why a screen cannot be opened, in one line.
type Failure = Box<dyn std::error::Error>;

/// Callbacks of the window to its caller.
#[derive(Resource, Clone)]
pub struct Doors {
    /// Resolves a choice on the title screen to a session.
    pub resolve: Arc<dyn Fn(&title::Chosen) -> Result<SessionRequest, Failure> + Send + Sync>,
    /// Called with every screen: whether stopping the program saves anything.
    pub shows: Arc<dyn Fn(bool) + Send + Sync>,
}

impl Doors {
    /// For a window with a single session.
    pub(super) fn closed() -> Self {
        Self {
            resolve: Arc::new(|_| {
                Err("this window is for one world; start the program without arguments".into())
            }),
            shows: Arc::new(|_| {}),
        }
    }
}

/// The session of the next screen, and the choice to open after this one.
#[derive(Resource, Default)]
struct Next {
    session: Option<Session>,
    chosen: Option<title::Chosen>,
}

/// The card to select when a world is left, and the error of that world, if any.
#[derive(Resource, Default)]
struct Past {
    place: Option<(String, Option<String>)>,
    problem: Option<String>,
}

/// The state of the running session's files; checked once more when the app has ended.
#[derive(Resource, Clone, Default)]
pub(super) struct Running(Arc<Mutex<Option<Kept>>>);

impl Running {
    /// Releases the running session, if any. Returns what could not be written.
    pub fn take(&self) -> Option<crate::run::RunError> {
        let kept = self.0.lock().ok().and_then(|mut kept| kept.take());
        kept.and_then(|kept| kept.problem())
    }
}

/// Adds the screens. The first one is the world of `session`, if any, otherwise the title screen.
pub(super) fn plugin(app: &mut App, session: Option<Session>, doors: Doors) {
    let scoped = || DespawnOnExit(AppScreen::World);
    app.register_required_components_with::<Stage, DespawnOnExit<AppScreen>>(scoped)
        .insert_resource(doors)
        .insert_resource(Next { session, chosen: None })
        .init_resource::<Past>()
        .init_resource::<Running>()
        .add_systems(Update, open.run_if(in_state(AppScreen::Opening)))
        .add_systems(Update, choose.run_if(on_message::<title::Chosen>.and_then(in_state(AppScreen::Title))))
        .add_systems(Update, save.run_if(in_state(Visit::Saving)))
        .add_systems(Last, leave.run_if(in_state(Visit::Playing)))
        .add_systems(OnEnter(AppScreen::Title), show_title)
        .add_systems(OnEnter(AppScreen::World), begin)
        .add_systems(OnExit(AppScreen::World), end);
}

/// Opens the next screen. Errors are shown on the title screen.
fn open(world: &mut World) {
    let chosen = world.resource_mut::<Next>().chosen.take();
    if let Some(chosen) = chosen
        && world.resource::<Past>().problem.is_none()
    {
        match session(world, &chosen) {
            Ok(session) => world.resource_mut::<Next>().session = Some(session),
            Err(error) => world.resource_mut::<Past>().problem = Some(error.to_string()),
        }
    }
    let there = world.resource::<Next>().session.is_some();
    go(world, if there { AppScreen::World } else { AppScreen::Title });
}

/// Opens the chosen world.
fn choose(world: &mut World) {
    let messages = world.resource::<Messages<title::Chosen>>();
    let Some(chosen) = messages.get_cursor().read(messages).last().cloned() else { return };
    match session(world, &chosen) {
        Ok(session) => {
            world.resource_mut::<Next>().session = Some(session);
            world.resource_mut::<Messages<title::Chosen>>().clear();
            go(world, AppScreen::World);
        }
        Err(error) => {
            world.resource_mut::<Messages<title::Chosen>>().clear();
            title::show_problem(world, error.to_string());
        }
    }
}

fn session(world: &World, chosen: &title::Chosen) -> Result<Session, Failure> {
    Session::open((world.resource::<Doors>().resolve)(chosen)?.kept())
}

fn go(world: &mut World, screen: AppScreen) {
    world.resource_mut::<NextState<AppScreen>>().set(screen);
}

/// Shows the title screen with the current sessions and maps.
fn show_title(world: &mut World) {
    (world.resource::<Doors>().shows)(false);
    let Past { place, problem } = std::mem::take(&mut *world.resource_mut::<Past>());
    name_window(world, "worlds");
    let sessions = |name: &'static str| (name.to_owned(), sessions::of(name));
    let kept = title::SavedSessions::new(worlds::names().map(sessions));
    let cards: Result<Vec<_>, WorldError> = worlds::CATALOGUE.iter().map(card).collect();
    let problem = problem.or(cards.as_ref().err().map(ToString::to_string));
    title::show_cards(world, cards.unwrap_or_default(), kept, place);
    if let Some(problem) = problem {
        title::show_problem(world, problem);
    }
}

/// The card of a world.
fn card(world: &'static WorldEntry) -> Result<title::Card, WorldError> {
    let name = world.name;
    let (thumbnail, animation) = world.art.map_or((&[][..], &[][..]), |art| (art.thumbnail, art.film));
    let levels = world.levels().len();
    let trained = match levels {
        0 => vec![gallery::record(name, None)],
        levels => (1..=levels).map(|level| gallery::record(name, Some(level))).collect(),
    };
    Ok(title::Card {
        spec: WorldChoice::new(name, None)?.spec(),
        levels,
        thumbnail,
        animation,
        session: sessions::of(name).into_iter().rev().find(|session| title::can_continue(session)),
        trained,
        drawn: sessions::maps(name).map_or_else(Vec::new, |folder| drawn_levels::list(&folder)),
    })
}

fn begin(world: &mut World) {
    let Some(session) = world.resource_mut::<Next>().session.take() else {
        return go(world, AppScreen::Title);
    };
    (world.resource::<Doors>().shows)(session.saves());
    let place = session.place();
    name_window(world, &place.0);
    world.resource_mut::<Past>().place = Some(place);
    let running = world.resource::<Running>().clone();
    scope::begin(world, |app| {
        let kept = session.add_to(app);
        if let Ok(mut running) = running.0.lock() {
            *running = Some(kept);
        }
    });
}

/// The world was left: pauses, and saves the session.
fn leave(
    mut left: MessageReader<Leave>,
    mut next: ResMut<Next>,
    mut state: ResMut<NextState<Visit>>,
    past: Res<Past>,
) {
    let Some(leave) = left.read().last() else { return };
    next.chosen = match (leave, &past.place) {
        (Leave::Level(path), Some((env, _))) => {
            Some(title::Chosen { env: env.clone(), level: Some(path.clone()), session: None, trained: false })
        }
        _ => None,
    };
    state.set(Visit::Saving);
}

/// Continues once everything is saved, including pending pictures.
fn save(world: &mut World) {
    let pictures = world.query::<&Screenshot>().iter(world).count();
    if pictures == 0 && live::leave(world) {
        go(world, AppScreen::Opening);
    }
}

fn end(world: &mut World) {
    if let Some(hooks) = world.get_resource::<EnvironmentHooks>().copied() {
        (hooks.populate)(world, 0);
    }
    scope::end(world);
    let problem = world.resource::<Running>().take();
    if let Some(problem) = problem {
        world.resource_mut::<Past>().problem = Some(problem.to_string());
    }
}

fn name_window(world: &mut World, screen: &str) {
    for mut window in world.query_filtered::<&mut Window, With<PrimaryWindow>>().iter_mut(world) {
        window.title = crate::view::window_title(screen);
    }
}
