//! The rules of all walkers: motors, observation in published order, reward for speed, ends.

use bevy::prelude::*;
use rand::RngExt as _;

use super::anatomy::{Anatomy, MOST_JOINTS, Script, TORSO};
use crate::mdp::{
    Action, ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm, Rng,
};
use crate::sim::{Bodies, BodySpec, Capabilities, Environment, Ink, Motion, Outcome, Sketch};

/// Most coordinates: x, height and pitch of the torso, then the joints.
const MOST: usize = 3 + MOST_JOINTS;
const LIMIT: u32 = 1000;
const GRAVITY: f32 = -9.81;

/// State of one walker after the last tick.
#[derive(Component, Debug, Clone)]
pub struct Runner {
    /// x in m, height in m, pitch in rad (forward positive), and the angles of the joints in rad.
    place: [f32; MOST],
    /// Their velocities.
    rates: [f32; MOST],
    /// Sum of squared actions of this step.
    effort: f32,
    /// Whether this tick ends the step.
    last: bool,
    steps: u32,
    fallen: bool,
    /// Return so far.
    total: f32,
    success: bool,
}

impl Runner {
    /// x of the torso, m.
    pub fn x(&self) -> f32 {
        self.place[0]
    }

    /// Speed of the torso along x, m/s.
    pub fn speed(&self) -> f32 {
        self.rates[0]
    }

    /// Coordinates and their velocities.
    #[cfg(test)]
    pub(super) fn state(&self) -> [[f32; MOST]; 2] {
        [self.place, self.rates]
    }

    /// Reads the bodies.
    fn look(&mut self, anatomy: &Anatomy, bodies: &Bodies) {
        let root = bodies.root(TORSO);
        let arm = Vec2::from_angle(root.angle).rotate(anatomy.origin - anatomy.links[TORSO].center);
        let (origin, velocity) = (root.position + arm, root.velocity + arm.perp() * root.spin);
        self.place[..3].copy_from_slice(&[origin.x, origin.y - anatomy.level, -root.angle]);
        self.rates[..3].copy_from_slice(&[velocity.x, velocity.y, -root.spin]);
        for (entry, (body, ..)) in (3..).zip(anatomy.jointed()) {
            [self.place[entry], self.rates[entry]] = bodies.hinge(body).map(|value| anatomy.turn * value);
        }
    }

    /// Puts the bodies into the state with these coordinates and velocities.
    pub(super) fn put(
        &mut self,
        anatomy: &Anatomy,
        bodies: &mut Bodies,
        place: &[f32; MOST],
        rates: &[f32; MOST],
    ) {
        let (angle, spin) = (-place[2], -rates[2]);
        let arm = Vec2::from_angle(angle).rotate(anatomy.links[TORSO].center - anatomy.origin);
        let root = Motion {
            position: Vec2::new(place[0], place[1] + anatomy.level) + arm,
            angle,
            velocity: Vec2::new(rates[0], rates[1]) + arm.perp() * spin,
            spin,
        };
        let hinge = |(entry, (body, ..)): (usize, (usize, _, _))| {
            (body, [place[entry], rates[entry]].map(|value| anatomy.turn * value))
        };
        let hinges: Vec<_> = (3..).zip(anatomy.jointed()).map(hinge).collect();
        bodies.pose(TORSO, root, &hinges);
        self.look(anatomy, bodies);
    }

    fn is_upright(&self, anatomy: &Anatomy) -> bool {
        let Some(bounds) = anatomy.upright else { return true };
        let within = |value: f32, most: f32| value > -most && value < most;
        let count = 3 + anatomy.joints();
        let mut all = self.place[2..count].iter().chain(&self.rates[..count]);
        let [lowest, highest] = bounds.height;
        self.place[1] > lowest
            && self.place[1] < highest
            && within(self.place[2], bounds.pitch)
            && all.all(|value| within(*value, bounds.most))
    }
}

/// A number with the standard normal distribution (Box and Muller 1958).
fn normal(rng: &mut Rng) -> f32 {
    let (radius, angle) = (1.0 - rng.random::<f32>(), std::f32::consts::TAU * rng.random::<f32>());
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}

impl Runner {
    /// The track around the torso, with a mark every meter.
    fn sketch(&self, _anatomy: &Anatomy, bodies: &Bodies, sketch: &mut Sketch) {
        let x = bodies.position(TORSO).x;
        sketch.view(Vec2::new(x, 0.9), Vec2::new(2.4, 1.35));
        sketch.bodies_here();
        for meter in (x - 3.0).floor() as i32..=(x + 3.0).ceil() as i32 {
            let at = Vec2::new(meter as f32, -0.06);
            sketch.rectangle(Ink::Line, at, Vec2::new(0.012, if meter % 5 == 0 { 0.05 } else { 0.025 }));
        }
    }
}

impl Environment for Runner {
    type Layout = Anatomy;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        tracked_bodies: Some(Self::tracked_bodies),
        sketch: Some(Self::sketch),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(anatomy: &Anatomy) -> EnvironmentSpec {
        let named = |what: &str| -> Vec<String> {
            anatomy.jointed().map(|(_, link, _)| format!("{} {what}", link.name)).collect()
        };
        let torso = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        let torques = named("torque");
        let dimensions: Vec<(&str, [f32; 2])> = torques.iter().map(|name| (&**name, [-1.0, 1.0])).collect();
        let mut rewards = vec![RewardTerm::new("forward", 1.0, "speed of the torso along x in m/s")];
        if anatomy.upright.is_some() {
            rewards.push(RewardTerm::new("upright", 1.0, "every step that ends upright"));
        }
        rewards.push(RewardTerm::new("effort", -anatomy.effort, "sum of squared actions"));
        EnvironmentSpec {
            name: anatomy.name.into(),
            summary: anatomy.summary.into(),
            observation: ObservationSpace {
                vector: [
                    torso(&["height", "pitch"]),
                    named("angle"),
                    torso(&["vx", "vy", "pitch velocity"]),
                    named("velocity"),
                ]
                .concat(),
                grid: None,
            },
            action: ActionSpace::continuous(&dimensions),
            ticks_per_step: anatomy.ticks,
            tick_seconds: anatomy.tick_seconds,
            episode_limit: LIMIT,
            teams: vec![0],
            rewards,
        }
    }

