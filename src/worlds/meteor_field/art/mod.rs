//! meteor-field on screen: jagged rocks over stars behind a window's frame, shots that glow, an engine that burns.
//!
//! Shapes that reach over an edge are also drawn on the other side, except in thumbnails.

mod shapes;

use bevy::prelude::*;

use crate::agent::Controllers;
use crate::sim::Arena;
use crate::view::ViewSystems;
use crate::view::effects::{Art, FlatMaterials, Materials, Pulse, Shimmer, decay};
use crate::view::follow::Follows;
use crate::view::palette;
use crate::view::sound::Cue;
use crate::view::stage::{Detail, Stage};
use crate::worlds::meteor_field::{
    FIELD, FIRST_ROCK, FIRST_SHOT, MeteorField, ROCK_RADII, SHIP_NOSE, SHIPS, SHOTS, Space,
};
use shapes::{BEYOND, SHAPES, SpaceArt};

/// Seconds from one puff of the engine to the next.
const PUFF: f32 = 0.035;

/// A shape that follows a body, and its copies across the edges: beyond x, beyond y, beyond both.
struct Drifter {
    node: Entity,
    likenesses: Vec<Entity>,
    /// Size and serial number of the rock that was drawn last.
    rock: Option<(usize, u32)>,
    /// Where it was last drawn.
    at: Vec2,
    /// 1 when it has just appeared.
    fresh: f32,
}

/// The moving shapes of one stage.
#[derive(Component)]
struct SpaceShapes {
    ship: Drifter,
    flame: Entity,
    shield: Entity,
    rocks: Vec<Drifter>,
    shots: Vec<Entity>,
    lamps: Vec<Entity>,
    /// Whether each shot flew when it was drawn last.
    flew: [bool; SHOTS],
    ships: u32,
    steps: u32,
    /// Seconds since the last puff.
    puffed: f32,
}

/// Draws meteor-field where it runs.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, shapes::prepare.run_if(resource_exists::<Space>)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (fly, drift, burn, light).chain().in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<SpaceArt>),
    );
}

fn furnish(
    mut commands: Commands,
    art: Res<SpaceArt>,
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &MeteorField)>,
) {
    let at = |position: Vec2, z: f32| Transform::from_translation(position.extend(z));
    for (entity, stage) in &stages {
        let Ok((arena, field)) = arenas.get(stage.arena) else { continue };
        let detail = stage.detail;
        let mut put = |art: &Art, place: Transform, parent: Entity| {
            commands.spawn((art.at(detail), inks.plain(), place, ChildOf(parent))).id()
        };
        put(&art.sky, at(Vec2::ZERO, 0.0), entity);
        put(&art.frame, at(Vec2::ZERO, 8.0), entity);
        let lamps = (0..SHIPS)
            .map(|index| {
                let place = Vec2::new(1.1 * (index as f32 - 1.0), -FIELD.y - 0.53 * BEYOND);
                put(&art.lamp, at(place, 9.0), entity)
            })
            .collect();
        // In a thumbnail, stars would be larger than shots.
        if detail == Detail::Large {
            commands.spawn((art.stars.at(detail), inks.plain(), at(Vec2::ZERO, 0.1), ChildOf(entity)));
            for index in 0..shapes::TWINKLES {
                let share = index as f32 / shapes::TWINKLES as f32;
                let twinkle = Shimmer { opacity: [0.1, 1.0], period: 2.0 + 3.0 * share, offset: share };
                let place = at(shapes::star(index), 0.5);
                commands.spawn((twinkle, art.star.at(detail), inks.plain(), place, ChildOf(entity)));
            }
        }
        let mut follow = |body: usize, art: &Art, z: f32| {
            let follows = Follows::new(arena.entities[body]);
            let parts = (follows, art.at(detail), inks.plain(), at(Vec2::ZERO, z), ChildOf(entity));
            commands.spawn(parts).id()
        };
        let ship = follow(0, &art.ships[1], 4.0);
        let shots: Vec<_> = (0..SHOTS).map(|shot| follow(FIRST_SHOT + shot, &art.shots[1], 3.0)).collect();
        let rocks: Vec<_> =
            (0..field.rocks().len()).map(|rock| follow(FIRST_ROCK + rock, &art.rocks[0][0], 2.0)).collect();
        let mut drifter = |node: Entity, z: f32| {
            let count = if detail == Detail::Large { 3 } else { 0 };
            let likeness = |_| {
                let mesh = art.rocks[0][0].at(detail);
                commands.spawn((mesh, inks.plain(), at(Vec2::ZERO, z), ChildOf(entity))).id()
            };
            let likenesses = (0..count).map(likeness).collect();
            Drifter { node, likenesses, rock: None, at: Vec2::ZERO, fresh: 0.0 }
        };
        let rocks = rocks.into_iter().map(|rock| drifter(rock, 2.0)).collect();
        let ship = drifter(ship, 4.0);
        let mut put = |art: &Art, place: Transform| {
            commands.spawn((art.at(detail), inks.plain(), place, ChildOf(ship.node))).id()
        };
        let flame = put(&art.flame, at(Vec2::ZERO, -0.1));
        let shield = put(&art.shield, at(Vec2::ZERO, 0.1));
        commands.entity(shield).insert(Pulse { scale: [0.92, 1.08], period: 0.8 });
        commands.entity(entity).insert(SpaceShapes {
            ship,
            flame,
            shield,
            rocks,
            shots,
            lamps,
            flew: [false; SHOTS],
            ships: field.ships(),
            steps: arena.steps(),
            puffed: 0.0,
        });
    }
}

