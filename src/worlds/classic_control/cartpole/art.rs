//! cartpole and cart-pole on screen: a cart with eyes on a rail, the pole within the fan of allowed angles.

use bevy::prelude::*;

use super::{Balancing, FARTHEST, HALF_POLE, STEEPEST, push};
use crate::agent::Controllers;
use crate::sim::{AgentSlots, Arena};
use crate::view::ViewSystems;
use crate::view::effects::{Art, FlatMaterials, Materials, decay};
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::scroll::Scroll;
use crate::view::sound::Cue;
use crate::view::stage::{Stage, StageSize};
use crate::worlds::bodiless::{
    Clock, Furnisher, Glide, Shapes, appear, ease, paint_ground, paint_rim, paint_ring, player, succeeded,
};

/// Half the picture's size, m.
const HALF: Vec2 = Vec2::new(3.05, 1.6);
const RIM: f32 = 0.11;
const RAIL: f32 = -0.8;
/// Where the pole is hinged, above the rail's middle.
const HINGE: f32 = RAIL + 0.34;
const POLE: f32 = 2.0 * HALF_POLE as f32;
const WHEEL: f32 = 0.08;
const WHEELS: [Vec2; 2] = [Vec2::new(-0.16, WHEEL + 0.03 - 0.34), Vec2::new(0.16, WHEEL + 0.03 - 0.34)];

#[derive(Resource)]
struct CartArt {
    board: Art,
    fan: Art,
    shadow: Art,
    carts: [Art; 5],
    eyes: Art,
    wheel: Art,
    pole: Art,
    fallen: Art,
    done: Art,
}

#[derive(Component)]
struct CartShapes {
    cart: Entity,
    body: Entity,
    eyes: Entity,
    wheels: [Entity; 2],
    pole: Entity,
    state: Glide<2>,
    /// −1 for pushes to the left, 1 to the right, smoothed.
    push: f32,
    /// 1 when the cart has just appeared.
    pop: f32,
}

/// Draws the world `W`: cartpole or cart-pole.
pub fn plugin<W: Balancing>(app: &mut App) {
    app.add_systems(Startup, prepare.run_if(any_with_component::<W>)).add_systems(
        PostUpdate,
        (furnish::<W>.in_set(ViewSystems::Furnish), animate::<W>.in_set(ViewSystems::Animate))
            .run_if(resource_exists::<CartArt>),
    );
}

fn furnish<W: Balancing>(
    mut commands: Commands,
    art: Res<CartArt>,
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &W)>,
) {
    for (entity, stage) in &stages {
        let Ok((arena, world)) = arenas.get(stage.arena) else { continue };
        let mut on = Furnisher { commands: &mut commands, inks: &inks, stage };
        on.put(entity, &art.board, Vec2::ZERO, 0.0);
        let cart = on.node(entity, 1.0);
        on.put(cart, &art.fan, Vec2::ZERO, 0.0);
        on.put(cart, &art.shadow, Vec2::ZERO, 0.1);
        let body = on.put(cart, &art.carts[1], Vec2::ZERO, 0.2);
        let eyes = on.put(body, &art.eyes, Vec2::ZERO, 0.1);
        let wheels = WHEELS.map(|place| on.put(cart, &art.wheel, place, 0.4));
        let pole = on.put(cart, &art.pole, Vec2::ZERO, 0.5);
        let state = Glide::new([world.angle(), world.x()], arena);
        // The picture has the hinge below its middle; the arena has it at its origin.
        commands.entity(entity).insert(Scroll(Vec2::NEG_Y * HINGE));
        commands.entity(entity).insert(CartShapes {
            cart,
            body,
            eyes,
            wheels,
            pole,
            state,
            push: 0.0,
            pop: 1.0,
        });
    }
}

