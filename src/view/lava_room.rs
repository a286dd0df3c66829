//! lava-room on screen: a carved board, glowing lava, crates that sink and a walker with eyes.

use std::f32::consts::TAU;

use bevy::prelude::*;

use super::ViewSystems;
use super::effects::{Art, Burst, Inks, Pulse, Shimmer, decay};
use super::follow::Follows;
use super::paint::{Paint, circle, polygon, rounded, rounded_where};
use super::palette::{self, Tone};
use super::stage::{Stage, StageSize};
use crate::agent::Controllers;
use crate::sim::level::{Cell, Level};
use crate::sim::worlds::lava_room::{CRATE_HALF, LavaRoom, WALKER_RADIUS};
use crate::sim::{Arena, Seats};

/// How far walls rise above the floor, as drawn.
const RISE: f32 = 0.14;
const BLACK: Tone = Tone(0, 0, 0);

/// Meshes of one level.
#[derive(Resource)]
struct RoomArt {
    board: Art,
    bubbles: [Art; 2],
    halo: Art,
    gem: Art,
    shadow: Art,
    walkers: [Art; 5],
    eyes: Art,
    crate_shadow: Art,
    crate_box: Art,
    sunk_box: Art,
    patch: Art,
    gold: Art,
    ember: Art,
}

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
    app.add_systems(Startup, prepare.run_if(resource_exists::<Level>)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (recolor, animate_walkers, animate_crates).chain().in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<RoomArt>),
    );
}

fn prepare(mut commands: Commands, level: Res<Level>, mut meshes: ResMut<Assets<Mesh>>) {
    let half = Vec2::new(level.width as f32, level.height as f32) / 2.0;
    commands.insert_resource(StageSize(half + Vec2::splat(RISE)));
    let units = 2.0 * half.y;
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, units, paint);
    let wood = Vec2::splat(CRATE_HALF);
    let planks = |canvas: &mut Paint, light: Tone, dark: Tone| {
        canvas.fill(&rounded(Vec2::ZERO, wood, 0.09), dark.solid());
        canvas.fill(&rounded(Vec2::new(0.0, 0.03), wood - 0.07, 0.05), light.solid());
        for y in [-0.12, 0.12] {
            canvas.fill(&rounded(Vec2::new(0.0, y + 0.03), Vec2::new(0.31, 0.014), 0.014), dark.alpha(0.7));
        }
        for corner in [Vec2::ONE, Vec2::new(-1.0, 1.0), Vec2::NEG_ONE, Vec2::new(1.0, -1.0)] {
            canvas.fill(&circle(corner * 0.26 + Vec2::new(0.0, 0.03), 0.028), dark.solid());
        }
    };
    let ring = |canvas: &mut Paint, tone: Tone| {
        canvas.soft(&circle(Vec2::ZERO, 0.2), 0.3, tone.alpha(0.35));
        canvas.line(&circle(Vec2::ZERO, 0.5), 0.06, tone.solid());
    };
    let room = RoomArt {
        board: art(&|canvas| paint_board(canvas, &level)),
        bubbles: [0, 1].map(|kind| art(&|canvas| paint_bubbles(canvas, &level, kind))),
        halo: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.22), 0.5, palette::AMBER.alpha(0.4));
        }),
        gem: art(&|canvas| {
            let bright = palette::AMBER.mix(palette::INK, 0.5);
            canvas.fill(&polygon(Vec2::ZERO, 0.27, 4), palette::AMBER.solid());
            canvas.fill(&polygon(Vec2::new(0.0, 0.03), 0.15, 4), bright.solid());
        }),
        shadow: art(&|canvas| {
            canvas.soft(&circle(Vec2::new(0.0, -0.1), WALKER_RADIUS * 0.8), 0.2, BLACK.alpha(0.45));
        }),
        walkers: palette::PLAYERS.map(|tone| art(&|canvas| paint_walker(canvas, tone))),
        eyes: art(&|canvas| {
            for x in [-0.105, 0.105] {
                canvas.fill(&rounded(Vec2::new(x, 0.0), Vec2::new(0.048, 0.075), 0.048), palette::NIGHT.solid());
                canvas.fill(&circle(Vec2::new(x + 0.014, 0.03), 0.017), palette::INK.solid());
            }
        }),
        crate_shadow: art(&|canvas| {
            canvas.soft(&rounded(Vec2::new(0.0, -0.09), wood - 0.05, 0.1), 0.18, BLACK.alpha(0.4));
        }),
        crate_box: art(&|canvas| planks(canvas, palette::WOOD, palette::WOOD_DARK)),
        sunk_box: art(&|canvas| {
            planks(canvas, palette::WOOD.mix(palette::FLOOR, 0.55), palette::WOOD_DARK.mix(palette::FLOOR, 0.5));
        }),
        patch: art(&|canvas| {
            canvas.fill(&rounded(Vec2::ZERO, Vec2::splat(0.47), 0.12), palette::FLOOR_ALT.solid());
        }),
        gold: art(&|canvas| ring(canvas, palette::AMBER)),
        ember: art(&|canvas| ring(canvas, palette::EMBER)),
    };
    commands.insert_resource(room);
}

