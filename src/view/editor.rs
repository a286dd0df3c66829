//! Editor: the mouse draws on the watched arena's map, and what was drawn is played at once. Brushes, files and what is
//! wrong are left to `panel`.

use bevy::prelude::*;
use bevy::window::PrimaryWindow;

use super::bindings::Command;
use super::controls::Controls;
use super::effects::FlatMaterials;
use super::paint::{Paint, rounded};
use super::palette::{self, INK, Tone};
use super::rooms::paint_reward;
use super::stage::{Detail, Stage};
use super::{Screen, ViewSystems};
use crate::sim::Arena;
use crate::sim::level::Place;
use crate::sim::level::draft::Draft;
use crate::sim::worlds::rooms::{Room, Rooms, reload};

/// The brush that changes what a cell pays; the right button lets it pay nothing.
pub const REWARD: char = '+';

/// Above whatever lies on the board.
const DEPTH: f32 = 8.0;

/// A level being drawn. Not there while nobody draws.
#[derive(Resource, Debug, Clone)]
pub struct Editor {
    /// The map.
    pub draft: Draft,
    /// The symbol that the left button paints, or [`REWARD`].
    pub brush: char,
    /// What the left button lets cells pay with that brush, -1 to 1.
    pub reward: f32,
    /// What keeps the draft from being played, in one line.
    pub problem: Option<String>,
    /// Whether the draft is a level, but one whose agents would see other things than those that learn here.
    pub foreign: bool,
    /// The cell under the pointer.
    pointed: Option<Place>,
    /// What the held button does.
    stroke: Option<Stroke>,
    /// The map as it is played, to tell what is only drawn.
    played: Draft,
}

impl Editor {
    /// Whether a button is held that draws.
    pub fn is_drawing(&self) -> bool {
        self.stroke.is_some()
    }
}

/// What a held button does to the cells it passes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stroke {
    Paint(char),
    Pay(f32),
}

/// Adds the editor; it waits for [`toggle`].
pub(super) fn plugin(app: &mut App) {
    app.add_systems(Update, (point, strike).chain().run_if(resource_exists::<Editor>)).add_systems(
        PostUpdate,
        (draw.run_if(resource_exists::<Editor>), wipe.run_if(not(resource_exists::<Editor>)))
            .in_set(ViewSystems::Animate),
    );
}

/// Begins to edit the level that the watched arena plays, or stops. Worlds without levels have nothing to edit.
pub fn toggle(world: &mut World) {
    if world.remove_resource::<Editor>().is_some() {
        return;
    }
    crate::insight::playback::end(world);
    let Some(rooms) = world.get_resource::<Rooms>().cloned() else { return };
    let mut states = world.query::<(&Arena, &Room)>();
    let watched = states.iter(world).find(|(arena, _)| arena.index == 0);
    let Some(draft) = watched.map(|(_, room)| Draft::of(room.level(&rooms))) else { return };
    world.resource_mut::<Screen>().zoomed_out = false;
    world.insert_resource(Editor {
        played: draft.clone(),
        draft,
        brush: '#',
        reward: -0.1,
        problem: None,
        foreign: false,
        pointed: None,
        stroke: None,
    });
}

/// Plays the draft in all arenas, if it is a level that the agent here can play.
pub fn play(world: &mut World) {
    // What was looked at happened on another map.
    crate::insight::playback::end(world);
    let Some(draft) = world.get_resource::<Editor>().map(|editor| editor.draft.clone()) else { return };
    let (problem, foreign) = match draft.level() {
        Ok(level) => {
            let foreign = !reload::exchange(world, level);
            let said =
                "The agent here has not learned to see such a map; a new one can: save it and start anew.";
            (foreign.then(|| said.to_owned()), foreign)
        }
        Err(error) => (Some(error.to_string()), false),
    };
    if let Some(mut editor) = world.get_resource_mut::<Editor>() {
        if problem.is_none() {
            editor.played = draft;
        }
        (editor.problem, editor.foreign) = (problem, foreign);
    }
}

