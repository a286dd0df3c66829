//! Level editor: the mouse paints on the watched arena's level, and every change is played at once. `panel` shows brushes,
//! files and errors.

use bevy::prelude::*;
use bevy::window::PrimaryWindow;

use super::art::{paint_reward, reward_tone};
use super::level::Place;
use super::level::draft::Draft;
use super::{Room, Rooms, reload};
use crate::agent::Watched;
use crate::view::commands::{AddKeys as _, KeyCommand, KeyGroup, KeyHint, KeySpec, Trigger};
use crate::view::controls::Controls;
use crate::view::effects::FlatMaterials;
use crate::view::modes::{self, Mode};
use crate::view::paint::{Paint, rounded};
use crate::view::palette::{self, INK, Tone};
use crate::view::stage::{Detail, InstantStages, Stage};
use crate::view::{ScreenLayout, ViewSystems};

/// The brush that sets the reward of a cell; the right button clears it.
pub const REWARD: char = '+';

/// Above everything on the board.
const DEPTH: f32 = 8.0;

/// The level being edited. Exists only while editing.
#[derive(Resource, Debug, Clone)]
pub struct Editor {
    /// The level as painted.
    pub draft: Draft,
    /// The symbol that the left button paints, or [`REWARD`].
    pub brush: char,
    /// The reward that this brush sets, -1 to 1.
    pub reward: f32,
    /// Why the draft cannot be played, in one line.
    pub problem: Option<String>,
    /// Whether the draft is a valid level that needs other observations than the agent has.
    pub incompatible: bool,
    /// The cell under the pointer.
    pointed: Option<Place>,
    /// The stroke of the held button.
    stroke: Option<Stroke>,
    /// The level as it is played, to show what is not played yet.
    played: Draft,
}

impl Editor {
    /// Whether a stroke is being painted.
    pub fn is_drawing(&self) -> bool {
        self.stroke.is_some()
    }
}

/// The effect of a held button on the cells under the pointer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stroke {
    Paint(char),
    SetReward(f32),
}

const UNDO: KeyCommand = KeyCommand("undo");
const REDO: KeyCommand = KeyCommand("redo");
/// Paints or clears the cell under the pointer.
const DRAW: KeyCommand = KeyCommand("draw");
const ERASE: KeyCommand = KeyCommand("erase");

/// The editor's keys.
pub const KEYS: &[KeySpec] = &[
    KeySpec {
        needs: Some(|world| world.contains_resource::<Rooms>()),
        hint: KeyHint::Now(|world| match world.contains_resource::<Editor>() {
            true => "stop editing",
            false => "edit the level",
        }),
        act: Some(toggle),
        toggles: Some(Mode::Edit),
        not_while: &[(Mode::Compare, "all agents play the same level")],
        ..KeySpec::new("edit", "edit the level", KeyCode::KeyE, KeyGroup::Screen)
    },
    KeySpec::fixed(UNDO.0, "", &[Trigger::Ctrl(KeyCode::KeyZ)]),
    KeySpec::fixed(REDO.0, "", &[Trigger::Ctrl(KeyCode::KeyY)]),
    KeySpec::fixed(DRAW.0, "", &[Trigger::Mouse(MouseButton::Left)]),
    KeySpec::fixed(ERASE.0, "", &[Trigger::Mouse(MouseButton::Right)]),
];

/// Adds the editor, opened by [`toggle`].
pub(in crate::worlds) fn plugin(app: &mut App) {
    app.add_keys(KEYS).init_resource::<InstantStages>();
    modes::register::<Editor>(app, Mode::Edit, |world| _ = world.remove_resource::<Editor>());
    app.add_systems(Update, (point, press_keys).chain().run_if(resource_exists::<Editor>))
        .add_systems(
            PostUpdate,
            (draw.run_if(resource_exists::<Editor>), clear.run_if(not(resource_exists::<Editor>)))
                .in_set(ViewSystems::Animate),
        )
        .add_systems(PostUpdate, keep_still.before(ViewSystems::Arrange));
}

/// Shows stages without animation while editing.
fn keep_still(editor: Option<Res<Editor>>, mut still: ResMut<InstantStages>) {
    still.0 = editor.is_some();
}

/// Starts or stops editing the watched arena's level. Does nothing in worlds without levels.
pub fn toggle(world: &mut World) {
    if world.remove_resource::<Editor>().is_some() {
        return;
    }
    modes::end(world, Mode::Playback);
    let Some(rooms) = world.get_resource::<Rooms>().cloned() else { return };
    let mut watched = world.query_filtered::<&Room, With<Watched>>();
    let Ok(draft) = watched.single(world).map(|room| Draft::of(room.level(&rooms))) else { return };
    world.resource_mut::<ScreenLayout>().zoomed_out = false;
    world.insert_resource(Editor {
        played: draft.clone(),
        draft,
        brush: '#',
        reward: -0.1,
        problem: None,
        incompatible: false,
        pointed: None,
        stroke: None,
    });
}