    fn build(anatomy: &Anatomy) -> (Self, Vec<BodySpec>) {
        let [place, rates] = [[0.0; MOST]; 2];
        let (effort, total, steps) = (0.0, 0.0, 0);
        let runner = Self { place, rates, effort, last: false, steps, fallen: false, total, success: false };
        (runner, anatomy.bodies())
    }

    fn gravity(_anatomy: &Anatomy) -> Vec2 {
        Vec2::Y * GRAVITY
    }

    fn solver_iterations(anatomy: &Anatomy) -> usize {
        anatomy.iterations
    }

    fn reset(&mut self, anatomy: &Anatomy, bodies: &mut Bodies, rng: &mut Rng) {
        let count = 3 + anatomy.joints();
        let [mut place, mut rates] = [[0.0; MOST]; 2];
        let [far, fast] = anatomy.spread;
        place[..count].fill_with(|| rng.random_range(-far..far));
        let rate =
            |rng: &mut Rng| if anatomy.normal { fast * normal(rng) } else { rng.random_range(-fast..fast) };
        rates[..count].fill_with(|| rate(rng));
        place[1] += anatomy.origin.y - anatomy.level;
        (self.steps, self.fallen, self.total, self.success) = (0, false, 0.0, false);
        self.put(anatomy, bodies, &place, &rates);
    }

    fn apply(&mut self, anatomy: &Anatomy, bodies: &mut Bodies, actions: &ActionBatch, phase: u32) {
        let action = actions.vector(0);
        if phase == 0 {
            self.steps += 1;
            self.effort = action.iter().map(|value| value * value).sum();
        }
        self.last = phase + 1 == anatomy.ticks;
        let mut torques = [(0, 0.0); MOST_JOINTS];
        for (torque, ((body, _, joint), value)) in torques.iter_mut().zip(anatomy.jointed().zip(action)) {
            *torque = (body, anatomy.turn * joint.gear * value.clamp(-1.0, 1.0));
        }
        bodies.set_torques(&torques[..anatomy.joints()]);
    }

    fn judge(
        &mut self,
        anatomy: &Anatomy,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        let before = self.place[0];
        self.look(anatomy, bodies);
        let mut paid = (self.place[0] - before) / anatomy.step_seconds();
        if self.last {
            self.fallen = !self.is_upright(anatomy);
            paid -= anatomy.effort * self.effort;
            if anatomy.upright.is_some() && !self.fallen {
                paid += 1.0;
            }
        }
        self.total += paid;
        self.success = match anatomy.goal {
            Some(goal) => self.total >= goal,
            None => self.steps >= LIMIT && !self.fallen,
        };
        rewards[0] += paid;
        self.fallen.then_some(EpisodeEnd::Terminated)
    }

    fn observe(
        &self,
        anatomy: &Anatomy,
        _bodies: &Bodies,
        _slot: usize,
        vector: &mut [f32],
        _grid: &mut [u8],
    ) {
        let count = 3 + anatomy.joints();
        let (place, rates) = vector.split_at_mut(count - 1);
        place.copy_from_slice(&self.place[1..count]);
        let most = anatomy.clip.unwrap_or(f32::INFINITY);
        rates.iter_mut().zip(&self.rates).for_each(|(entry, rate)| *entry = rate.clamp(-most, most));
    }

    /// The score is the return.
    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome { success: self.success, score: self.total }
    }

    fn caption(&self) -> Option<String> {
        // No minus in front of a zero.
        let way = self.x().round() + 0.0;
        Some(format!("{:.1} m/s, {way:.0} m, return {:.0}", self.speed(), self.total))
    }
}

impl Runner {
    fn tracked_bodies(anatomy: &Anatomy) -> Vec<(usize, Option<usize>)> {
        std::iter::once(TORSO).chain(anatomy.feet()).map(|body| (body, Some(0))).collect()
    }

    /// Stands stiffly or swings its legs, and falls before long: a beginning, no more.
    fn scripted_action(&self, anatomy: &Anatomy, _bodies: &Bodies, _slot: usize) -> Action {
        let mut values = [0.0; MOST_JOINTS];
        for (index, (value, (_, _, joint))) in values.iter_mut().zip(anatomy.jointed()).enumerate() {
            *value = match anatomy.script {
                Script::Hold([spring, damper]) => {
                    -(spring * self.place[3 + index] + damper * self.rates[3 + index]) / joint.gear
                }
                Script::Gallop(frequency, strengths) => {
                    let leg = index / strengths.len();
                    let turns = frequency * self.steps as f32 * anatomy.step_seconds() + 0.5 * leg as f32;
                    strengths[index % strengths.len()] * (std::f32::consts::TAU * turns).sin()
                }
            }
            .clamp(-1.0, 1.0);
        }
        Action::continuous(&values[..anatomy.joints()])
    }
}