/// The cell of a map of `size` cells under `point`, in the arena's coordinates.
fn cell([width, height]: [usize; 2], point: Vec2) -> Option<Place> {
    let at = (point + Vec2::new(width as f32, -(height as f32)) / 2.0) * Vec2::new(1.0, -1.0);
    let inside = at.cmpge(Vec2::ZERO).all() && at.x < width as f32 && at.y < height as f32;
    inside.then_some((at.x as usize, at.y as usize))
}

/// Paints where the pointer is while a button is held: the brush with the left one, floor with the right.
fn point(
    mut commands: Commands,
    mut editor: ResMut<Editor>,
    controls: Res<Controls>,
    screen: Res<Screen>,
    window: Query<&Window, With<PrimaryWindow>>,
    stages: Query<(&Stage, &Transform)>,
) {
    let watched = stages.iter().find(|(stage, _)| stage.index == 0);
    let (Ok(window), Some((_, place))) = (window.single(), watched) else { return };
    let size = Vec2::new(window.width(), window.height());
    let board = |at: &Vec2| at.x < size.x - screen.right && at.y < size.y - screen.bottom;
    let pointed = window.cursor_position().filter(board).and_then(|at| {
        let point = (at - size / 2.0) * Vec2::new(1.0, -1.0) - place.translation.truncate();
        cell(editor.draft.size(), point / place.scale.x)
    });
    // Frames can be longer than the way from cell to cell.
    let passed = editor.pointed.zip(pointed).map_or_else(Vec::new, |(from, to)| between(from, to));
    if editor.pointed != pointed {
        editor.pointed = pointed;
    }
    let pays = editor.brush == REWARD;
    let strokes = match pays {
        true => [Stroke::Pay(editor.reward), Stroke::Pay(0.0)],
        false => [Stroke::Paint(editor.brush), Stroke::Paint('.')],
    };
    for (command, stroke) in [Command::Draw, Command::Erase].into_iter().zip(strokes) {
        if controls.struck(command) && pointed.is_some() {
            editor.draft.begin_stroke();
            editor.stroke = Some(stroke);
        }
    }
    let Some(stroke) = editor.stroke else { return };
    let begins = controls.struck(Command::Draw) || controls.struck(Command::Erase);
    for place in passed.into_iter().filter(|_| !begins).chain(pointed) {
        match stroke {
            Stroke::Paint(symbol) => editor.draft.paint(place, symbol),
            Stroke::Pay(reward) => editor.draft.pay(place, reward),
        };
    }
    if !controls.held(Command::Draw) && !controls.held(Command::Erase) {
        editor.stroke = None;
        commands.queue(play);
    }
}

/// The cells on the straight way between two.
fn between(from: Place, to: Place) -> Vec<Place> {
    let [a, b] = [from, to].map(|(column, row)| Vec2::new(column as f32, row as f32));
    let steps = (b - a).abs().max_element() as usize;
    let cell = |step: usize| {
        let at = a.lerp(b, step as f32 / steps as f32).round();
        (at.x as usize, at.y as usize)
    };
    (1..steps).map(cell).collect()
}

/// Takes back, makes again, and chooses brushes by their numbers.
fn strike(mut commands: Commands, mut editor: ResMut<Editor>, controls: Res<Controls>) {
    let undone = controls.struck(Command::Undo) && editor.draft.undo();
    let redone = controls.struck(Command::Redo) && editor.draft.redo();
    if undone || redone {
        commands.queue(play);
    }
    let brush = controls.choice().and_then(|number| editor.draft.brushes().nth(number));
    if let Some((symbol, _)) = brush {
        editor.brush = symbol;
    }
}

/// What is drawn over the board.
#[derive(Component)]
struct Sketch;