fn animate<W: Balancing>(
    clock: Clock,
    mut studio: Materials,
    art: Res<CartArt>,
    arenas: Query<(&Arena, &AgentSlots, &W, Option<&Controllers>)>,
    mut stages: Query<(Entity, &Stage, &mut CartShapes)>,
    mut shapes: Shapes,
) {
    let beat = clock.beat();
    for (entity, stage, mut it) in &mut stages {
        let Ok((arena, seats, world, controllers)) = arenas.get(stage.arena) else { continue };
        let it = &mut *it;
        if let Some([angle, x]) = it.state.go([world.angle(), world.x()], 0, arena.steps(), beat) {
            let tip = Vec2::new(x, HINGE) + Vec2::new(angle.sin(), angle.cos()) * POLE;
            let ring = if succeeded(seats) { &art.done } else { &art.fallen };
            studio.sound(entity, if succeeded(seats) { Cue::Goal } else { Cue::Lost });
            studio.burst(entity, ring.at(stage.detail), tip.extend(5.0), [0.5, 1.5], 0.4);
            it.pop = 1.0;
        }
        let [angle, x] = it.state.now(beat);
        ease(&mut it.push, push(seats.actions.row(0)) as f32, beat.frame);
        it.pop = decay(it.pop, 3.0, beat.frame);
        shapes.place(it.cart, Vec2::new(x, HINGE), 0.0);
        shapes.place(it.pole, Vec2::ZERO, -angle);
        shapes.place(it.body, Vec2::ZERO, -0.05 * it.push);
        shapes.place(it.eyes, Vec2::new(0.035 * it.push, -0.1), 0.0);
        let blink = (studio.time.elapsed_secs() + stage.index as f32 * 0.7) % 4.3 < 0.12;
        shapes.scale(it.eyes, Vec2::new(1.0, if blink { 0.15 } else { 1.0 }));
        for (wheel, place) in it.wheels.into_iter().zip(WHEELS) {
            shapes.place(wheel, place, -x / WHEEL);
        }
        shapes.scale(it.cart, Vec2::splat(appear(it.pop)));
        shapes.wear(it.body, art.carts[player(controllers)].at(stage.detail));
    }
}

fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    commands.insert_resource(StageSize(HALF));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * HALF.y, paint);
    let cart = CartArt {
        board: art(&paint_board),
        fan: art(&paint_fan),
        shadow: art(&|canvas| {
            let floor = rounded(Vec2::new(0.0, RAIL - HINGE + 0.02), Vec2::new(0.24, 0.012), 0.012);
            canvas.soft(&floor, 0.06, BLACK.alpha(0.5));
        }),
        carts: palette::PLAYERS.map(|tone| art(&|canvas| paint_cart(canvas, tone))),
        eyes: art(&|canvas| {
            for x in [-0.075, 0.075] {
                let eye = rounded(Vec2::new(x, 0.0), Vec2::new(0.026, 0.042), 0.026);
                canvas.fill(&eye, palette::NIGHT.solid());
                canvas.fill(&circle(Vec2::new(x + 0.008, 0.016), 0.01), palette::INK.solid());
            }
        }),
        wheel: art(&|canvas| {
            canvas.fill(&circle(Vec2::ZERO, WHEEL), palette::NIGHT.solid());
            canvas.line(&circle(Vec2::ZERO, WHEEL - 0.012), 0.016, palette::WALL.solid());
            let spoke = palette::WALL.mix(palette::INK, 0.3).solid();
            canvas.fill(&rounded(Vec2::ZERO, Vec2::new(0.05, 0.009), 0.009), spoke);
            canvas.fill(&rounded(Vec2::ZERO, Vec2::new(0.009, 0.05), 0.009), spoke);
        }),
        pole: art(&paint_pole),
        fallen: art(&|canvas| paint_ring(canvas, 0.2, palette::ROSE)),
        done: art(&|canvas| paint_ring(canvas, 0.2, palette::AMBER)),
    };
    commands.insert_resource(cart);
}

