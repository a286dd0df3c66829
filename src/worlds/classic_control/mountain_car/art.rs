//! mountain-car on screen: a small car in a valley at night, a flag on the hill.

use bevy::prelude::*;

use super::{MountainCar, ROAD, flag, push};
use crate::agent::Controllers;
use crate::sim::{AgentSlots, Arena};
use crate::view::ViewSystems;
use crate::view::effects::{Art, FlatMaterials, Materials, Pulse, decay, swing};
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::sound::Cue;
use crate::view::stage::{Detail, Stage, StageSize};
use crate::worlds::bodiless::{
    Clock, Furnisher, Glide, Shapes, appear, ease, paint_ground, paint_rim, paint_ring, player, succeeded,
};
use crate::worlds::classic_control::Classic;

/// Half the picture's size, in the road's units.
const HALF: Vec2 = Vec2::new(1.1, 0.74);
const RIM: f32 = 0.05;
/// The point of the road at the center of the picture.
const MIDDLE: Vec2 = Vec2::new(-0.3, 0.6);
const WHEEL: f32 = 0.026;
const WHEELS: [Vec2; 2] = [Vec2::new(-0.042, WHEEL), Vec2::new(0.042, WHEEL)];
/// Seconds between two puffs of the engine.
const PUFF: f32 = 0.09;

#[derive(Resource)]
struct CarArt {
    board: Art,
    halo: Art,
    mast: Art,
    cloth: Art,
    cars: [Art; 5],
    wheel: Art,
    puff: Art,
    done: Art,
}

#[derive(Component)]
struct CarShapes {
    car: Entity,
    body: Entity,
    wheels: [Entity; 2],
    cloth: Entity,
    state: Glide<1>,
    /// −1 while the engine pushes left, 1 right, smoothed.
    push: f32,
    /// Seconds since the last puff.
    quiet: f32,
    /// 1 when the car has just appeared.
    pop: f32,
}

/// The road at `position`, as drawn, and how steep it is there, rad.
fn road(position: f32) -> (Vec2, f32) {
    let height = 0.45 * (3.0 * position).sin() + 0.55;
    (Vec2::new(position, height) - MIDDLE, (1.35 * (3.0 * position).cos()).atan())
}

/// Draws mountain-car where it runs.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, prepare.run_if(any_with_component::<MountainCar>)).add_systems(
        PostUpdate,
        (furnish.in_set(ViewSystems::Furnish), animate.in_set(ViewSystems::Animate))
            .run_if(resource_exists::<CarArt>),
    );
}

fn furnish(
    mut commands: Commands,
    art: Res<CarArt>,
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &MountainCar)>,
    rules: Res<Classic>,
) {
    for (entity, stage) in &stages {
        let Ok((arena, world)) = arenas.get(stage.arena) else { continue };
        let mut on = Furnisher { commands: &mut commands, inks: &inks, stage };
        on.put(entity, &art.board, Vec2::ZERO, 0.0);
        let (summit, _) = road(flag(&rules) as f32);
        let halo = on.put(entity, &art.halo, summit + Vec2::Y * 0.1, 1.0);
        let cloth = on.put(entity, &art.cloth, summit + Vec2::new(0.006, 0.21), 1.1);
        on.put(entity, &art.mast, summit, 1.2);
        let car = on.node(entity, 3.0);
        let body = on.put(car, &art.cars[1], Vec2::ZERO, 0.1);
        let wheels = WHEELS.map(|place| on.put(car, &art.wheel, place, 0.2));
        commands.entity(halo).insert(Pulse { scale: [0.75, 1.0], period: 2.0 });
        let state = Glide::new([world.position()], arena);
        commands.entity(entity).insert(CarShapes {
            car,
            body,
            wheels,
            cloth,
            state,
            push: 0.0,
            quiet: 0.0,
            pop: 1.0,
        });
    }
}

