//! Rooms on screen: a carved board, glowing lava, crates that sink and a walker with eyes.

mod art;

use std::f32::consts::TAU;

use bevy::prelude::*;

use super::ViewSystems;
use super::effects::{Art, Inks, Pulse, Shimmer, Studio, decay};
use super::follow::Follows;
use super::palette;
use super::stage::Stage;
use crate::agent::Controllers;
use crate::sim::level::{Cell, Level};
use crate::sim::worlds::rooms::{Room, Rooms};
use crate::sim::{Arena, Seats};
use art::RoomArt;

/// The moving shapes of one stage.
#[derive(Component)]
struct RoomShapes {
    walker: Entity,
    face: Entity,
    eyes: Entity,
    crates: Vec<CrateShape>,
    /// Steps of the episode when last drawn: fewer now means that a new one has begun.
    steps: u32,
    last_position: Vec2,
    heading: Vec2,
    speed: f32,
    /// 1 when the walker has just appeared.
    pop: f32,
}

struct CrateShape {
    node: Entity,
    wood: Entity,
    shade: Entity,
    patch: Entity,
    last_position: Vec2,
    /// Where it lies in the lava, and for how many seconds.
    sunk: Option<(Vec2, f32)>,
}

/// Draws lava-room where it runs.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(Startup, art::prepare.run_if(resource_exists::<Rooms>)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (recolor, animate_walkers, animate_crates).chain().in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<RoomArt>),
    );
}

fn furnish(
    mut commands: Commands,
    art: Res<RoomArt>,
    inks: Res<Inks>,
    rooms: Res<Rooms>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<&Arena>,
) {
    let level = rooms.first();
    let at = |position: Vec2, z: f32| Transform::from_translation(position.extend(z));
    for (entity, stage) in &stages {
        let Ok(arena) = arenas.get(stage.arena) else { continue };
        let detail = stage.detail;
        let ink = || inks.plain();
        let on = ChildOf(entity);
        commands.spawn((art.board.at(detail), ink(), at(Vec2::ZERO, 0.0), on.clone()));
        for (kind, bubbles) in art.bubbles.iter().enumerate() {
            let shimmer = Shimmer { opacity: [0.0, 1.0], period: 3.2, offset: kind as f32 / 2.0 };
            commands.spawn((bubbles.at(detail), ink(), at(Vec2::ZERO, 1.0), shimmer, on.clone()));
        }
        for (index, _) in level.cells.iter().enumerate().filter(|(_, cell)| **cell == Cell::Goal) {
            let center = level.center(index % level.width, index / level.width);
            let halo = Pulse { scale: [0.85, 1.25], period: 2.0 };
            commands.spawn((art.halo.at(detail), ink(), at(center, 1.1), halo, on.clone()));
            let gem = Pulse { scale: [0.92, 1.06], period: 2.0 };
            commands.spawn((art.gem.at(detail), ink(), at(center, 1.2), gem, on.clone()));
        }
        let mut bodies = arena.entities.iter().copied();
        let Some(walker) = bodies.next() else { continue };
        let node = commands.spawn((Follows::new(walker), at(Vec2::ZERO, 4.0), on.clone())).id();
        commands.spawn((art.shadow.at(detail), ink(), at(Vec2::ZERO, 0.0), ChildOf(node)));
        let face =
            commands.spawn((art.walkers[1].at(detail), ink(), at(Vec2::ZERO, 0.1), ChildOf(node))).id();
        let eyes = commands.spawn((art.eyes.at(detail), ink(), at(Vec2::ZERO, 0.1), ChildOf(face))).id();
        // After the walker come the walls, which are in the board already.
        let crates = bodies
            .skip(1)
            .map(|body| {
                let node = commands.spawn((Follows::new(body), at(Vec2::ZERO, 3.0), on.clone())).id();
                let mut part = |art: &Art, z: f32, visibility: Visibility| {
                    commands.spawn((art.at(detail), ink(), at(Vec2::ZERO, z), visibility, ChildOf(node))).id()
                };
                CrateShape {
                    node,
                    patch: part(&art.patch, -0.5, Visibility::Hidden),
                    shade: part(&art.crate_shadow, 0.0, Visibility::Inherited),
                    wood: part(&art.crate_box, 0.1, Visibility::Inherited),
                    last_position: Vec2::ZERO,
                    sunk: None,
                }
            })
            .collect();
        commands.entity(entity).insert(RoomShapes {
            walker: node,
            face,
            eyes,
            crates,
            steps: arena.steps(),
            last_position: Vec2::ZERO,
            heading: Vec2::ZERO,
            speed: 0.0,
            pop: 0.0,
        });
    }
}

/// The walker wears the colour of whoever plays it.
fn recolor(
    art: Res<RoomArt>,
    stages: Query<(&Stage, &RoomShapes)>,
    controllers: Query<&Controllers>,
    mut meshes: Query<&mut Mesh2d>,
) {
    for (stage, shapes) in &stages {
        let Some(controller) = controllers.get(stage.arena).ok().and_then(|all| all.first()) else {
            continue;
        };
        let index = palette::player(controller);
        if let Ok(mut mesh) = meshes.get_mut(shapes.face) {
            mesh.set_if_neq(art.walkers[index].at(stage.detail));
        }
    }
}

