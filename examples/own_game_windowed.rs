//! Your own game in a window, with an agent that learns it while you watch, and a small panel of the learner.
//!
//! `cargo run --example own_game_windowed`. `-- --frames 300` ends by itself, and fails if nothing was
//! played.

use bevy::prelude::*;
use bevy_egui::{EguiContexts, EguiPlugin, EguiPrimaryContextPass, egui};
use entropy_arcade::agent::pace;
use entropy_arcade::agent::prelude::*;
use entropy_arcade::metrics::run::SUCCESS;

/// Size of the court in cells, and pixels of a cell.
const COURT: IVec2 = IVec2::new(7, 6);
const CELL: f32 = 60.0;

/// Move left or right to catch the falling fruit.
#[derive(Component, Default)]
struct Game {
    basket: i32,
    fruit: IVec2,
    games: i32,
}

impl Game {
    fn begin(&mut self) {
        self.games += 1;
        self.basket = COURT.x / 2;
        self.fruit = IVec2::new(self.games * 5 % COURT.x, COURT.y);
    }

    fn show(&self, slots: &mut AgentSlots) {
        let seen = [self.basket as f32 / COURT.x as f32, self.fruit.x as f32 / COURT.x as f32];
        let height = self.fruit.y as f32 / COURT.y as f32;
        slots.observations.row_mut(0).0.copy_from_slice(&[seen[0], seen[1], height]);
    }
}

fn fall(mut games: Query<(&mut Game, &mut AgentSlots)>) {
    for (mut game, mut slots) in &mut games {
        game.basket = (game.basket + [0, -1, 1][slots.actions.index(0)]).clamp(0, COURT.x - 1);
        game.fruit.y -= 1;
        if game.fruit.y == 0 {
            let caught = game.fruit.x == game.basket;
            slots.rewards[0] = if caught { 1.0 } else { -1.0 };
            slots.outcomes[0].success = caught;
            slots.end = Some(EpisodeEnd::Terminated);
        }
    }
}

fn observe(mut games: Query<(&Game, &mut AgentSlots)>) {
    games.iter_mut().for_each(|(game, mut slots)| game.show(&mut slots));
}

fn begin_again(mut games: Query<(&mut Game, &mut AgentSlots)>) {
    for (mut game, mut slots) in games.iter_mut().filter(|(_, slots)| slots.end.is_some()) {
        game.begin();
        game.show(&mut slots);
    }
}

fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        name: "catch".into(),
        summary: "Catch what falls.".into(),
        observation: ObservationSpace::floats(&["basket", "fruit x", "fruit y"]),
        action: ActionSpace::discrete(&["stay", "left", "right"]),
        ticks_per_step: 1,
        tick_seconds: 0.1,
        episode_limit: COURT.y as u32,
        teams: vec![0],
        rewards: vec![RewardTerm::new("catch", 1.0, "the fruit lands in the basket, −1 beside it")],
    }
}

/// A shape of the watched game.
#[derive(Component)]
enum Shape {
    Basket,
    Fruit,
}

fn spawn_scene(mut commands: Commands) {
    commands.spawn(Camera2d);
    let sprite = |color, size: Vec2| Sprite::from_color(color, size * CELL);
    commands.spawn((Shape::Basket, sprite(Color::srgb(0.4, 0.8, 0.7), Vec2::new(0.9, 0.3))));
    commands.spawn((Shape::Fruit, sprite(Color::srgb(0.9, 0.5, 0.4), Vec2::splat(0.5))));
}

fn draw(game: Single<&Game, With<Watched>>, mut shapes: Query<(&Shape, &mut Transform)>) {
    for (shape, mut transform) in &mut shapes {
        let cell = match shape {
            Shape::Basket => IVec2::new(game.basket, 0),
            Shape::Fruit => game.fruit,
        };
        let place = (cell.as_vec2() - (COURT - IVec2::ONE).as_vec2() / 2.0) * CELL;
        transform.translation = place.extend(0.0);
    }
}

/// The learner's metrics, its switch and the pace.
fn panel(
    mut contexts: EguiContexts,
    mut learner: ResMut<LiveLearner>,
    mut pace: ResMut<Pace>,
    history: Res<History>,
) -> Result {
    let status = learner.status();
    egui::Window::new("Learner").show(contexts.ctx_mut()?, |ui| {
        if let Health::Failed(reason) = &status.health {
            ui.label(reason);
        }
        ui.label(format!("{} environment steps", status.env_steps));
        ui.label(format!("{} gradient steps", status.gradient_steps));
        let recent: Vec<f64> =
            history.curve(SUCCESS).0.iter().rev().take(100).map(|point| point[1]).collect();
        if !recent.is_empty() {
            let share = 100.0 * recent.iter().sum::<f64>() / recent.len() as f64;
            ui.label(format!("{share:.0} % of the last {} caught", recent.len()));
        }
        let mut training = learner.training();
        if ui.checkbox(&mut training, "training").changed() {
            learner.set_training(training);
        }
        ui.add(egui::Slider::new(&mut pace.speed, pace::SPEED_RANGE[0]..=pace::SPEED_RANGE[1]).text("speed"));
    });
    Ok(())
}

/// Frames after which the example ends by itself.
#[derive(Resource)]
struct Frames(u32);

fn end(
    mut frames: ResMut<Frames>,
    replay: Res<Replay>,
    learner: Res<LiveLearner>,
    mut exit: MessageWriter<AppExit>,
) {
    frames.0 = frames.0.saturating_sub(1);
    if frames.0 == 0 {
        let works = replay.env_steps > 0 && !matches!(learner.status().health, Health::Failed(_));
        exit.write(if works { AppExit::Success } else { AppExit::error() });
    }
}

fn main() -> AppExit {
    let spec = spec();
    let config = LearnerConfig { learning_starts: 1000, ..LearnerConfig::default() };
    let learner = LiveLearner::start(LearnerSetup::new(spec.clone(), config));
    let players = ControllerAssignment::all(vec![Controller::Learning]);
    let mut app = App::new();
    app.add_plugins((DefaultPlugins, EguiPlugin::default()))
        .add_plugins((AgentPlugin::new(spec.clone(), players, learner.policy()), LivePlugin))
        .insert_resource(learner)
        .init_resource::<Pace>()
        .add_systems(Startup, spawn_scene)
        // Ticks run as simulated time requires; nothing here waits for the learner.
        .add_systems(Update, (pace::drive, draw).chain())
        .add_systems(SimTick, fall.in_set(SimSystems::Play))
        .add_systems(SimTick, observe.in_set(SimSystems::Observe))
        .add_systems(SimTick, begin_again.in_set(SimSystems::Reset))
        .add_systems(EguiPrimaryContextPass, panel);
    let mut arguments = std::env::args().skip_while(|argument| argument != "--frames").skip(1);
    if let Some(frames) = arguments.next().and_then(|number| number.parse().ok()) {
        app.insert_resource(Frames(frames)).add_systems(Last, end);
    }
    for arena in 0..8 {
        let mut game = Game { games: arena as i32, ..default() };
        let mut slots = AgentSlots::new(arena, &spec);
        game.begin();
        game.show(&mut slots);
        let mut entity = app.world_mut().spawn((game, slots));
        // The arena that is drawn.
        if arena == 0 {
            entity.insert(Watched);
        }
    }
    app.run()
}