/// Cells that are drawn and not yet played, and the one that is pointed at.
fn draw(
    mut commands: Commands,
    editor: Res<Editor>,
    inks: Option<Res<FlatMaterials>>,
    stages: Query<(Entity, &Stage)>,
    old: Query<(Entity, &ChildOf), With<Sketch>>,
    mut meshes: ResMut<Assets<Mesh>>,
) {
    let watched = stages.iter().find(|(_, stage)| stage.index == 0 && stage.detail == Detail::Large);
    let (Some(inks), Some((stage, _))) = (inks, watched) else { return };
    if !editor.is_changed() && old.iter().any(|(_, on)| on.0 == stage) {
        return;
    }
    old.iter().for_each(|(entity, ..)| commands.entity(entity).despawn());
    let mut paint = Paint::new(0.02);
    let [width, height] = editor.draft.size();
    let center = |(column, row): Place| {
        Vec2::new(column as f32 + 0.5 - width as f32 / 2.0, height as f32 / 2.0 - row as f32 - 0.5)
    };
    let same_size = editor.draft.size() == editor.played.size();
    for place in (0..height).flat_map(|row| (0..width).map(move |column| (column, row))) {
        let symbol = editor.draft.symbol(place);
        if !same_size || symbol != editor.played.symbol(place) {
            paint.fill(&rounded(center(place), Vec2::splat(0.46), 0.1), tone(symbol).solid());
        }
        let reward = editor.draft.reward(place);
        if reward != 0.0 && reward != editor.played.reward(place) {
            paint_reward(&mut paint, center(place), reward);
        }
    }
    if let Some(place) = editor.pointed {
        let color = match editor.stroke {
            Some(Stroke::Paint(symbol)) => tone(symbol),
            Some(Stroke::Pay(reward)) => sign(reward),
            None if editor.brush == REWARD => sign(editor.reward),
            None => tone(editor.brush),
        };
        paint.fill(&rounded(center(place), Vec2::splat(0.3), 0.12), color.alpha(0.55));
        paint.line(&rounded(center(place), Vec2::splat(0.47), 0.1), 0.06, INK.alpha(0.9));
    }
    // A sketch of nothing keeps its place in the scene, without a mesh: an empty one cannot be drawn.
    let place = Transform::from_xyz(0.0, 0.0, DEPTH);
    let mut sketch = commands.spawn((Sketch, place, Visibility::default(), ChildOf(stage)));
    if !paint.is_empty() {
        sketch.insert((Mesh2d(meshes.add(paint.mesh())), inks.plain()));
    }
}

fn wipe(mut commands: Commands, old: Query<Entity, With<Sketch>>) {
    old.iter().for_each(|entity| commands.entity(entity).despawn());
}

/// The color that stands for a reward.
pub fn sign(reward: f32) -> Tone {
    if reward > 0.0 { palette::LIME } else { palette::ROSE }
}

