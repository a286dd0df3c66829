//! Tests of the engine in small levels: sliding, opening, blocking and hitting.

use bevy::prelude::*;

use super::{Cell, KeyColor, Place, Room, Rooms, Rules};
use crate::mdp::{Action, EpisodeEnd, Stream};
use crate::sim::arena::ScriptSystems;
use crate::sim::{self, AgentSlots, EnvironmentPlugin, SimConfig, SimSystems, SimTick, run_agent_step};
use crate::worlds::rooms::level::Level;
use crate::worlds::rooms::{lava_room, memory_corridor, tag, two_plates};

const WAIT: u16 = 0;
const UP: u16 = 1;
const DOWN: u16 = 2;
const LEFT: u16 = 3;
const RIGHT: u16 = 4;

/// The next action by slot, and the result of the last step in the first arena.
#[derive(Resource, Default)]
struct Step {
    actions: Vec<u16>,
    seats: Option<AgentSlots>,
}

/// Rooms of one level, moved step by step.
struct Game {
    app: App,
    level: Level,
}

impl Game {
    fn new(rules: &'static Rules, rows: &[&str]) -> Self {
        Self::many(rules, rows, 1)
    }

    fn many(rules: &'static Rules, rows: &[&str], arenas: usize) -> Self {
        let text = format!("(version: 1, world: {:?}, name: \"n\", map: {rows:?})", rules.name);
        let level = Level::parse("x.ron", &text).unwrap();
        let config = SimConfig { arenas, seed: 1, stream: Stream::Environment };
        let layout = Rooms::single(rules, level.clone());
        let mut app = App::new();
        app.add_plugins(sim::plugin)
            .add_plugins(EnvironmentPlugin::<Room> { layout, config })
            .init_resource::<Step>()
            .add_systems(
                SimTick,
                (act.in_set(SimSystems::Decide).after(ScriptSystems), see.in_set(SimSystems::Record)),
            );
        Self { app, level }
    }

    /// One step with `actions` by slot; returns the slots at its end, before a reset.
    fn step(&mut self, actions: &[u16]) -> AgentSlots {
        self.app.world_mut().resource_mut::<Step>().actions = actions.to_vec();
        run_agent_step(self.app.world_mut());
        self.app.world_mut().resource_mut::<Step>().seats.take().unwrap()
    }

    /// Position of player `slot` at the end of the last step of `seats`.
    fn place(&self, seats: &AgentSlots, slot: usize) -> Place {
        let (vector, _) = seats.observations.row(slot);
        let half = Vec2::new(self.level.width as f32, self.level.height as f32) / 2.0;
        self.level.locate(Vec2::new(vector[0], vector[1]) * half)
    }

    /// Positions of the first player after each of `actions`.
    fn walk(&mut self, actions: &[u16]) -> Vec<Place> {
        let walked = |&action| {
            let seats = self.step(&[action]);
            self.place(&seats, 0)
        };
        actions.iter().map(walked).collect()
    }

    fn room(&mut self) -> (Room, Rooms) {
        let mut query = self.app.world_mut().query::<&Room>();
        let room = query.iter(self.app.world()).next().unwrap().clone();
        (room, self.app.world().resource::<Rooms>().clone())
    }
}

fn act(step: Res<Step>, mut seats: Query<&mut AgentSlots>) {
    for mut seats in &mut seats {
        for (slot, &action) in step.actions.iter().enumerate() {
            seats.actions.set(slot, Action::Discrete(action));
        }
    }
}

fn see(mut step: ResMut<Step>, seats: Query<&AgentSlots, With<crate::agent::Watched>>) {
    step.seats = seats.single().ok().cloned();
}

