//! Rooms as an environment: spaces, bodies, reset, actions, rewards and ends. The engine itself is in the
//! parent module.

use bevy::prelude::*;
use bevy_rapier2d::prelude::{Collider, CollisionGroups, Group};

use super::start::Start;
use super::*;
use crate::mdp::{ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, RewardTerm, Rng};
use crate::sim::turn::Turn;
use crate::sim::{BodyKind, BodySpec, Capabilities, Environment, Outcome, Probe};

impl Environment for Room {
    type Layout = Rooms;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        can_skip: true,
        contact_free: Some(Self::contact_free),
        tracked_bodies: Some(Self::tracked_bodies),
        probe: Some(Probe { positions: Self::probe_positions, observe: Self::probe }),
        sketch: Some(super::sketch::add),
        scripted_action: Some(Self::scripted_action),
    };

    fn spec(rooms: &Rooms) -> EnvironmentSpec {
        let rules = rooms.rules;
        EnvironmentSpec {
            name: rules.name.into(),
            summary: rules.summary.into(),
            observation: observe::space(rooms),
            action: ActionSpace::discrete(&["wait", "up", "down", "left", "right"]),
            ticks_per_step: TICKS_PER_STEP,
            tick_seconds: TICK_SECONDS,
            episode_limit: rooms.levels.iter().map(|plan| plan.level.episode_limit).max().unwrap_or(1),
            teams: rules.teams.to_vec(),
            rewards: reward_terms(rooms),
        }
    }

    fn build(rooms: &Rooms) -> (Self, Vec<BodySpec>) {
        let level = rooms.first();
        let (column, row) = level.spawns[0];
        let mut walker =
            BodySpec::new(BodyKind::Dynamic, Collider::ball(WALKER_RADIUS), level.center(column, row));
        walker.density = 4.0;
        let mut bodies = vec![walker; rooms.players()];
        bodies.push(BodySpec::new(BodyKind::Fixed, rooms.levels[0].walls.clone(), Vec2::ZERO));
        for index in 0..rooms.most.crates {
            let collider = Collider::round_cuboid(CRATE_HALF - 0.06, CRATE_HALF - 0.06, 0.06);
            let mut body = BodySpec::new(BodyKind::Dynamic, collider, away(index));
            body.linear_damping = rooms.rules.crate_damping;
            body.density = rooms.rules.crate_density();
            bodies.push(body);
        }
        for index in 0..rooms.most.barriers {
            bodies.push(BodySpec::new(BodyKind::Fixed, Collider::cuboid(0.5, 0.5), away(index)));
        }
        for index in 0..rooms.most.hazards {
            let mut body = BodySpec::new(BodyKind::Kinematic, Collider::ball(HAZARD_RADIUS), away(index));
            // It passes through everything; hits are found by distance.
            body.groups = CollisionGroups::new(Group::NONE, Group::NONE);
            bodies.push(body);
        }
        let state = Self {
            rules: rooms.rules,
            plan: 0,
            filled: Vec::new(),
            sunk: Vec::new(),
            open: Vec::new(),
            taken: Vec::new(),
            marked: 0,
            walkers: Vec::new(),
            ticks: 0,
            cue: 0,
            cue_shown: false,
            chaser: 0,
            gap: 0.0,
            won: false,
        };
        (state, bodies)
    }

    fn solver_iterations(_rooms: &Rooms) -> usize {
        2
    }

    fn reset(&mut self, rooms: &Rooms, bodies: &mut Bodies, rng: &mut Rng) {
        self.begin(rooms, bodies, Start::draw(rooms, rng));
    }

    fn reset_in_turn(&mut self, rooms: &Rooms, bodies: &mut Bodies, _rng: &mut Rng, turn: Turn) {
        self.begin(rooms, bodies, Start::in_turn(rooms, turn));
    }

    fn apply(&mut self, rooms: &Rooms, bodies: &mut Bodies, actions: &ActionBatch, phase: u32) {
        for slot in 0..actions.rows {
            let action = actions.choice(slot);
            if phase == 0 {
                self.decide(rooms, bodies, slot, action);
            }
            let runs = rooms.rules.win == Win::Catch && slot != self.chaser;
            let speed = if runs { RUNNER_PACE * WALK_SPEED } else { WALK_SPEED };
            // Straight to the target; crates on the way are pushed by contact alone.
            let way = self.walkers[slot].target - bodies.position(slot);
            bodies.set_velocity(slot, (way / TICK_SECONDS).clamp_length_max(speed));
        }
        let level = self.level(rooms);
        if self.plan(rooms).icy {
            for index in 0..level.crates.len() {
                let body = rooms.crate_body(index);
                let (column, row) = level.locate(bodies.position(body));
                let slippery = level.cell(column, row) == Cell::Ice;
                let damping = if slippery { ICE_DAMPING } else { rooms.rules.crate_damping };
                bodies.body_mut(body).set_linear_damping(damping);
            }
        }
        for index in 0..level.hazards.len() {
            let body = rooms.hazard_body(index);
            let next = self.plan(rooms).patrols[index].at(self.ticks + 1);
            bodies.set_velocity(body, (next - bodies.position(body)) / TICK_SECONDS);
        }
    }

    fn judge(
        &mut self,
        rooms: &Rooms,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        self.ticks += 1;
        self.sink_crates(rooms, bodies);
        self.move_gates(rooms, bodies);
        // The step cost is spread over the ticks, so that an early end costs less.
        let mut reward = rooms.rules.step / TICKS_PER_STEP as f32;
        reward += self.pick_up_keys(rooms, bodies);
        let marked = self.count_marks(rooms, bodies);
        reward += rooms.rules.mark * (marked as f32 - self.marked as f32);
        self.marked = marked;
        if rooms.rules.win == Win::Catch {
            let gap = bodies.position(0).distance(bodies.position(1));
            reward += NEARER * (self.gap - gap);
            self.gap = gap;
        }
        let (column, row) = self.level(rooms).locate(bodies.position(0));
        self.cue_shown &= self.level(rooms).spawns.contains(&(column, row));
        let verdict = self.verdict(rooms, bodies);
        self.won = verdict == Some(true);
        reward += match verdict {
            Some(true) => rooms.rules.goal,
            Some(false) => rooms.rules.loss,
            None => 0.0,
        };
        self.pay_cells(rooms, bodies, rewards);
        for (slot, paid) in rewards.iter_mut().enumerate() {
            // Zero-sum: the runner loses what the chaser gains.
            let against = rooms.rules.win == Win::Catch && slot != self.chaser;
            *paid += if against { -reward } else { reward };
        }
        verdict.map(|_| EpisodeEnd::Terminated)
    }

    fn observe(&self, rooms: &Rooms, bodies: &Bodies, slot: usize, vector: &mut [f32], grid: &mut [u8]) {
        observe::write(self, rooms, bodies, slot, vector, grid);
    }

    fn outcome(&self, slot: usize) -> Outcome {
        match self.rules.win {
            // The runner wins by not being caught.
            Win::Catch => Outcome::goal(self.won == (self.chaser == slot)),
            Win::Marks => Outcome { success: self.won, score: self.marked as f32 },
            Win::Goal | Win::Cue | Win::Plates => Outcome::goal(self.won),
        }
    }

    fn caption(&self) -> Option<String> {
        match self.rules.win {
            Win::Catch => Some(format!("player {} chases", self.chaser + 1)),
            Win::Marks => Some(format!("{} on marks", self.marked)),
            Win::Goal | Win::Cue | Win::Plates => None,
        }
    }
}