/// The color that stands for a symbol of a map.
pub fn tone(symbol: char) -> Tone {
    match symbol {
        '#' => palette::WALL,
        '~' => palette::EMBER,
        'g' | 'x' => palette::AMBER,
        '*' => palette::ICE,
        'o' => palette::WOOD,
        '-' | '|' => palette::CRIMSON,
        '_' | '=' => palette::LIME,
        'r' | 'R' => palette::RUBY,
        'y' | 'Y' => palette::CITRINE,
        'u' | 'U' => palette::COBALT,
        'a' => palette::MINT,
        'b' => palette::SKY,
        '<' | '>' | '^' | 'v' => palette::VIOLET,
        _ => palette::FLOOR_ALT,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::mdp::Stream;
    use crate::sim::level::Level;
    use crate::sim::worlds::lava_room::RULES;
    use crate::sim::{EnvironmentPlugin, SimConfig};

    #[test]
    fn the_pointer_finds_its_cell() {
        let level = Level::shipped("lava-room", 1).unwrap();
        let size = [level.width, level.height];
        for (column, row) in (0..level.width).flat_map(|x| (0..level.height).map(move |y| (x, y))) {
            assert_eq!(cell(size, level.center(column, row)), Some((column, row)));
        }
        assert_eq!(cell(size, Vec2::new(-0.51 * level.width as f32, 0.0)), None);
        assert_eq!(cell(size, Vec2::new(0.0, 0.51 * level.height as f32)), None);
    }

    #[test]
    fn a_fast_stroke_leaves_no_gaps() {
        assert_eq!(between((1, 1), (1, 2)), []);
        assert_eq!(between((1, 1), (4, 1)), [(2, 1), (3, 1)]);
        assert_eq!(between((5, 4), (1, 2)), [(4, 4), (3, 3), (2, 3)]);
    }

    /// An arcade's simulation with a window of 900 × 700 and the first level of lava-room on its stage.
    pub(crate) fn app() -> App {
        let layout = Rooms::single(&RULES, Level::shipped("lava-room", 1).unwrap());
        let config = SimConfig { arenas: 2, seed: 1, stream: Stream::Environment };
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin).add_plugins(EnvironmentPlugin::<Room> { layout, config });
        app.init_resource::<Screen>()
            .init_resource::<Assets<Mesh>>()
            .add_plugins((plugin, crate::view::controls::plugin));
        crate::view::controls::tests::ready(&mut app);
        let window = Window { resolution: (900, 700).into(), ..default() };
        app.world_mut().spawn((window, PrimaryWindow));
        let mut arenas = app.world_mut().query::<(Entity, &Arena)>();
        let (arena, _) = arenas.iter(app.world()).find(|(_, arena)| arena.index == 0).unwrap();
        let stage = Stage::at(arena, 0);
        app.world_mut().spawn((stage, Transform::from_xyz(20.0, 10.0, 0.0).with_scale(Vec3::splat(50.0))));
        app
    }

    fn button(app: &mut App, at: Vec2, button: MouseButton) {
        let mut windows = app.world_mut().query::<&mut Window>();
        windows.single_mut(app.world_mut()).unwrap().set_cursor_position(Some(at));
        app.world_mut().resource_mut::<ButtonInput<MouseButton>>().press(button);
        app.update();
        app.world_mut().resource_mut::<ButtonInput<MouseButton>>().clear();
        app.world_mut().resource_mut::<ButtonInput<MouseButton>>().release(button);
        app.update();
        app.world_mut().resource_mut::<ButtonInput<MouseButton>>().clear();
    }

    #[test]
    fn what_is_painted_is_played_and_can_be_taken_back() {
        let mut app = app();
        toggle(app.world_mut());
        // One cell right of the middle, one up: the stage's middle is at (470, 340) in the window.
        let at = Vec2::new(450.0 + 20.0 + 50.0, 350.0 - 10.0 - 50.0);
        let level = app.world().resource::<Rooms>().first().clone();
        let place = level.locate(Vec2::new(1.0, 1.0));
        let symbol = |app: &App| app.world().resource::<Editor>().draft.symbol(place);
        let before = symbol(&app);
        button(&mut app, at, MouseButton::Left);
        assert_eq!(symbol(&app), '#');
        let played = app.world().resource::<Rooms>().first().clone();
        assert_eq!(played.cell(place.0, place.1), crate::sim::level::Cell::Wall, "{before}");
        let mut keys = app.world_mut().resource_mut::<ButtonInput<KeyCode>>();
        keys.press(KeyCode::ControlLeft);
        keys.press(KeyCode::KeyZ);
        app.update();
        assert_eq!((symbol(&app), app.world().resource::<Rooms>().first()), (before, &level));
    }

    #[test]
    fn a_map_that_cannot_be_played_is_said_and_the_old_one_goes_on() {
        let mut app = app();
        toggle(app.world_mut());
        let level = app.world().resource::<Rooms>().first().clone();
        let goals: Vec<Place> = level.places(|cell| cell == crate::sim::level::Cell::Goal).collect();
        let mut editor = app.world_mut().resource_mut::<Editor>();
        goals.iter().for_each(|goal| _ = editor.draft.paint(*goal, '.'));
        play(app.world_mut());
        let problem = app.world().resource::<Editor>().problem.clone().unwrap();
        assert!(problem.contains("no goal"), "{problem}");
        assert_eq!(*app.world().resource::<Rooms>().first(), level);
        let mut editor = app.world_mut().resource_mut::<Editor>();
        editor.draft.undo();
        editor.draft = Draft::of(&level);
        // Ice is nothing that this level's agents have a plane for.
        editor.draft.paint((1, 1), '*');
        play(app.world_mut());
        assert!(app.world().resource::<Editor>().foreign);
        toggle(app.world_mut());
        assert!(!app.world().contains_resource::<Editor>());
    }
}