fn animate(
    clock: Clock,
    mut studio: Materials,
    art: Res<CarArt>,
    arenas: Query<(&Arena, &AgentSlots, &MountainCar, Option<&Controllers>)>,
    mut stages: Query<(Entity, &Stage, &mut CarShapes)>,
    mut shapes: Shapes,
    rules: Res<Classic>,
) {
    let beat = clock.beat();
    for (entity, stage, mut it) in &mut stages {
        let Ok((arena, seats, world, controllers)) = arenas.get(stage.arena) else { continue };
        let it = &mut *it;
        let before = it.state.to;
        if it.state.go([world.position()], 0, arena.steps(), beat).is_some() {
            if succeeded(seats) {
                let place = (road(flag(&rules) as f32).0 + Vec2::Y * 0.1).extend(5.0);
                studio.sound(entity, Cue::Goal);
                studio.burst(entity, art.done.at(stage.detail), place, [0.5, 2.6], 0.8);
            }
            it.pop = 1.0;
        }
        let [position] = it.state.now(beat);
        let (place, slope) = road(position);
        let push = push(&rules, &seats.actions);
        ease(&mut it.push, push, beat.frame);
        it.quiet += beat.frame;
        it.pop = decay(it.pop, 3.0, beat.frame);
        // Only while the car moves: no puffs while paused.
        if push != 0.0 && before != it.state.to && it.quiet > PUFF && stage.detail == Detail::Large {
            it.quiet = 0.0;
            let behind = place + Vec2::from_angle(slope).rotate(Vec2::new(-push * 0.085, 0.03));
            studio.sound(entity, Cue::Thrust);
            studio.burst(entity, art.puff.at(stage.detail), behind.extend(2.5), [0.5, 1.7], 0.6);
        }
        shapes.place(it.car, place, slope);
        // The engine lifts the end it pushes.
        shapes.place(it.body, Vec2::ZERO, 0.09 * it.push);
        for (wheel, place) in it.wheels.into_iter().zip(WHEELS) {
            // A little less than rolling without slip on the slope, which is not visible.
            shapes.place(wheel, place, -position / WHEEL);
        }
        shapes.scale(it.car, Vec2::splat(appear(it.pop)));
        shapes.wear(it.body, art.cars[player(controllers)].at(stage.detail));
        let seconds = studio.time.elapsed_secs() + stage.index as f32 * 0.3;
        shapes
            .scale(it.cloth, Vec2::new(swing(seconds, 1.1, [0.82, 1.0]), swing(seconds, 0.7, [0.94, 1.04])));
    }
}

fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    commands.insert_resource(StageSize(HALF));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * HALF.y, paint);
    let car = CarArt {
        board: art(&paint_board),
        halo: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.05), 0.16, palette::AMBER.alpha(0.28));
        }),
        mast: art(&|canvas| {
            let mast = rounded(Vec2::Y * 0.1, Vec2::new(0.007, 0.12), 0.007);
            canvas.fill(&mast, palette::INK.mix(palette::WALL, 0.2).solid());
            canvas.fill(&circle(Vec2::Y * 0.225, 0.013), palette::AMBER.solid());
        }),
        cloth: art(&|canvas| {
            let cloth = [Vec2::ZERO, Vec2::new(0.0, -0.085), Vec2::new(0.12, -0.042)];
            canvas.fill(&cloth, palette::AMBER.solid());
            let light = [Vec2::new(0.0, -0.012), Vec2::new(0.0, -0.045), Vec2::new(0.06, -0.04)];
            canvas.fill(&light, palette::AMBER.mix(palette::INK, 0.4).alpha(0.7));
        }),
        cars: palette::PLAYERS.map(|tone| art(&|canvas| paint_car(canvas, tone))),
        wheel: art(&|canvas| {
            canvas.fill(&circle(Vec2::ZERO, WHEEL), palette::NIGHT.solid());
            let rim = palette::WALL.mix(palette::INK, 0.4).solid();
            canvas.fill(&circle(Vec2::ZERO, 0.013), rim);
            canvas.fill(&rounded(Vec2::ZERO, Vec2::new(0.004, 0.018), 0.004), rim);
        }),
        puff: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.012), 0.022, palette::INK.alpha(0.35));
        }),
        done: art(&|canvas| paint_ring(canvas, 0.12, palette::AMBER)),
    };
    commands.insert_resource(car);
}

fn paint_car(canvas: &mut Paint, tone: Tone) {
    let (bright, dark) = (tone.mix(palette::INK, 0.35), tone.mix(palette::NIGHT, 0.5));
    let (cabin, cabin_half) = (Vec2::new(-0.008, 0.083), Vec2::new(0.042, 0.028));
    let (hull, hull_half) = (Vec2::new(0.0, 0.051), Vec2::new(0.078, 0.026));
    canvas.soft(&rounded(hull, hull_half, 0.025), 0.08, tone.alpha(0.25));
    canvas.fill(&rounded(cabin, cabin_half, 0.022), dark.solid());
    canvas.fill(&rounded(cabin + Vec2::new(0.0, 0.001), cabin_half - 0.006, 0.017), tone.solid());
    for x in [-0.02, 0.02] {
        let glass = rounded(cabin + Vec2::new(x, 0.003), Vec2::new(0.013, 0.012), 0.006);
        canvas.fill(&glass, palette::NIGHT.mix(palette::SKY, 0.25).solid());
    }
    canvas.fill(&rounded(hull, hull_half, 0.02), dark.solid());
    canvas.shade(
        &rounded(hull + Vec2::new(0.0, 0.003), hull_half - 0.006, 0.016),
        bright.solid(),
        tone.solid(),
    );
    let lamp = Vec2::new(0.066, 0.055);
    canvas.soft(&circle(lamp + Vec2::new(0.03, -0.004), 0.012), 0.05, palette::AMBER.alpha(0.35));
    canvas.fill(&circle(lamp, 0.009), palette::AMBER.mix(palette::INK, 0.5).solid());
}