impl Room {
    fn tracked_bodies(rooms: &Rooms) -> Vec<(usize, Option<usize>)> {
        (0..rooms.players()).map(|slot| (slot, Some(slot))).collect()
    }

    fn scripted_action(&self, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
        (rooms.rules.scripted_action)(self, rooms, bodies, slot)
    }

    fn contact_free(&self, rooms: &Rooms, bodies: &Bodies) -> bool {
        let crates = (0..self.sunk.len()).filter(|&index| !self.sunk[index]);
        let mut crates = crates.map(|index| rooms.crate_body(index));
        let players = 0..rooms.players();
        // A walker that stays centered in open cells touches no wall.
        let kept = players.clone().all(|slot| {
            let way = self.walkers[slot].target - bodies.position(slot);
            way.abs().min_element() < OFF_THE_MIDDLE
        });
        let after = |slot: usize| bodies.position(slot) + bodies.velocity(slot) * TICK_SECONDS;
        let apart = |slot: usize, body: usize, reach: f32| {
            let place = bodies.position(body);
            let gap = |from: Vec2| (from - place).abs().max_element();
            gap(bodies.position(slot)).min(gap(after(slot))) > reach + SOLVERS_GAP
        };
        let pace = WALK_SPEED * TICK_SECONDS;
        let meets = |slot: usize| {
            players.clone().any(|other| other < slot && !apart(slot, other, 2.0 * WALKER_RADIUS + pace))
        };
        kept && !players.clone().any(meets)
            && crates.all(|body| {
                bodies.coasts(body) < SOLVERS_GAP
                    && players.clone().all(|slot| apart(slot, body, WALKER_RADIUS + CRATE_HALF))
            })
    }