#[test]
fn whoever_walks_onto_ice_slides_until_something_stops_them() {
    let mut game = Game::new(&lava_room::RULES, &["########", "#a***..#", "#.***#g#", "########"]);
    // Turning back and waiting have no effect on ice; floor stops the slide.
    let slid = game.walk(&[RIGHT, LEFT, WAIT, WAIT, WAIT]);
    assert_eq!(slid, [(2, 1), (3, 1), (4, 1), (5, 1), (5, 1)]);
    let mut game = Game::new(&lava_room::RULES, &["########", "#a***#.#", "#.***#g#", "########"]);
    // A wall ends the slide, which takes a step; after that every direction is possible.
    let stopped = game.walk(&[RIGHT, WAIT, WAIT, WAIT, DOWN, DOWN, LEFT, RIGHT]);
    assert_eq!(stopped, [(2, 1), (3, 1), (4, 1), (4, 1), (4, 2), (4, 2), (3, 2), (2, 2)]);
}

#[test]
fn one_way_cells_refuse_the_other_three_directions() {
    let rows = ["#####", "#...#", "#a>g#", "#...#", "#####"];
    let entered = |actions: &[u16]| *Game::new(&lava_room::RULES, &rows).walk(actions).last().unwrap();
    assert_eq!(entered(&[RIGHT]), (2, 2));
    assert_eq!(entered(&[UP, RIGHT, DOWN]), (2, 1));
    assert_eq!(entered(&[DOWN, RIGHT, UP]), (2, 3));
    // Leaving it is possible in every direction.
    assert_eq!(entered(&[RIGHT, LEFT]), (1, 2));
    let mut game = Game::new(&lava_room::RULES, &["#####", "#..a#", "#g>.#", "#####"]);
    assert_eq!(game.walk(&[DOWN, LEFT]), [(3, 2), (3, 2)], "against the arrow");
}

#[test]
fn a_hazard_strikes_and_comes_back_after_its_period() {
    let rows = ["#######", "#a.#.g#", "####.##", "#-....#", "#######"];
    let mut game = Game::new(&lava_room::RULES, &rows);
    let plane = game.room().1.planes.iter().position(|plane| *plane == super::Plane::Hazard).unwrap();
    let cells = game.level.cells.len();
    let mut hazards = Vec::new();
    for _ in 0..60 {
        let seats = game.step(&[WAIT]);
        assert_eq!(seats.end, None);
        hazards.push(seats.observations.row(0).1[plane * cells..][..cells].to_vec());
    }
    // Four cells there and four back at a third of a walker's speed.
    assert_eq!(hazards[0], hazards[24]);
    assert_eq!(hazards[7], hazards[31]);
    assert!(hazards[0] != hazards[12] && hazards[11][game.level.index((5, 3))] == 255);

    let mut game = Game::new(&lava_room::RULES, &["######", "#-..a#", "#g...#", "######"]);
    let ends: Vec<_> = (0..12).map(|_| game.step(&[WAIT])).filter(|seats| seats.end.is_some()).collect();
    assert_eq!(ends[0].end, Some(EpisodeEnd::Terminated));
    assert!(ends[0].rewards[0] < -0.9 && !ends[0].outcomes[0].success, "{:?}", ends[0]);
}

#[test]
fn a_gate_is_open_while_its_plate_is_pressed_and_closes_on_nobody() {
    let rows = ["#######", "#a.=..#", "#b_#..#", "###_..#", "#######"];
    let mut game = Game::new(&two_plates::RULES, &rows);
    let open = |game: &mut Game| {
        let (room, rooms) = game.room();
        room.cell(&rooms, (3, 1)) == Cell::Floor
    };
    let places = |game: &mut Game, actions: [u16; 2]| {
        let seats = game.step(&actions);
        [game.place(&seats, 0), game.place(&seats, 1)]
    };
    assert_eq!(places(&mut game, [RIGHT, WAIT]), [(2, 1), (1, 2)]);
    assert_eq!(places(&mut game, [RIGHT, WAIT]), [(2, 1), (1, 2)], "a closed gate is a wall");
    assert!(!open(&mut game));
    places(&mut game, [WAIT, RIGHT]);
    assert!(open(&mut game));
    places(&mut game, [WAIT, LEFT]);
    assert!(!open(&mut game), "nobody on a plate");
    places(&mut game, [WAIT, RIGHT]);
    assert_eq!(places(&mut game, [RIGHT, LEFT]), [(3, 1), (1, 2)], "left while somebody walks in");
    assert!(open(&mut game));
    assert_eq!(places(&mut game, [WAIT, WAIT])[0], (3, 1));
    assert!(open(&mut game), "somebody stands in it");
    assert_eq!(places(&mut game, [RIGHT, WAIT])[0], (4, 1));
    places(&mut game, [WAIT, WAIT]);
    assert!(!open(&mut game));
}

