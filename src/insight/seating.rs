//! Seating: where a person sits down, against the agent or beside it, and who gets that seat back afterwards.

pub mod kept;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use crate::agent::{Controller, ControllerAssignment};
use crate::mdp::EnvironmentSpec;

/// What a person who sits down wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// To play against the agent; with it where all are on one side; in its place where it is alone.
    Opposite,
    /// The agent's own seat where there are sides, the last one where all are on one side; of a second person, too.
    Agents,
}

impl Seat {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Opposite, Self::Agents];
}

/// People who sit in the watched arena, and whom they relieved.
#[derive(Resource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seating([Option<Guest>; 2]);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Guest {
    slot: usize,
    /// By slot: who sat there before. The person's own seat, and the agent's where it was brought in.
    relieved: Vec<(usize, Controller)>,
}

impl Seating {
    /// Seats a person, or gives the seat back to whoever sat there before.
    pub fn toggle(&mut self, seat: Seat, spec: &EnvironmentSpec, assignment: &mut ControllerAssignment) {
        if let Some(slot) = self.taken(seat, spec, assignment) {
            let guest = self.0[seat as usize].take();
            let relieved = guest.filter(|guest| guest.slot == slot).map(|guest| guest.relieved);
            for (slot, controller) in relieved.unwrap_or_else(|| vec![(slot, usual(assignment, slot))]) {
                assignment.watched[slot] = controller;
            }
            return;
        }
        let Some(slot) = self.offered(seat, spec, assignment) else { return };
        let mut relieved = vec![(slot, std::mem::replace(&mut assignment.watched[slot], Controller::Human))];
        let agent = self.agent(spec, assignment, slot);
        if let Some(agent) = agent.filter(|_| seat == Seat::Opposite)
            && !matches!(assignment.watched[agent], Controller::Human)
            && !is_agent(&assignment.watched[agent])
        {
            let usual = Some(usual(assignment, agent)).filter(is_agent).unwrap_or_default();
            relieved.push((agent, std::mem::replace(&mut assignment.watched[agent], usual)));
        }
        self.0[seat as usize] = Some(Guest { slot, relieved });
    }

    /// Lets both sides of the watched arena change ends; nothing where they are not equally strong.
    pub fn swap(&mut self, spec: &EnvironmentSpec, assignment: &mut ControllerAssignment) {
        let side = |first: bool| (0..spec.slots()).filter(move |slot| spec.on_first_side(*slot) == first);
        if side(true).count() != side(false).count() || assignment.watched.len() != spec.slots() {
            return;
        }
        let mut across = vec![0; spec.slots()];
        for (own, other) in side(true).zip(side(false)) {
            (across[own], across[other]) = (other, own);
        }
        assignment.watched = across.iter().map(|slot| assignment.watched[*slot].clone()).collect();
        for guest in self.0.iter_mut().flatten() {
            guest.slot = across[guest.slot];
            guest.relieved.iter_mut().for_each(|(slot, _)| *slot = across[*slot]);
        }
    }

    /// The seat that somebody who wanted `seat` sits in and would give back.
    pub fn taken(
        &self,
        seat: Seat,
        spec: &EnvironmentSpec,
        assignment: &ControllerAssignment,
    ) -> Option<usize> {
        self.guest(seat, assignment).or_else(|| {
            // A person whom the panel has seated there gets up as well; one who asked for the other seat does not.
            let others = Seat::ALL.iter().find_map(|other| self.guest(*other, assignment));
            let target = self.target(seat, spec, assignment)?;
            let sits = assignment.watched.get(target) == Some(&Controller::Human);
            (sits && others != Some(target)).then_some(target)
        })
    }

    /// The seat that `seat` stands for now; `None` where there is no such, or a person sits there already.
    pub fn offered(
        &self,
        seat: Seat,
        spec: &EnvironmentSpec,
        assignment: &ControllerAssignment,
    ) -> Option<usize> {
        let target = self.target(seat, spec, assignment)?;
        (assignment.watched.get(target) != Some(&Controller::Human)).then_some(target)
    }

    fn guest(&self, seat: Seat, assignment: &ControllerAssignment) -> Option<usize> {
        let slot = self.0[seat as usize].as_ref()?.slot;
        (assignment.watched.get(slot) == Some(&Controller::Human)).then_some(slot)
    }