/// Plays the draft in all arenas, if it is a valid level that the agent can observe.
pub fn play(world: &mut World) {
    // Recorded episodes belong to another level.
    modes::end(world, Mode::Playback);
    let Some(draft) = world.get_resource::<Editor>().map(|editor| editor.draft.clone()) else { return };
    let (problem, incompatible) = match draft.level() {
        Ok(level) => {
            let incompatible = !reload::exchange(world, level);
            let said =
                "This agent cannot observe such a level. Train a new agent on it, with the button below.";
            (incompatible.then(|| said.to_owned()), incompatible)
        }
        Err(error) => (Some(error.to_string()), false),
    };
    if let Some(mut editor) = world.get_resource_mut::<Editor>() {
        if problem.is_none() {
            editor.played = draft;
        }
        (editor.problem, editor.incompatible) = (problem, incompatible);
    }
}

/// The cell under `point`, in the arena's coordinates, of a level of `size` cells.
fn cell([width, height]: [usize; 2], point: Vec2) -> Option<Place> {
    let at = (point + Vec2::new(width as f32, -(height as f32)) / 2.0) * Vec2::new(1.0, -1.0);
    let inside = at.cmpge(Vec2::ZERO).all() && at.x < width as f32 && at.y < height as f32;
    inside.then_some((at.x as usize, at.y as usize))
}

/// Paints under the pointer while a button is held: with the brush for the left one, floor for the right.
fn point(
    mut commands: Commands,
    mut editor: ResMut<Editor>,
    controls: Res<Controls>,
    screen: Res<ScreenLayout>,
    window: Query<&Window, With<PrimaryWindow>>,
    stages: Query<(&Stage, &Transform)>,
) {
    let watched = stages.iter().find(|(stage, _)| stage.watched);
    let (Ok(window), Some((_, place))) = (window.single(), watched) else { return };
    let size = Vec2::new(window.width(), window.height());
    let board = |at: &Vec2| at.x < size.x - screen.right && at.y < size.y - screen.bottom;
    let pointed = window.cursor_position().filter(board).and_then(|at| {
        let point = (at - size / 2.0) * Vec2::new(1.0, -1.0) - place.translation.truncate();
        cell(editor.draft.size(), point / place.scale.x)
    });
    // The pointer can cross several cells within a frame.
    let passed = editor.pointed.zip(pointed).map_or_else(Vec::new, |(from, to)| between(from, to));
    if editor.pointed != pointed {
        editor.pointed = pointed;
    }
    let sets_reward = editor.brush == REWARD;
    let strokes = match sets_reward {
        true => [Stroke::SetReward(editor.reward), Stroke::SetReward(0.0)],
        false => [Stroke::Paint(editor.brush), Stroke::Paint('.')],
    };
    for (command, stroke) in [DRAW, ERASE].into_iter().zip(strokes) {
        if controls.just_pressed(command) && pointed.is_some() {
            editor.draft.begin_stroke();
            editor.stroke = Some(stroke);
        }
    }
    let Some(stroke) = editor.stroke else { return };
    let starts = controls.just_pressed(DRAW) || controls.just_pressed(ERASE);
    for place in passed.into_iter().filter(|_| !starts).chain(pointed) {
        match stroke {
            Stroke::Paint(symbol) => editor.draft.paint(place, symbol),
            Stroke::SetReward(reward) => editor.draft.pay(place, reward),
        };
    }
    if !controls.pressed(DRAW) && !controls.pressed(ERASE) {
        editor.stroke = None;
        commands.queue(play);
    }
}

/// The cells on the straight line between two.
fn between(from: Place, to: Place) -> Vec<Place> {
    let [a, b] = [from, to].map(|(column, row)| Vec2::new(column as f32, row as f32));
    let steps = (b - a).abs().max_element() as usize;
    let cell = |step: usize| {
        let at = a.lerp(b, step as f32 / steps as f32).round();
        (at.x as usize, at.y as usize)
    };
    (1..steps).map(cell).collect()
}

/// Undo, redo, and brushes by number.
fn press_keys(mut commands: Commands, mut editor: ResMut<Editor>, controls: Res<Controls>) {
    let undone = controls.just_pressed(UNDO) && editor.draft.undo();
    let redone = controls.just_pressed(REDO) && editor.draft.redo();
    if undone || redone {
        commands.queue(play);
    }
    let brush = controls.choice().and_then(|number| editor.draft.brushes().nth(number));
    if let Some((symbol, _)) = brush {
        editor.brush = symbol;
    }
}