#[test]
fn a_crate_on_a_plate_holds_a_gate() {
    let mut game = Game::new(&lava_room::RULES, &["########", "#a.o_#.#", "#....=g#", "########"]);
    let walked = game.walk(&[RIGHT, RIGHT, WAIT, DOWN, RIGHT, RIGHT]);
    assert_eq!(walked.last(), Some(&(5, 2)), "{walked:?}");
    let seats = game.step(&[RIGHT]);
    assert!(seats.end == Some(EpisodeEnd::Terminated) && seats.outcomes[0].success, "{seats:?}");
}

#[test]
fn a_door_opens_with_its_key_alone() {
    /// The key rules of key-door.
    const KEYS: Rules = Rules { name: "key-door", key: 0.25, ..lava_room::RULES };
    let mut game = Game::new(&KEYS, &["#######", "#yar.R#", "#.#..g#", "#######"]);
    assert_eq!(game.walk(&[LEFT, RIGHT]), [(1, 1), (2, 1)]);
    let (room, rooms) = game.room();
    let level = room.level(&rooms);
    assert!(room.holds(level, KeyColor::Yellow) && !room.holds(level, KeyColor::Red));
    let locked =
        Game::new(&KEYS, &["######", "#yaR.#", "#r#.g#", "######"]).walk(&[RIGHT, LEFT, RIGHT, RIGHT]);
    assert_eq!(locked, [(2, 1), (1, 1), (2, 1), (2, 1)], "another key opens nothing");
    let picked = game.step(&[RIGHT]);
    assert!((picked.rewards[0] - 0.24).abs() < 1e-6, "{:?}", picked.rewards);
    assert_eq!(game.walk(&[RIGHT, RIGHT, LEFT, RIGHT]), [(4, 1), (5, 1), (4, 1), (5, 1)]);
}

#[test]
fn a_crate_fills_lava_and_lava_ends_what_enters_it() {
    let rows = ["#######", "#a.o~.#", "#...~g#", "#######"];
    let mut game = Game::new(&lava_room::RULES, &rows);
    let walked = game.walk(&[RIGHT, RIGHT, RIGHT, RIGHT]);
    assert_eq!(walked, [(2, 1), (3, 1), (4, 1), (5, 1)]);
    let (room, rooms) = game.room();
    assert!(room.is_sunk(0) && room.cell(&rooms, (4, 1)) == Cell::Floor);
    let mut game = Game::new(&lava_room::RULES, &rows);
    game.walk(&[DOWN, RIGHT, RIGHT]);
    let seats = game.step(&[RIGHT]);
    assert!(seats.end == Some(EpisodeEnd::Terminated) && seats.rewards[0] < -0.9, "{seats:?}");
}

#[test]
fn players_do_not_walk_into_each_others_cell() {
    let rows = ["########", "#a.b...#", "#......#", "#_....=#", "#_.....#", "########"];
    let mut game = Game::new(&two_plates::RULES, &rows);
    let mut both = |actions: [u16; 2]| {
        let seats = game.step(&actions);
        [game.place(&seats, 0), game.place(&seats, 1)]
    };
    assert_eq!(both([RIGHT, LEFT]), [(2, 1), (3, 1)], "both want one cell: the first player has it");
    assert_eq!(both([RIGHT, LEFT]), [(2, 1), (3, 1)], "nor do they change places");
    assert_eq!(both([RIGHT, WAIT]), [(2, 1), (3, 1)]);
    assert_eq!(both([WAIT, LEFT]), [(2, 1), (3, 1)]);
    assert_eq!(both([RIGHT, RIGHT]), [(2, 1), (4, 1)], "nobody follows into a cell that is just left");
    assert_eq!(both([RIGHT, RIGHT]), [(3, 1), (5, 1)]);
}