    /// The seat that `seat` stands for, rather a free one.
    fn target(&self, seat: Seat, spec: &EnvironmentSpec, assignment: &ControllerAssignment) -> Option<usize> {
        let free = |slot: &usize| assignment.watched.get(*slot).is_some_and(|now| *now != Controller::Human);
        let all = || 0..spec.slots().min(assignment.watched.len());
        if spec.has_sides() {
            let agent = self.agents_seat(spec, assignment);
            let opposite = |slot: &usize| spec.on_first_side(*slot) != spec.on_first_side(agent);
            return match seat {
                Seat::Opposite => all().filter(opposite).find(free).or_else(|| all().find(opposite)),
                Seat::Agents => Some(agent),
            };
        }
        // Beside the agent, so in nobody else's place where somebody else plays.
        let other = |slot: &usize| free(slot) && !is_agent(&assignment.watched[*slot]);
        match seat {
            Seat::Opposite => {
                let other = all().find(other).filter(|_| spec.slots() > 1);
                other.or_else(|| all().find(free)).or_else(|| all().next())
            }
            Seat::Agents => all().rev().find(free).or_else(|| all().last()).filter(|_| spec.slots() > 1),
        }
    }

    /// Where the agent sits, or would if a person were not there: on the first side where it is on neither.
    fn agents_seat(&self, spec: &EnvironmentSpec, assignment: &ControllerAssignment) -> usize {
        let of = |wanted: &dyn Fn(&Controller) -> bool| assignment.watched.iter().position(wanted);
        let learning = of(&|controller| *controller == Controller::Learning);
        let own = |slot: &usize| assignment.watched.get(*slot) == Some(&Controller::Human);
        let taken = self.guest(Seat::Agents, assignment);
        let opposite = self.guest(Seat::Opposite, assignment).map(|slot| spec.on_first_side(slot));
        let across =
            (0..spec.slots()).find(|slot| opposite.is_some_and(|side| side != spec.on_first_side(*slot)));
        learning
            .or_else(|| of(&is_agent))
            .or(taken)
            .or(across)
            .or_else(|| (0..spec.slots()).find(|slot| own(slot) && is_agent(&usual(assignment, *slot))))
            .unwrap_or(0)
    }

    /// The seat of the agent that a person in `slot` plays against or with; `None` where that person is alone.
    fn agent(&self, spec: &EnvironmentSpec, assignment: &ControllerAssignment, slot: usize) -> Option<usize> {
        let sides = spec.has_sides();
        let other = |other: &usize| {
            *other != slot && (!sides || spec.on_first_side(*other) != spec.on_first_side(slot))
        };
        let others = || (0..assignment.watched.len()).filter(other);
        others().find(|slot| is_agent(&assignment.watched[*slot])).or_else(|| others().next())
    }
}

/// Whether it is an agent that learns or has learned.
fn is_agent(controller: &Controller) -> bool {
    matches!(controller, Controller::Learning | Controller::Frozen(_))
}

