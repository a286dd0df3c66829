//! What rapier makes of the walkers: masses and hinges, starts, energy, and the worst torques.

use std::f32::consts::TAU;

use bevy_rapier2d::rapier::dynamics::MultibodyJointSet;
use rand::Rng as _;

use super::*;
use crate::worlds::walkers::anatomy::{Joint, Link};

/// The lowest point of all links above the ground, m.
fn lowest(anatomy: &Anatomy, bodies: &Bodies) -> f32 {
    let ends = anatomy.links.iter().enumerate().flat_map(|(index, link)| {
        let turn = Vec2::from_angle(bodies.angle(index));
        let end = move |end: &Vec2| turn.rotate(*end - link.center).y - link.radius;
        link.capsules.iter().flatten().map(end).map(move |y| (index, y))
    });
    ends.map(|(index, y)| bodies.position(index).y + y).fold(f32::INFINITY, f32::min)
}

/// Kinetic energy around the center of mass, J: what gravity does not change in flight. Rotors count.
fn energy(anatomy: &Anatomy, bodies: &mut Bodies) -> f32 {
    let links: Vec<(f32, f32, Vec2, f32)> = (0..anatomy.links.len())
        .map(|index| {
            let (velocity, spin) = (bodies.velocity(index), bodies.spin(index));
            (anatomy.links[index].mass, anatomy.links[index].inertia, velocity, spin)
        })
        .collect();
    let mass: f32 = links.iter().map(|(mass, ..)| mass).sum();
    let middle = links.iter().map(|(mass, _, velocity, _)| *mass * *velocity).sum::<Vec2>() / mass;
    let rotors = anatomy.jointed().map(|(body, _, joint)| (joint.armature, bodies.hinge(body)[1]));
    let rotors: f32 = rotors.map(|(inertia, rate)| inertia * rate * rate).sum();
    let moving = links.iter().map(|(mass, inertia, velocity, spin)| {
        mass * (*velocity - middle).length_squared() + inertia * spin * spin
    });
    0.5 * (moving.sum::<f32>() + rotors)
}

/// Without friction, springs, limits and motors, a walker in the air keeps its energy. A root whose center of mass is not
/// its origin would gain some in every tick.
#[test]
fn energy_stays_in_flight() {
    for anatomy in ALL {
        let free = |link: &Link| Link {
            joint: link.joint.map(|joint| Joint {
                limits: [-100.0, 100.0],
                damping: 0.0,
                stiffness: 0.0,
                ..joint
            }),
            ..*link
        };
        let links: Vec<Link> = anatomy.links.iter().map(free).collect();
        let anatomy = Anatomy { links: links.leak(), ticks: 1, ..immortal(anatomy) };
        let mut app = app(anatomy, 8);
        let mut source = rng(5, Stream::Environment, 0);
        each(&mut app, |_, runner, bodies| {
            let mut place = [0.0; 3 + MOST_JOINTS];
            (place[1], place[2]) = (20.0, 0.5);
            let rates = place.map(|_| source.random_range(-2.0..2.0));
            runner.put(&anatomy, bodies, &place, &rates);
        });
        let mut before = [0.0; 8];
        let mut most = 0.0_f32;
        for tick in 0..120 {
            step(&mut app, Vec::new());
            each(&mut app, |arena, _, bodies| {
                let now = energy(&anatomy, bodies);
                if tick == 0 {
                    before[arena] = now;
                }
                most = most.max((now - before[arena]).abs());
            });
        }
        println!("{}: at most {most} J of {before:?}", anatomy.name);
        assert!(most <= 2.0, "{}: {most} J of {before:?}", anatomy.name);
    }
}

/// The pitch of a start outlives the first tick: rapier keeps the root's angle apart from its body.
#[test]
fn a_start_keeps_its_pitch_and_velocities() {
    for anatomy in ALL {
        let anatomy = Anatomy { ticks: 1, ..immortal(anatomy) };
        let mut app = app(anatomy, 1);
        let place = padded::<{ 3 + MOST_JOINTS }>(&[0.3, 5.0, 0.1, -0.1, -0.2]);
        let rates = padded::<{ 3 + MOST_JOINTS }>(&[1.0, 2.0, 0.0]);
        each(&mut app, |_, runner, bodies| runner.put(&anatomy, bodies, &place, &rates));
        let look = |app: &mut App| {
            let mut state = [[0.0; 3 + MOST_JOINTS]; 2];
            each(app, |_, runner, _| state = runner.state());
            state
        };
        let near =
            |a: f32, b: f32, by: f32| assert!((a - b).abs() < by, "{}: {a} instead of {b}", anatomy.name);
        let [at, moving] = look(&mut app);
        place.iter().zip(at).for_each(|(a, b)| near(b, *a, 1e-5));
        rates.iter().zip(moving).for_each(|(a, b)| near(b, *a, 1e-5));
        step(&mut app, Vec::new());
        let [at, moving] = look(&mut app);
        near(at[2], 0.1, 0.01);
        near(at[0], 0.3 + anatomy.tick_seconds, 2e-3);
        near(moving[1], 2.0 - 9.81 * anatomy.tick_seconds, 0.3);
    }
}