fn paint_board(canvas: &mut Paint) {
    let (inner, end) = (HALF - RIM, FARTHEST as f32);
    paint_ground(canvas, HALF, RIM);
    // The floor, darker than the wall behind.
    let floor = Rect::from_corners(-inner, Vec2::new(inner.x, RAIL - 0.09));
    canvas.ramp(
        floor,
        palette::WALL_SIDE.mix(palette::FLOOR, 0.35).solid(),
        palette::FLOOR.mix(BLACK, 0.25).solid(),
    );
    // The limits of the rail.
    for side in [-1.0, 1.0] {
        let (strong, clear) = (palette::ROSE.alpha(0.16), palette::ROSE.alpha(0.0));
        let low = Vec2::new(side * end, -inner.y);
        let beyond = Rect::from_corners(low, Vec2::new(side * inner.x, inner.y));
        if side < 0.0 {
            canvas.ramp_across(beyond, strong, clear);
        } else {
            canvas.ramp_across(beyond, clear, strong);
        }
        for index in 0..10 {
            let dash = Vec2::new(side * end, RAIL + 0.16 + 0.2 * index as f32);
            canvas.fill(&rounded(dash, Vec2::new(0.014, 0.055), 0.014), palette::ROSE.alpha(0.45));
        }
    }
    canvas.soft(
        &rounded(Vec2::new(0.0, RAIL - 0.08), Vec2::new(inner.x, 0.02), 0.02),
        0.1,
        BLACK.alpha(0.35),
    );
    canvas.fill(
        &rounded(Vec2::new(0.0, RAIL - 0.035), Vec2::new(inner.x, 0.05), 0.02),
        palette::WALL_SIDE.solid(),
    );
    let steel = palette::WALL.mix(palette::INK, 0.18).solid();
    canvas.fill(&rounded(Vec2::new(0.0, RAIL), Vec2::new(inner.x, 0.03), 0.01), steel);
    for index in -3..=3 {
        let tick = Vec2::new(0.8 * index as f32, RAIL - 0.2);
        let half = Vec2::new(0.016, if index == 0 { 0.08 } else { 0.045 });
        canvas.fill(&rounded(tick, half, 0.016), palette::INK.alpha(if index == 0 { 0.3 } else { 0.16 }));
    }
    paint_rim(canvas, HALF, RIM);
}

/// The fan of angles the pole must stay in.
fn paint_fan(canvas: &mut Paint) {
    let reach = POLE + 0.14;
    let edge = |side: f32| Vec2::new(side * STEEPEST.sin() as f32, STEEPEST.cos() as f32) * reach;
    let arc: Vec<Vec2> = (0..=12)
        .map(|step| {
            let angle = STEEPEST as f32 * (1.0 - step as f32 / 6.0);
            Vec2::new(angle.sin(), angle.cos()) * reach
        })
        .collect();
    let outline: Vec<Vec2> = std::iter::once(Vec2::ZERO).chain(arc).collect();
    canvas.fill(&outline, palette::INK.alpha(0.05));
    for side in [-1.0, 1.0] {
        canvas.stroke(&[edge(side) * 0.25, edge(side)], 0.014, palette::ROSE.alpha(0.4));
    }
}

fn paint_cart(canvas: &mut Paint, tone: Tone) {
    let (bright, dark) = (tone.mix(palette::INK, 0.35), tone.mix(palette::NIGHT, 0.5));
    let (center, half) = (Vec2::new(0.0, -0.11), Vec2::new(0.28, 0.13));
    canvas.soft(&rounded(center, half, 0.1), 0.25, tone.alpha(0.22));
    canvas.fill(&rounded(center, half, 0.09), dark.solid());
    canvas.shade(&rounded(center + Vec2::new(0.0, 0.012), half - 0.018, 0.075), bright.solid(), tone.solid());
}

fn paint_pole(canvas: &mut Paint) {
    let half = Vec2::new(0.036, POLE / 2.0 + 0.036);
    let center = Vec2::new(0.0, POLE / 2.0);
    canvas.soft(&rounded(center - Vec2::new(0.0, 0.02), half, 0.036), 0.09, BLACK.alpha(0.35));
    canvas.fill(&rounded(center, half, 0.036), palette::WOOD_DARK.solid());
    canvas.fill(&rounded(center, half - 0.01, 0.026), palette::WOOD.solid());
    canvas.soft(&circle(Vec2::Y * POLE, 0.05), 0.2, palette::AMBER.alpha(0.4));
    canvas.fill(&circle(Vec2::Y * POLE, 0.065), palette::AMBER.mix(palette::NIGHT, 0.25).solid());
    let bright = palette::AMBER.mix(palette::INK, 0.5).solid();
    canvas.shade(&circle(Vec2::Y * POLE, 0.053), bright, palette::AMBER.solid());
    canvas.fill(&circle(Vec2::ZERO, 0.055), palette::NIGHT.solid());
    canvas.fill(&circle(Vec2::ZERO, 0.03), palette::WALL.mix(palette::INK, 0.4).solid());
}