/// Who sits in `slot` where nobody watches.
fn usual(assignment: &ControllerAssignment, slot: usize) -> Controller {
    assignment.others.get(slot).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::worlds::WorldChoice;
    use Controller::{Human, Learning, Random, Scripted};

    fn spec(world: &str) -> EnvironmentSpec {
        WorldChoice::new(world, None).unwrap().spec()
    }

    /// Who sits in `world` when seats were asked for in turn, with `watched` at first.
    fn seated(world: &str, watched: &[Controller], seats: &[Seat]) -> Vec<Controller> {
        let spec = spec(world);
        let mut assignment = ControllerAssignment::learn_against_script(&spec);
        if !watched.is_empty() {
            assignment.watched = watched.to_vec();
        }
        let mut seating = Seating::default();
        seats.iter().for_each(|seat| seating.toggle(*seat, &spec, &mut assignment));
        assignment.watched
    }

    #[test]
    fn against_the_agent_whoever_sits_where() {
        let trained = Controller::Frozen("trained".into());
        let against = [Seat::Opposite];
        for world in ["paddle-duel", "volley", "puck", "tag"] {
            assert_eq!(seated(world, &[], &against), [Learning, Human], "{world}");
            for (before, after) in [
                ([Scripted, Learning], [Human, Learning]),
                ([Learning, Learning], [Learning, Human]),
                ([trained.clone(), Scripted], [trained.clone(), Human]),
                ([Learning, trained.clone()], [Learning, Human]),
                ([trained.clone(), Learning], [Human, Learning]),
                // Where no agent plays, it is brought in.
                ([Scripted, Scripted], [Learning, Human]),
                ([Random, Random], [Learning, Human]),
            ] {
                assert_eq!(seated(world, &before, &against), after, "{world}: {before:?}");
                let back = seated(world, &before, &[Seat::Opposite, Seat::Opposite]);
                assert_eq!(back, before, "{world}: everybody gets their seats back");
            }
        }
        let four = seated("puck-2v2", &[], &against);
        assert_eq!(four, [Learning, Learning, Human, Scripted]);
    }

    #[test]
    fn beside_the_agent_where_all_are_on_one_side() {
        for world in ["two-plates", "beam-carry"] {
            assert_eq!(seated(world, &[], &[Seat::Opposite]), [Human, Learning], "{world}");
            assert_eq!(seated(world, &[], &[Seat::Agents]), [Learning, Human], "{world}");
            assert_eq!(seated(world, &[Learning, Scripted], &[Seat::Opposite]), [Learning, Human], "{world}");
            assert_eq!(seated(world, &[Scripted, Scripted], &[Seat::Opposite]), [Human, Learning], "{world}");
        }
        assert_eq!(seated("lava-room", &[], &[Seat::Opposite]), [Human]);
        assert_eq!(seated("lava-room", &[], &[Seat::Opposite, Seat::Opposite]), [Learning]);
        // There is no second seat to sit down in.
        assert_eq!(seated("lava-room", &[], &[Seat::Agents]), [Learning]);
    }

    #[test]
    fn a_second_person_sits_in_the_agents_seat_and_both_get_up_in_any_order() {
        let [against, agents] = Seat::ALL;
        for world in ["paddle-duel", "two-plates"] {
            for both in [[against, agents], [agents, against]] {
                assert_eq!(seated(world, &[], &both), [Human, Human], "{world}: {both:?}");
                for back in [[against, agents], [agents, against]] {
                    let all = [both, back].concat();
                    assert_eq!(seated(world, &[], &all), seated(world, &[], &[]), "{world}: {all:?}");
                }
            }
        }
        assert_eq!(seated("paddle-duel", &[], &[agents]), [Human, Scripted]);
        assert_eq!(seated("paddle-duel", &[Scripted, Learning], &[agents]), [Scripted, Human]);
    }

    #[test]
    fn sides_change_ends_and_everybody_still_gets_the_right_seat_back() {
        for (world, seated, back) in [
            ("paddle-duel", vec![Human, Learning], vec![Scripted, Learning]),
            (
                "puck-2v2",
                vec![Human, Scripted, Learning, Learning],
                vec![Scripted, Scripted, Learning, Learning],
            ),
            ("two-plates", vec![Human, Learning], vec![Learning, Learning]),
        ] {
            let spec = spec(world);
            let mut assignment = ControllerAssignment::learn_against_script(&spec);
            let mut seating = Seating::default();
            seating.toggle(Seat::Opposite, &spec, &mut assignment);
            seating.swap(&spec, &mut assignment);
            assert_eq!(assignment.watched, seated, "{world}");
            seating.toggle(Seat::Opposite, &spec, &mut assignment);
            assert_eq!(assignment.watched, back, "{world}");
        }
    }

    #[test]
    fn a_person_who_was_seated_elsewhere_is_in_nobodys_way() {
        let spec = spec("paddle-duel");
        let mut assignment = ControllerAssignment::learn_against_script(&spec);
        let mut seating = Seating::default();
        // Chosen in the panel: the same key gives the seat back.
        for (chosen, seat) in [([Learning, Human], Seat::Opposite), ([Human, Scripted], Seat::Agents)] {
            assignment.watched = chosen.to_vec();
            assert_eq!(seating.offered(seat, &spec, &assignment), None);
            seating.toggle(seat, &spec, &mut assignment);
            assert_eq!(assignment.watched, [Learning, Scripted]);
        }
        assignment.watched[1] = Scripted;
        seating.toggle(Seat::Opposite, &spec, &mut assignment);
        assignment.watched[1] = Random;
        assert_eq!(seating.taken(Seat::Opposite, &spec, &assignment), None);
        seating.toggle(Seat::Opposite, &spec, &mut assignment);
        seating.toggle(Seat::Opposite, &spec, &mut assignment);
        assert_eq!(assignment.watched, [Learning, Random]);
    }
}