fn animate_walkers(
    mut studio: Studio,
    art: Res<RoomArt>,
    rooms: Res<Rooms>,
    arenas: Query<(&Arena, &Seats)>,
    mut stages: Query<(Entity, &Stage, &mut RoomShapes)>,
    followers: Query<&Follows>,
    mut transforms: Query<&mut Transform, (Without<Stage>, Without<Follows>)>,
) {
    let level = rooms.first();
    let seconds = studio.time.delta_secs();
    for (entity, stage, mut shapes) in &mut stages {
        let (Ok((arena, seats)), Ok(walker)) = (arenas.get(stage.arena), followers.get(shapes.walker)) else {
            continue;
        };
        if arena.steps() < shapes.steps {
            let success = seats.outcomes.first().is_some_and(|outcome| outcome.success);
            let (kind, burst) = if success { (Cell::Goal, &art.gold) } else { (Cell::Lava, &art.ember) };
            // The reset came before anybody could look: the episode ended on the nearest such cell.
            let ended = nearest(level, kind, shapes.last_position)
                .filter(|cell| success || cell.distance(shapes.last_position) < 1.2);
            if let Some(place) = ended {
                studio.burst(entity, burst.at(stage.detail), place.extend(5.0), [0.5, 2.4], 0.6);
            }
            (shapes.pop, shapes.heading) = (1.0, Vec2::ZERO);
        } else {
            let direction = walker.moved.normalize_or_zero();
            let ease = 1.0 - (-seconds * 12.0).exp();
            shapes.heading =
                shapes.heading.lerp(direction, ease * if direction == Vec2::ZERO { 0.15 } else { 1.0 });
            let speed = if direction == Vec2::ZERO { 0.0 } else { 1.0 };
            shapes.speed += (speed - shapes.speed) * ease;
        }
        shapes.pop = decay(shapes.pop, 3.0, seconds);
        shapes.steps = arena.steps();
        shapes.last_position = walker.position();
        // Overshoots a little as it appears; longer where it goes while it walks.
        let pop = 1.0 - shapes.pop.powi(2) * 0.7 + (shapes.pop * TAU).sin().max(0.0) * 0.12;
        let along = shapes.heading.abs() * shapes.speed * 0.1;
        if let Ok(mut transform) = transforms.get_mut(shapes.face) {
            transform.scale =
                Vec3::new(pop * (1.0 + along.x - along.y), pop * (1.0 + along.y - along.x), 1.0);
        }
        if let Ok(mut transform) = transforms.get_mut(shapes.eyes) {
            let blink = (studio.time.elapsed_secs() + stage.index as f32 * 0.7) % 4.3 < 0.12;
            transform.translation = (shapes.heading * 0.1 + Vec2::new(0.0, 0.04)).extend(0.1);
            transform.scale = Vec3::new(1.0, if blink { 0.15 } else { 1.0 }, 1.0);
        }
    }
}

fn animate_crates(
    art: Res<RoomArt>,
    rooms: Res<Rooms>,
    time: Res<Time<Real>>,
    states: Query<&Room>,
    mut stages: Query<(&Stage, &mut RoomShapes)>,
    mut shapes_of: Query<(&mut Transform, &mut Visibility, &mut Mesh2d), Without<Stage>>,
    mut nodes: Query<(&Follows, &mut Transform), Without<Mesh2d>>,
) {
    let level = rooms.first();
    for (stage, mut shapes) in &mut stages {
        let Ok(room) = states.get(stage.arena) else { continue };
        let mut taken: Vec<Vec2> =
            shapes.crates.iter().filter_map(|shape| shape.sunk.map(|(place, _)| place)).collect();
        for (index, shape) in shapes.crates.iter_mut().enumerate() {
            if !room.is_sunk(index) {
                shape.sunk = None;
                if let Ok((follows, _)) = nodes.get(shape.node) {
                    shape.last_position = follows.position();
                }
            } else if let Some((_, age)) = &mut shape.sunk {
                *age += time.delta_secs();
            } else {
                let free = level
                    .cells
                    .iter()
                    .enumerate()
                    .filter(|(cell, _)| room.is_filled(*cell))
                    .map(|(cell, _)| level.center(cell % level.width, cell / level.width))
                    .filter(|place| !taken.contains(place))
                    .min_by(|a, b| {
                        a.distance(shape.last_position).total_cmp(&b.distance(shape.last_position))
                    });
                shape.sunk = free.map(|place| (place, 0.0));
                taken.extend(free);
            }
            // From above the floor to its level: smaller, darker, without a shadow.
            let share = shape.sunk.map_or(0.0, |(_, age)| (age / 0.45).min(1.0));
            if let (Some((place, _)), Ok((_, mut node))) = (shape.sunk, nodes.get_mut(shape.node)) {
                let from = shape.last_position;
                node.translation = from.lerp(place, share).extend(node.translation.z);
            }
            let show = |on: bool| if on { Visibility::Inherited } else { Visibility::Hidden };
            if let Ok((mut transform, _, mut mesh)) = shapes_of.get_mut(shape.wood) {
                let size = 1.0 - 0.12 * share - 0.1 * (share * TAU / 2.0).sin();
                transform.scale = Vec3::splat(size);
                let wood = if share > 0.6 { &art.sunk_box } else { &art.crate_box };
                mesh.set_if_neq(wood.at(stage.detail));
            }
            if let Ok((_, mut visibility, _)) = shapes_of.get_mut(shape.shade) {
                visibility.set_if_neq(show(shape.sunk.is_none()));
            }
            if let Ok((mut transform, mut visibility, _)) = shapes_of.get_mut(shape.patch) {
                visibility.set_if_neq(show(shape.sunk.is_some()));
                transform.scale = Vec3::splat(0.5 + 0.5 * share);
            }
        }
    }
}

/// The centre of the cell of `kind` that is nearest to `position`.
fn nearest(level: &Level, kind: Cell, position: Vec2) -> Option<Vec2> {
    level
        .cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| **cell == kind)
        .map(|(index, _)| level.center(index % level.width, index / level.width))
        .min_by(|a, b| a.distance(position).total_cmp(&b.distance(position)))
}