fn paint_walker(canvas: &mut Paint, tone: Tone) {
    let bright = tone.mix(palette::INK, 0.35);
    let dark = tone.mix(palette::NIGHT, 0.45);
    canvas.soft(&circle(Vec2::ZERO, WALKER_RADIUS), 0.3, tone.alpha(0.22));
    canvas.fill(&circle(Vec2::ZERO, WALKER_RADIUS), dark.solid());
    canvas.shade(&circle(Vec2::new(0.0, 0.025), WALKER_RADIUS - 0.035), bright.solid(), tone.solid());
}

/// Everything that never moves, from the floor up.
fn paint_board(canvas: &mut Paint, level: &Level) {
    let half = Vec2::new(level.width as f32, level.height as f32) / 2.0;
    let cell_half = Vec2::splat(0.5);
    canvas.soft(&rounded(Vec2::new(0.0, -0.2), half - 0.1, 0.4), 0.45, BLACK.alpha(0.5));
    canvas.fill(&rounded(Vec2::ZERO, half - 0.02, 0.4), palette::FLOOR.solid());
    let all = || (0..level.height).flat_map(|row| (0..level.width).map(move |column| (column, row)));
    let is = |kind: Cell| move |(column, row): &(usize, usize)| level.cell(*column, *row) == kind;
    for (column, row) in all().filter(|&(column, row)| (column + row) % 2 == 0) {
        canvas.fill(&rounded(level.center(column, row), Vec2::splat(0.46), 0.1), palette::FLOOR_ALT.solid());
    }
    for (column, row) in all().filter(is(Cell::Lava)) {
        canvas.soft(&rounded(level.center(column, row), Vec2::splat(0.4), 0.2), 0.6, palette::EMBER.alpha(0.1));
    }
    for (column, row) in all().filter(is(Cell::Lava)) {
        let radii = corners(level, column, row, Cell::Lava, 0.2);
        canvas.fill(
            &rounded_where(level.center(column, row), cell_half, radii),
            palette::EMBER_DEEP.mix(BLACK, 0.1).solid(),
        );
    }
    for (column, row) in all().filter(is(Cell::Lava)) {
        let center = level.center(column, row);
        canvas.soft(&rounded(center - Vec2::new(0.0, 0.03), Vec2::splat(0.26), 0.18), 0.22, palette::EMBER.alpha(0.75));
        // The pit's edge throws a shadow onto the lava.
        if row > 0 && level.cell(column, row - 1) != Cell::Lava {
            let edge = Rect::from_corners(center + Vec2::new(-0.42, 0.28), center + Vec2::new(0.42, 0.49));
            canvas.ramp(edge, BLACK.alpha(0.4), BLACK.alpha(0.0));
        }
    }
    for (column, row) in all().filter(is(Cell::Goal)) {
        let center = level.center(column, row);
        canvas.fill(&rounded(center, Vec2::splat(0.46), 0.14), palette::AMBER.alpha(0.12));
        canvas.line(&rounded(center, Vec2::splat(0.44), 0.13), 0.035, palette::AMBER.alpha(0.6));
    }
    for (column, row) in all().filter(|&(column, row)| row > 0 && level.cell(column, row) != Cell::Wall) {
        if level.cell(column, row - 1) == Cell::Wall {
            let top = level.center(column, row) + Vec2::new(0.0, 0.5);
            let rect = Rect::from_corners(top + Vec2::new(-0.5, -0.42), top + Vec2::new(0.5, 0.0));
            canvas.ramp(rect, BLACK.alpha(0.38), BLACK.alpha(0.0));
        }
    }
    // First all sides, then all tops, so that no side covers a neighbour's top.
    for (offset, tone) in [(-RISE, palette::WALL_SIDE), (0.0, palette::WALL)] {
        for (column, row) in all().filter(is(Cell::Wall)) {
            let radii = corners(level, column, row, Cell::Wall, 0.26);
            let center = level.center(column, row) + Vec2::new(0.0, offset);
            canvas.fill(&rounded_where(center, cell_half, radii), tone.solid());
        }
    }
    for (column, row) in all().filter(is(Cell::Wall)) {
        let center = level.center(column, row);
        canvas.fill(&rounded(center, Vec2::splat(0.4), 0.16), palette::WALL.mix(palette::INK, 0.045).solid());
    }
}

/// Radii of a cell's corners: round where it borders on something else on both sides.
fn corners(level: &Level, column: usize, row: usize, kind: Cell, radius: f32) -> [f32; 4] {
    let same = |dx: i32, dy: i32| {
        let (x, y) = (column as i32 + dx, row as i32 + dy);
        let inside = (0..level.width as i32).contains(&x) && (0..level.height as i32).contains(&y);
        inside && level.cell(x as usize, y as usize) == kind
    };
    // Rows grow downwards.
    [(1, -1), (-1, -1), (-1, 1), (1, 1)].map(|(dx, dy)| if same(dx, 0) || same(0, dy) { 0.0 } else { radius })
}