#[test]
fn both_players_win_on_plates_of_their_own() {
    let mut game = Game::new(&two_plates::RULES, &["#####", "#a_.#", "#b._#", "#####"]);
    let seats = game.step(&[RIGHT, WAIT]);
    assert_eq!(seats.end, None, "one is not enough");
    game.step(&[WAIT, RIGHT]);
    let seats = game.step(&[WAIT, RIGHT]);
    assert_eq!(seats.end, Some(EpisodeEnd::Terminated));
    assert!(seats.rewards.iter().all(|reward| *reward > 0.9), "{:?}", seats.rewards);
    assert!(seats.outcomes.iter().all(|outcome| outcome.success));
}

/// After the start cell the cue leaves no trace in the observation, however long it was shown.
#[test]
fn a_cue_is_seen_at_the_start_and_nowhere_else() {
    let rows = ["#######", "#####g#", "#a....#", "#####g#", "#######"];
    let mut after = Vec::new();
    for waits in [0, 1, 5] {
        let mut game = Game::many(&memory_corridor::RULES, &rows, 32);
        for _ in 0..waits {
            game.step(&[WAIT]);
        }
        let mut query = game.app.world_mut().query::<&AgentSlots>();
        let cue = |seats: &AgentSlots| seats.observations.vector[4];
        let cues: Vec<f32> = query.iter(game.app.world()).map(cue).collect();
        assert!(cues.contains(&1.0) && cues.contains(&-1.0) && cues.iter().all(|cue| cue.abs() == 1.0));
        let mut seen: Vec<Vec<_>> = vec![Vec::new(); 32];
        for action in [RIGHT, RIGHT, UP, LEFT, LEFT, WAIT, RIGHT, RIGHT, RIGHT, RIGHT, WAIT] {
            game.step(&[action]);
            for (own, seats) in seen.iter_mut().zip(query.iter(game.app.world())) {
                let bits = seats.observations.vector.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                own.push((bits, seats.observations.grid.clone()));
            }
        }
        assert!(seen.iter().all(|own| *own == seen[0]), "some arena sees something else");
        after.push(seen.swap_remove(0));
    }
    assert!(after.iter().all(|own| *own == after[0]), "waiting at the start leaves a trace");
}

#[test]
fn the_goal_that_was_named_pays_and_the_other_costs() {
    let mut game = Game::many(&memory_corridor::RULES, &["####", "##g#", "#a.#", "##g#", "####"], 32);
    let mut query = game.app.world_mut().query::<(&Room, &AgentSlots)>();
    let named: Vec<usize> = query.iter(game.app.world()).map(|(room, _)| room.named()).collect();
    game.step(&[RIGHT]);
    game.step(&[UP]);
    for ((_, seats), named) in query.iter(game.app.world()).zip(named) {
        let (success, paid) = if named == 0 { (true, 1.0) } else { (false, -0.5) };
        assert!(seats.end == Some(EpisodeEnd::Terminated) && seats.outcomes[0].success == success);
        assert!((seats.rewards[0] - paid).abs() < 0.02, "{:?}", seats.rewards);
    }
}

#[test]
fn a_chase_pays_one_what_it_costs_the_other() {
    let mut game = Game::many(&tag::RULES, &["######", "#a..b#", "######"], 32);
    let mut query = game.app.world_mut().query::<(&Room, &AgentSlots)>();
    let chasers: Vec<usize> = query.iter(game.app.world()).map(|(room, _)| room.chaser()).collect();
    assert!(chasers.contains(&0) && chasers.contains(&1), "roles are drawn");
    let mut caught = [false; 32];
    for _ in 0..3 {
        game.step(&[RIGHT, LEFT]);
        for ((index, (_, seats)), &chaser) in query.iter(game.app.world()).enumerate().zip(&chasers) {
            assert!(caught[index] || seats.rewards[0] == -seats.rewards[1]);
            if !caught[index] && seats.end.is_some() {
                caught[index] = true;
                assert!(seats.rewards[chaser] > 0.9 && seats.outcomes[chaser].success, "{seats:?}");
                assert!(!seats.outcomes[1 - chaser].success);
            }
        }
    }
    assert_eq!(caught, [true; 32]);
}