/// Markers over the board.
#[derive(Component)]
struct Sketch;

/// Draws cells that are not played yet, and the cell under the pointer.
fn draw(
    mut commands: Commands,
    editor: Res<Editor>,
    materials: Option<Res<FlatMaterials>>,
    stages: Query<(Entity, &Stage)>,
    old: Query<(Entity, &ChildOf), With<Sketch>>,
    mut meshes: ResMut<Assets<Mesh>>,
) {
    let watched = stages.iter().find(|(_, stage)| stage.watched && stage.detail == Detail::Large);
    let (Some(materials), Some((stage, _))) = (materials, watched) else { return };
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
            Some(Stroke::SetReward(reward)) => reward_tone(reward),
            None if editor.brush == REWARD => reward_tone(editor.reward),
            None => tone(editor.brush),
        };
        paint.fill(&rounded(center(place), Vec2::splat(0.3), 0.12), color.alpha(0.55));
        paint.line(&rounded(center(place), Vec2::splat(0.47), 0.1), 0.06, INK.alpha(0.9));
    }
    // An empty sketch has no mesh, since an empty mesh cannot be drawn.
    let place = Transform::from_xyz(0.0, 0.0, DEPTH);
    let mut sketch = commands.spawn((Sketch, place, Visibility::default(), ChildOf(stage)));
    if !paint.is_empty() {
        sketch.insert((Mesh2d(meshes.add(paint.mesh())), materials.plain()));
    }
}

fn clear(mut commands: Commands, old: Query<Entity, With<Sketch>>) {
    old.iter().for_each(|entity| commands.entity(entity).despawn());
}

/// The color of a level symbol.
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
    use crate::sim::{EnvironmentPlugin, SimConfig};
    use crate::worlds::rooms::lava_room::RULES;
    use crate::worlds::rooms::level::Level;

    #[test]
    fn the_cell_under_the_pointer_is_found() {
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

    /// A simulation with a window of 900 × 700 and a stage with the first level of lava-room.
    pub(crate) fn app() -> App {
        let layout = Rooms::single(&RULES, Level::shipped("lava-room", 1).unwrap());
        let config = SimConfig { arenas: 2, seed: 1, stream: Stream::Environment };
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin).add_plugins(EnvironmentPlugin::<Room> { layout, config });
        app.init_resource::<ScreenLayout>()
            .init_resource::<Assets<Mesh>>()
            .add_plugins((plugin, crate::view::controls::plugin));
        crate::view::controls::tests::ready(&mut app);
        let window = Window { resolution: (900, 700).into(), ..default() };
        app.world_mut().spawn((window, PrimaryWindow));
        let mut watched = app.world_mut().query_filtered::<Entity, With<Watched>>();
        let arena = watched.single(app.world()).unwrap();
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
    fn painted_cells_are_played_and_can_be_undone() {
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
        assert_eq!(played.cell(place.0, place.1), crate::worlds::rooms::level::Cell::Wall, "{before}");
        let mut keys = app.world_mut().resource_mut::<ButtonInput<KeyCode>>();
        keys.press(KeyCode::ControlLeft);
        keys.press(KeyCode::KeyZ);
        app.update();
        assert_eq!((symbol(&app), app.world().resource::<Rooms>().first()), (before, &level));
    }

    #[test]
    fn an_invalid_level_is_reported_and_the_old_one_is_still_played() {
        let mut app = app();
        toggle(app.world_mut());
        let level = app.world().resource::<Rooms>().first().clone();
        let goals: Vec<Place> =
            level.places(|cell| cell == crate::worlds::rooms::level::Cell::Goal).collect();
        let mut editor = app.world_mut().resource_mut::<Editor>();
        goals.iter().for_each(|goal| _ = editor.draft.paint(*goal, '.'));
        play(app.world_mut());
        let problem = app.world().resource::<Editor>().problem.clone().unwrap();
        assert!(problem.contains("no goal"), "{problem}");
        assert_eq!(*app.world().resource::<Rooms>().first(), level);
        let mut editor = app.world_mut().resource_mut::<Editor>();
        editor.draft.undo();
        editor.draft = Draft::of(&level);
        // This level's agents have no plane for ice.
        editor.draft.paint((1, 1), '*');
        play(app.world_mut());
        assert!(app.world().resource::<Editor>().incompatible);
        toggle(app.world_mut());
        assert!(!app.world().contains_resource::<Editor>());
    }
}