fn paint_board(canvas: &mut Paint) {
    let inner = HALF - 0.7 * RIM;
    paint_ground(canvas, HALF, RIM);
    let sky = Rect::from_corners(-inner, inner);
    canvas.ramp(
        sky,
        palette::NIGHT.mix(palette::FLOOR, 0.45).solid(),
        palette::FLOOR_ALT.mix(palette::SKY, 0.2).solid(),
    );
    // Scattered deterministically, so that every night looks the same.
    for star in 0..46 {
        let seed = star as f32;
        let place = Vec2::new((seed * 2.399).sin(), (seed * 1.713).cos() * 0.55 + 0.45) * inner;
        let size = 0.0022 + 0.0028 * (seed * 3.1).sin().abs();
        canvas.fill(&circle(place, size), palette::INK.alpha(0.12 + 0.3 * (seed * 1.9).cos().abs()));
    }
    let moon = Vec2::new(-0.12, 0.42);
    canvas.soft(&circle(moon, 0.07), 0.15, palette::INK.alpha(0.14));
    canvas.fill(&circle(moon, 0.075), palette::INK.mix(palette::SKY, 0.15).alpha(0.85));
    for (x, y, radius) in [(-0.02, 0.02, 0.015), (0.03, -0.018, 0.011), (-0.022, -0.03, 0.008)] {
        canvas.fill(&circle(moon + Vec2::new(x, y), radius), palette::MUTED.alpha(0.35));
    }
    for (height, swell, pitch, offset, tone) in [
        (0.02, 0.13, 3.1, 0.4, palette::FLOOR_ALT.mix(palette::SKY, 0.1)),
        (-0.13, 0.11, 4.3, 2.4, palette::FLOOR.mix(palette::SKY, 0.04)),
    ] {
        let ridge = |x: f32| Vec2::new(x, height + swell * (pitch * x + offset).sin());
        paint_hill(canvas, ridge, tone.solid(), palette::FLOOR.mix(palette::NIGHT, 0.2).solid());
    }
    let crest = |x: f32| road(x + MIDDLE.x).0;
    let soil = palette::WALL_SIDE.mix(palette::FLOOR, 0.2).solid();
    paint_hill(canvas, crest, soil, palette::NIGHT.mix(palette::FLOOR, 0.5).solid());
    let line = |offset: f32| -> Vec<Vec2> { columns().map(|x| crest(x) + Vec2::Y * offset).collect() };
    canvas.stroke(&line(-0.017), 0.026, palette::WALL_SIDE.mix(BLACK, 0.25).solid());
    canvas.stroke(&line(-0.007), 0.022, palette::WALL.mix(palette::INK, 0.15).solid());
    // The wall that stops the car: its middle must not pass the road's end.
    let (end, _) = road(ROAD[0] as f32);
    let wall = rounded(end + Vec2::new(-0.105, 0.03), Vec2::new(0.024, 0.1), 0.014);
    canvas.fill(&wall, palette::WALL_SIDE.solid());
    let front = rounded(end + Vec2::new(-0.105, 0.038), Vec2::new(0.024, 0.1), 0.014);
    canvas.fill(&front, palette::WALL.mix(palette::INK, 0.1).solid());
    paint_rim(canvas, HALF, RIM);
}

/// Positions across the picture.
fn columns() -> impl Iterator<Item = f32> {
    let width = HALF.x - 0.7 * RIM;
    (0..=96).map(move |step| width * (step as f32 / 48.0 - 1.0))
}

/// Fills the picture below `crest`.
fn paint_hill(canvas: &mut Paint, crest: impl Fn(f32) -> Vec2, top: LinearRgba, bottom: LinearRgba) {
    let ridge: Vec<Vec2> = columns().map(&crest).collect();
    let ground: Vec<Vec2> = ridge.iter().map(|point| Vec2::new(point.x, 0.7 * RIM - HALF.y)).collect();
    canvas.band([&ridge, &ground], top, bottom);
    canvas.stroke(&ridge, 0.004, top);
}