/// Whatever the motors do for 64 seconds, links stay near their limits and above the ground, and nothing explodes.
#[test]
fn the_worst_torques_break_nothing() {
    for anatomy in ALL {
        let anatomy = immortal(anatomy);
        let mut app = app(anatomy, 8);
        let mut source = rng(3, Stream::Environment, 0);
        let (mut beyond, mut below, mut fastest) = (0.0_f32, 0.0_f32, 0.0_f32);
        let steps = (8.0 / anatomy.step_seconds()) as usize;
        for made in 0..steps {
            let seconds = made as f32 * anatomy.step_seconds();
            let acts = (0..8).map(|arena| {
                std::array::from_fn(|joint| {
                    let side = if joint % 2 == 0 { 1.0 } else { -1.0 };
                    match arena {
                        0 | 1 => source.random_range(-1.0..1.0),
                        2 | 3 => {
                            if source.next_u32().is_multiple_of(2) {
                                1.0
                            } else {
                                -1.0
                            }
                        }
                        4 => (TAU * (1.5 * seconds + joint as f32 / 5.0)).sin(),
                        5 => (TAU * 6.0 * seconds).sin().signum() * side,
                        6 => side,
                        _ => -side,
                    }
                })
            });
            let acts = acts.collect();
            step(&mut app, acts);
            each(&mut app, |_, runner, bodies| {
                let [place, rates] = runner.state();
                assert!(place.iter().chain(&rates).all(|value| value.is_finite()), "{}", anatomy.name);
                for (entry, (_, _, joint)) in (3..).zip(anatomy.jointed()) {
                    let [least, most] = joint.limits;
                    beyond = beyond.max(place[entry] - most).max(least - place[entry]);
                    fastest = fastest.max(rates[entry].abs());
                }
                below = below.max(-lowest(&anatomy, bodies));
            });
        }
        println!("{}: {beyond} rad beyond, {below} m below, {fastest} rad/s", anatomy.name);
        assert!(beyond <= 0.4 && below <= 0.12, "{}: {beyond} rad, {below} m", anatomy.name);
    }
}

/// Masses, hinges and motors reach rapier as published (rounded to the digits of the models).
#[test]
fn bodies_are_those_of_the_published_models() {
    let masses = ALL.map(|anatomy| anatomy.links.iter().map(|link| link.mass).sum::<f32>());
    for (mass, published) in masses.into_iter().zip([15.82, 23.677, 14.0]) {
        assert!((mass - published).abs() < 1e-3, "{mass}");
    }
    for anatomy in ALL {
        let mut app = app(anatomy, 1);
        let mut query = app.world_mut().query::<(&Arena, &RapierRigidBodySet, &RapierContextJoints)>();
        let (arena, set, joints) = query.single(app.world()).unwrap();
        let joints: &MultibodyJointSet = &joints.multibody_joints;
        let handles: Vec<RigidBodyHandle> =
            arena.entities.iter().map(|body| set.entity2body()[body]).collect();
        let multibody = joints.multibodies().next().unwrap();
        assert_eq!(multibody.num_links(), anatomy.links.len());
        assert!(multibody.damping().as_slice()[..3].iter().all(|damping| *damping == 0.0));
        for (index, link) in anatomy.links.iter().enumerate() {
            let mass = set.bodies[handles[index]].mass_properties().local_mprops;
            assert!((mass.mass() - link.mass).abs() < 1e-4 && mass.local_com == Vec2::ZERO);
            assert!((mass.principal_inertia() - link.inertia).abs() < 1e-5, "{} {}", anatomy.name, link.name);
        }
        for (index, _, joint) in anatomy.jointed() {
            let own = multibody.link(joints.rigid_body_link(handles[index]).unwrap().id).unwrap();
            let parent = multibody.link(own.parent_id().unwrap()).unwrap();
            assert_eq!(parent.rigid_body_handle(), handles[joint.parent]);
            let id = own.assembly_id();
            assert_eq!(multibody.damping()[id], joint.damping);
            assert_eq!(multibody.armature()[id], joint.armature);
            assert_eq!(own.joint().spring(2), (joint.stiffness, 0.0));
            let limits = own.joint().data.limits[2];
            let mut published = joint.limits.map(|angle| anatomy.turn * angle);
            published.sort_by(f32::total_cmp);
            assert_eq!([limits.min, limits.max], published);
        }
    }
}