/// Access to the shapes, for moving and changing them.
type Shapes<'w, 's> =
    Query<'w, 's, (&'static mut Transform, &'static mut Mesh2d, &'static mut Visibility), Without<Stage>>;

fn show(shapes: &mut Shapes, entity: Entity, shown: bool) {
    if let Ok((_, _, mut visibility)) = shapes.get_mut(entity) {
        visibility.set_if_neq(if shown { Visibility::Inherited } else { Visibility::Hidden });
    }
}

impl Drifter {
    /// Shows it as `mesh`, or hides it, and repeats it across every edge that `radius` reaches over.
    fn draw(&mut self, shapes: &mut Shapes, mesh: Option<Mesh2d>, radius: f32, scale: f32) {
        let Ok((mut transform, mut worn, mut visibility)) = shapes.get_mut(self.node) else { return };
        visibility.set_if_neq(if mesh.is_some() { Visibility::Inherited } else { Visibility::Hidden });
        transform.scale = Vec3::splat(scale);
        self.at = transform.translation.truncate();
        let transform = *transform;
        let over = (self.at.abs() + radius).cmpgt(FIELD);
        let across = -self.at.signum() * 2.0 * FIELD;
        let ways = [(over.x, across * Vec2::X), (over.y, across * Vec2::Y), (over.all(), across)];
        if let Some(mesh) = &mesh {
            worn.set_if_neq(mesh.clone());
        }
        for (&likeness, (reaches, way)) in self.likenesses.iter().zip(ways) {
            let Ok((mut place, mut worn, mut visibility)) = shapes.get_mut(likeness) else { continue };
            let Some(mesh) = mesh.as_ref().filter(|_| reaches) else {
                visibility.set_if_neq(Visibility::Hidden);
                continue;
            };
            visibility.set_if_neq(Visibility::Inherited);
            worn.set_if_neq(mesh.clone());
            *place = transform.with_translation(transform.translation + way.extend(0.0));
        }
    }
}

/// Ship and shots wear the color of the controller; a shot flashes where it leaves, a lost ship bursts.
fn fly(
    mut studio: Materials,
    art: Res<SpaceArt>,
    fields: Query<(&MeteorField, &Controllers)>,
    mut stages: Query<(Entity, &Stage, &mut SpaceShapes)>,
    mut shapes: Shapes,
) {
    for (entity, stage, mut it) in &mut stages {
        let Ok((field, controllers)) = fields.get(stage.arena) else { continue };
        let Some(controller) = controllers.iter().next() else { continue };
        let player = palette::player(controller);
        let place = it.ship.at.extend(5.0);
        if field.ships() != it.ships && it.ships > 0 {
            // The last ship is lost when the next episode begins.
            let lost = field.ships() < it.ships || it.ships == 1;
            if lost {
                studio.sound(entity, Cue::Blast);
                studio.burst(entity, art.wrecks[player].at(stage.detail), place, [0.3, 2.0], 0.9);
            }
            it.ships = field.ships();
        }
        it.ship.draw(&mut shapes, Some(art.ships[player].at(stage.detail)), SHIP_NOSE, 1.0);
        show(&mut shapes, it.shield, field.shielded());
        for shot in 0..SHOTS {
            let flies = field.flies(shot);
            show(&mut shapes, it.shots[shot], flies);
            let Ok((transform, mut mesh, _)) = shapes.get_mut(it.shots[shot]) else { continue };
            mesh.set_if_neq(art.shots[player].at(stage.detail));
            if flies && !it.flew[shot] {
                let place = transform.translation.truncate().extend(5.0);
                studio.sound(entity, Cue::Shot);
                studio.burst(entity, art.flash.at(stage.detail), place, [0.5, 1.0], 0.15);
            }
            it.flew[shot] = flies;
        }
    }
}

/// Removed rocks burst, new ones grow.
fn drift(
    mut studio: Materials,
    art: Res<SpaceArt>,
    fields: Query<(&MeteorField, &Arena)>,
    mut stages: Query<(Entity, &Stage, &mut SpaceShapes)>,
    mut shapes: Shapes,
) {
    let seconds = studio.time.delta_secs();
    for (entity, stage, mut it) in &mut stages {
        let Ok((field, arena)) = fields.get(stage.arena) else { continue };
        // At the start of an episode no rock has broken.
        let begins = arena.steps() < it.steps;
        it.steps = arena.steps();
        for (drifter, rock) in it.rocks.iter_mut().zip(field.rocks()) {
            let now = rock.map(|rock| (rock.size, rock.serial));
            if now != drifter.rock {
                if let Some((size, _)) = drifter.rock.filter(|_| !begins) {
                    let life = 0.35 + 0.15 * size as f32;
                    let burst = art.bursts[size].at(stage.detail);
                    studio.sound_at(entity, Cue::Break, 1.2 - 0.3 * size as f32);
                    studio.burst(entity, burst, drifter.at.extend(5.0), [0.35, 1.5], life);
                }
                (drifter.rock, drifter.fresh) = (now, 1.0);
            }
            drifter.fresh = decay(drifter.fresh, 4.0, seconds);
            let size = now.map_or(0, |(size, _)| size);
            let mesh = now.map(|(size, serial)| art.rocks[serial as usize % SHAPES][size].at(stage.detail));
            drifter.draw(&mut shapes, mesh, ROCK_RADII[size], 1.0 - 0.6 * drifter.fresh.powi(2));
        }
    }
}

/// The engine's flame flickers and leaves puffs behind.
fn burn(
    mut studio: Materials,
    art: Res<SpaceArt>,
    fields: Query<&MeteorField>,
    mut stages: Query<(Entity, &Stage, &mut SpaceShapes)>,
    mut shapes: Shapes,
) {
    let (seconds, now) = (studio.time.delta_secs(), studio.time.elapsed_secs());
    for (entity, stage, mut it) in &mut stages {
        let Ok(field) = fields.get(stage.arena) else { continue };
        show(&mut shapes, it.flame, field.thrusts());
        if let Ok((mut flame, _, _)) = shapes.get_mut(it.flame) {
            flame.scale = Vec3::new(1.0 + 0.25 * (now * 47.0).sin() + 0.15 * (now * 71.0).sin(), 1.0, 1.0);
        }
        it.puffed += seconds;
        if field.thrusts() && it.puffed > PUFF && stage.detail == Detail::Large {
            let Ok((ship, _, _)) = shapes.get(it.ship.node) else { continue };
            let behind = (ship.rotation * Vec3::NEG_X * 0.7).truncate();
            let place = (ship.translation.truncate() + behind).extend(3.5);
            studio.sound(entity, Cue::Thrust);
            studio.burst(entity, art.puff.at(stage.detail), place, [0.9, 0.3], 0.4);
            it.puffed = 0.0;
        }
    }
}

/// A lamp for every ship left.
fn light(fields: Query<&MeteorField>, stages: Query<(&Stage, &SpaceShapes)>, mut shapes: Shapes) {
    for (stage, it) in &stages {
        let Ok(field) = fields.get(stage.arena) else { continue };
        for (index, &lamp) in it.lamps.iter().enumerate() {
            show(&mut shapes, lamp, (index as u32) < field.ships());
        }
    }
}
