#!/usr/bin/env bash
# rapier2d 0.35.0-glamx0.2 damps every rotation of a multibody, that of its free root too, though all damping is set to 0.
#
# Two beams hinged to each other turn as one piece in free space: no gravity, no contact, linear and angular damping of both
# bodies at their default of 0. Expected: they turn on at 1 rad/s. Seen: `Multibody::damping` holds 0 for the root's x and y
# and 0.1 for its turn and for the hinge, and after two seconds both turn at less than 0.9 rad/s. With `damping_mut().fill(0.0)`
# it stays at 1 rad/s.
# Published walkers (hopper, walker, cheetah) have a root without damping: set each entry, in the order of `assembly_id`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cargo init -q --vcs none --name damped .
cargo add -q rapier2d@=0.35.0-glamx0.2
cat > src/main.rs <<'RUST'
use rapier2d::prelude::*;

/// A beam with a second one hinged to its end, free in space.
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
    fn new() -> Self {
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
        let (impulses, mut multibody) = (ImpulseJointSet::new(), MultibodyJointSet::new());
        multibody.insert(beams[0], beams[1], hinge, true);
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

    /// Turns of the whole body and of the hinge in rad/s, after both were set to 1 and `steps` steps of 1/60 s.
    fn spins_after(&mut self, steps: usize, damping: Option<f32>) -> [f32; 2] {
        let link = *self.multibody.rigid_body_link(self.beams[0]).unwrap();
        let body = self.multibody.get_multibody_mut(link.multibody).unwrap();
        println!("damping of x, y, turn and hinge: {:?}", body.damping().as_slice());
        if let Some(damping) = damping {
            body.damping_mut().fill(damping);
        }
        // Both beams turn as one piece about their common middle.
        body.generalized_velocity_mut().copy_from_slice(&[0.0, -1.0, 1.0, 0.0]);
        (0..steps).for_each(|_| self.step());
        self.beams.map(|beam| self.bodies[beam].angvel())
    }
}

fn main() {
    for (damping, slows) in [(None, true), (Some(0.0), false)] {
        let mut world = World::new();
        let [first, second] = world.spins_after(120, damping);
        println!("after 2 s: {first:.3} and {second:.3} rad/s");
        assert_eq!(slows, first < 0.97);
        assert!(slows || (first - 1.0).abs() < 0.01);
    }
}
RUST
cargo run -q
echo "as described"
