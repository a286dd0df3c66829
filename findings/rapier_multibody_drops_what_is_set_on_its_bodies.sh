#!/usr/bin/env bash
# rapier2d 0.35.0-glamx0.2 drops impulses, velocities and rotations that are given to the bodies of a multibody.
#
# Two beams of 0.4 kg are hinged to each other, free in space, no gravity: once by a joint of the multibody set, once by an
# impulse joint. Between two steps each gets an impulse of 1 N·s; or the velocity of both is set to 1 m/s; or both are turned
# by 0.5 rad as one piece. Expected, and seen with the impulse joint: a momentum of 1 and then 2, of 0.8, an angle of 0.5 rad.
# Seen with the multibody: momentum 0, 0 and 0, angle 0, without an error. Its state is in joint coordinates: what is set on
# bodies is overwritten from them in the next step. Forces and torques do act.
# A walker that is built from multibody joints is pushed by a force for a step, and is put in a pose by
# `apply_displacements` and `generalized_velocity_mut`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cargo init -q --vcs none --name links .
cargo add -q rapier2d@=0.35.0-glamx0.2
cat > src/main.rs <<'RUST'
use rapier2d::prelude::*;

/// A beam with a second one hinged to its end, free in space, as an articulated body (multibody) or with an impulse joint.
struct World {
    bodies: RigidBodySet,
    colliders: ColliderSet,
    impulses: ImpulseJointSet,
    multibody: MultibodyJointSet,
    pipeline: PhysicsPipeline,
    islands: IslandManager,
    broad: DefaultBroadPhase,
    narrow: NarrowPhase,
    ccd: CCDSolver,
    beams: [RigidBodyHandle; 2],
}

impl World {
    fn new(articulated: bool) -> Self {
        let (mut bodies, mut colliders) = (RigidBodySet::new(), ColliderSet::new());
        let beams = [0.0, 2.0].map(|x| {
            let beam = bodies.insert(
                RigidBodyBuilder::dynamic().translation(Vector::new(x, 0.0)).can_sleep(false).build(),
            );
            colliders.insert_with_parent(ColliderBuilder::cuboid(1.0, 0.1).density(1.0), beam, &mut bodies);
            beam
        });
        let hinge = RevoluteJointBuilder::new()
            .local_anchor1(Vector::new(1.0, 0.0))
            .local_anchor2(Vector::new(-1.0, 0.0))
            .contacts_enabled(false)
            .build();
        let (mut impulses, mut multibody) = (ImpulseJointSet::new(), MultibodyJointSet::new());
        if articulated {
            multibody.insert(beams[0], beams[1], hinge, true);
        } else {
            impulses.insert(beams[0], beams[1], hinge, true);
        }
        let mut own = Self {
            bodies, colliders, impulses, multibody, beams,
            pipeline: PhysicsPipeline::new(),
            islands: IslandManager::new(),
            broad: DefaultBroadPhase::new(),
            narrow: NarrowPhase::new(),
            ccd: CCDSolver::new(),
        };
        own.step();
        own
    }

    fn step(&mut self) {
        self.pipeline.step(
            Default::default(), &IntegrationParameters::default(), &mut self.islands, &mut self.broad,
            &mut self.narrow, &mut self.bodies, &mut self.colliders, &mut self.impulses, &mut self.multibody,
            &mut self.ccd, &(), &(),
        );
    }

    fn momentum(&self) -> f32 {
        self.beams.iter().map(|beam| self.bodies[*beam].mass() * self.bodies[*beam].linvel().y).sum()
    }
}

fn main() {
    for articulated in [true, false] {
        let kind = if articulated { "multibody" } else { "impulse joint" };
        let expect = |what: &str, seen: f32, expected: f32| {
            let expected = if articulated { 0.0 } else { expected };
            println!("{kind}: {what} {seen:.3}");
            assert!((seen - expected).abs() < 0.001, "expected {expected}");
        };
        let mut world = World::new(articulated);
        for (index, beam) in world.beams.into_iter().enumerate() {
            world.bodies[beam].apply_impulse(Vector::new(0.0, 1.0), true);
            world.step();
            expect("momentum after one more impulse of 1 is", world.momentum(), index as f32 + 1.0);
        }
        let mut world = World::new(articulated);
        for beam in world.beams {
            world.bodies[beam].set_linvel(Vector::new(0.0, 1.0), true);
        }
        world.step();
        expect("momentum after both velocities were set to 1 is", world.momentum(), 0.8);
        let mut world = World::new(articulated);
        let turned = Rotation::from_angle(0.5);
        world.bodies[world.beams[0]].set_rotation(turned, true);
        let end = Vector::new(2.0 * 0.5f32.cos(), 2.0 * 0.5f32.sin());
        world.bodies[world.beams[1]].set_rotation(turned, true);
        world.bodies[world.beams[1]].set_translation(end, true);
        world.step();
        expect("angle after both were turned by 0.5 rad is", world.bodies[world.beams[0]].rotation().angle(), 0.5);
    }
}
RUST
cargo run -q
echo "as described"