/// One of two layers of bubbles that come and go in turn.
fn paint_bubbles(canvas: &mut Paint, level: &Level, kind: usize) {
    let hot = palette::EMBER.mix(palette::AMBER, 0.7);
    for (index, _) in level.cells.iter().enumerate().filter(|(_, cell)| **cell == Cell::Lava) {
        let center = level.center(index % level.width, index / level.width);
        // Scattered without luck, so that every room of a level looks alike.
        let scatter = (index * 37 + kind * 61 + 11) as f32;
        for part in 0..2 {
            let angle = scatter * 2.4 + part as f32 * 2.9;
            let at = center + Vec2::from_angle(angle) * (0.1 + 0.16 * (scatter * 0.73 + part as f32).sin().abs());
            let radius = 0.035 + 0.035 * (scatter * 1.31 + part as f32 * 1.7).cos().abs();
            canvas.soft(&circle(at, radius), 0.06, hot.alpha(0.85));
        }
    }
}

fn furnish(
    mut commands: Commands,
    art: Res<RoomArt>,
    inks: Res<Inks>,
    level: Res<Level>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<&Arena>,
) {
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
        let face = commands.spawn((art.walkers[1].at(detail), ink(), at(Vec2::ZERO, 0.1), ChildOf(node))).id();
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
        let Some(controller) = controllers.get(stage.arena).ok().and_then(|all| all.first()) else { continue };
        let tone = palette::of(controller);
        let index = palette::PLAYERS.iter().position(|player| *player == tone).unwrap_or(0);
        if let Ok(mut mesh) = meshes.get_mut(shapes.face) {
            mesh.set_if_neq(art.walkers[index].at(stage.detail));
        }
    }
}

fn animate_walkers(
    mut commands: Commands,
    art: Res<RoomArt>,
    inks: Res<Inks>,
    level: Res<Level>,
    time: Res<Time<Real>>,
    arenas: Query<(&Arena, &Seats)>,
    mut stages: Query<(Entity, &Stage, &mut RoomShapes)>,
    followers: Query<&Follows>,
    mut transforms: Query<&mut Transform, (Without<Stage>, Without<Follows>)>,
) {
    let seconds = time.delta_secs();
    for (entity, stage, mut shapes) in &mut stages {
        let (Ok((arena, seats)), Ok(walker)) = (arenas.get(stage.arena), followers.get(shapes.walker)) else {
            continue;
        };
        if arena.steps() < shapes.steps {
            let success = seats.outcomes.first().is_some_and(|outcome| outcome.success);
            let (kind, burst) = if success { (Cell::Goal, &art.gold) } else { (Cell::Lava, &art.ember) };
            // The reset came before anybody could look: the episode ended on the nearest such cell.
            let ended = nearest(&level, kind, shapes.last_position).filter(|cell| {
                success || cell.distance(shapes.last_position) < 1.2
            });
            if let Some(place) = ended {
                commands.spawn((
                    Burst { scale: [0.5, 2.4], life: 0.6, age: 0.0 },
                    burst.at(stage.detail),
                    inks.plain(),
                    Transform::from_translation(place.extend(5.0)),
                    ChildOf(entity),
                ));
            }
            (shapes.pop, shapes.heading) = (1.0, Vec2::ZERO);
        } else {
            let direction = walker.moved.normalize_or_zero();
            let ease = 1.0 - (-seconds * 12.0).exp();
            shapes.heading = shapes.heading.lerp(direction, ease * if direction == Vec2::ZERO { 0.15 } else { 1.0 });
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
            transform.scale = Vec3::new(pop * (1.0 + along.x - along.y), pop * (1.0 + along.y - along.x), 1.0);
        }
        if let Ok(mut transform) = transforms.get_mut(shapes.eyes) {
            let blink = (time.elapsed_secs() + stage.index as f32 * 0.7) % 4.3 < 0.12;
            transform.translation = (shapes.heading * 0.1 + Vec2::new(0.0, 0.04)).extend(0.1);
            transform.scale = Vec3::new(1.0, if blink { 0.15 } else { 1.0 }, 1.0);
        }
    }
}

fn animate_crates(
    art: Res<RoomArt>,
    level: Res<Level>,
    time: Res<Time<Real>>,
    rooms: Query<&LavaRoom>,
    mut stages: Query<(&Stage, &mut RoomShapes)>,
    followers: Query<&Follows>,
    mut shapes_of: Query<(&mut Transform, &mut Visibility, &mut Mesh2d), Without<Stage>>,
    mut nodes: Query<&mut Transform, (With<Follows>, Without<Mesh2d>)>,
) {
    for (stage, mut shapes) in &mut stages {
        let Ok(room) = rooms.get(stage.arena) else { continue };
        let mut taken: Vec<Vec2> =
            shapes.crates.iter().filter_map(|shape| shape.sunk.map(|(place, _)| place)).collect();
        for (index, shape) in shapes.crates.iter_mut().enumerate() {
            if !room.is_sunk(index) {
                shape.sunk = None;
                if let Ok(follows) = followers.get(shape.node) {
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
            if let (Some((place, _)), Ok(mut node)) = (shape.sunk, nodes.get_mut(shape.node)) {
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