    fn probe_positions(&self, rooms: &Rooms) -> Vec<Vec2> {
        let level = self.level(rooms);
        let cells = (0..level.height).flat_map(|row| (0..level.width).map(move |column| (column, row)));
        // Players start on cells that do not end the episode.
        let free = |place: &Place| {
            let cell = self.cell(rooms, *place);
            !matches!(cell, Cell::Wall | Cell::Gate | Cell::Door(_) | Cell::Lava | Cell::Goal)
        };
        cells.filter(free).map(|(column, row)| level.center(column, row)).collect()
    }

    fn probe(
        &self,
        rooms: &Rooms,
        bodies: &Bodies,
        slot: usize,
        place: Vec2,
        vector: &mut [f32],
        grid: &mut [u8],
    ) {
        observe::write(self, rooms, bodies, slot, vector, grid);
        observe::stand(self, rooms, place, vector, grid);
    }
}

impl Room {
    /// Begins an episode at `start`.
    fn begin(&mut self, rooms: &Rooms, bodies: &mut Bodies, start: Start) {
        if rooms.levels.len() > 1 {
            self.plan = start.plan;
            bodies.set_shape(rooms.walls_body(), &self.plan(rooms).walls);
        }
        let RoomPlan { level, barriers, .. } = self.plan(rooms);
        self.walkers.clear();
        for (slot, &spawn) in start.spawns.iter().enumerate().take(rooms.players()) {
            let last = if slot == 0 { level.spawns[spawn] } else { level.second_spawns[spawn] };
            let target = level.center(last.0, last.1);
            bodies.place(slot, target);
            self.walkers.push(Walker { target, last, heading: None, stood: last });
        }
        for index in 0..rooms.most.crates {
            match level.crates.get(index) {
                Some(&(column, row)) => bodies.place(rooms.crate_body(index), level.center(column, row)),
                None => bodies.park(rooms.crate_body(index), away(index)),
            }
        }
        for (index, &(column, row)) in barriers.iter().enumerate() {
            bodies.place(rooms.barrier_body(index), level.center(column, row));
        }
        for (index, &(_, (column, row))) in level.hazards.iter().enumerate() {
            bodies.place(rooms.hazard_body(index), level.center(column, row));
        }
        for (flags, count) in [
            (&mut self.filled, level.cells.len()),
            (&mut self.sunk, level.crates.len()),
            (&mut self.open, barriers.len()),
            (&mut self.taken, level.keys.len()),
        ] {
            flags.clear();
            flags.resize(count, false);
        }
        (self.ticks, self.won) = (0, false);
        if rooms.rules.win == Win::Cue {
            (self.cue, self.cue_shown) = (start.cue, true);
        }
        if rooms.rules.win == Win::Catch {
            self.chaser = start.chaser;
            self.gap = bodies.position(0).distance(bodies.position(1));
        }
        self.marked = self.count_marks(rooms, bodies);
    }
}

/// The non-zero reward terms of the rules and of the levels.
fn reward_terms(rooms: &Rooms) -> Vec<RewardTerm> {
    let rules = rooms.rules;
    let (won, lost) = match rules.win {
        Win::Goal => {
            ("the walker stands on the goal; terminates", "the walker is in lava or struck; terminates")
        }
        Win::Cue => ("the goal that was named; terminates", "the other goal; terminates"),
        Win::Marks => ("a crate on every mark; terminates", "the walker is in lava; terminates"),
        Win::Plates => ("every player on a plate of its own; terminates", "a player is in lava; terminates"),
        Win::Catch => ("the chaser touches the runner, who loses as much; terminates", ""),
    };
    let paying = rooms.levels.iter().any(|plan| !plan.level.rewards.is_empty());
    let nearer = if rules.win == Win::Catch { NEARER } else { 0.0 };
    let terms = [
        ("goal", rules.goal, won),
        ("loss", rules.loss, lost),
        ("mark", rules.mark, "a crate comes onto a mark; taken back when it leaves"),
        ("key", rules.key, "a key is picked up"),
        ("nearer", nearer, "a cell by which the chaser comes nearer; taken back, and the runner's loss"),
        ("step", rules.step, "every agent step"),
        (
            "cell",
            f32::from(u8::from(paying)),
            "as much as the level says, whenever a player walks onto such a cell",
        ),
    ];
    let pays = terms.into_iter().filter(|(_, weight, _)| *weight != 0.0);
    pays.map(|(name, weight, when)| RewardTerm::new(name, weight, when)).collect()
}
