//! acrobot on screen: two links on a hook, a motor with arrows, and the line above.

use bevy::prelude::*;

use super::{Acrobot, LINE, LINK};
use crate::agent::Controllers;
use crate::sim::{AgentSlots, Arena};
use crate::view::ViewSystems;
use crate::view::effects::{Art, FlatMaterials, Materials, Shimmer};
use crate::view::paint::{Paint, circle, polygon, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::sound::Cue;
use crate::view::stage::{Detail, Stage, StageSize};
use crate::view::tail::{Ghost, Tail};
use crate::worlds::bodiless::{
    Clock, Furnisher, Glide, Shapes, ease, paint_ground, paint_rim, paint_ring, player, succeeded,
};

/// Half the picture's size, m. The hook is at its center.
const HALF: Vec2 = Vec2::new(3.3, 2.5);
const RIM: f32 = 0.17;
const LENGTH: f32 = LINK as f32;
const HEIGHT: f32 = LINE as f32;
/// Number of ghosts behind the tip, on the large stage and on small ones.
const TAIL: [usize; 2] = [14, 5];

#[derive(Resource)]
struct ArmArt {
    board: Art,
    line: Art,
    hook: Art,
    upper: Art,
    lower: [Art; 5],
    arrow: Art,
    tip: Art,
    ghost: Art,
    done: Art,
}

#[derive(Component)]
struct ArmShapes {
    upper: Entity,
    lower: Entity,
    link: Entity,
    /// Arrows of the motor turning left and right.
    arrows: [Entity; 2],
    tail: Tail,
    state: Glide<2>,
    /// −1 while the motor turns left, 1 right, smoothed.
    torque: f32,
}

/// Draws acrobot where it runs.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, prepare.run_if(any_with_component::<Acrobot>)).add_systems(
        PostUpdate,
        (furnish.in_set(ViewSystems::Furnish), animate.in_set(ViewSystems::Animate))
            .run_if(resource_exists::<ArmArt>),
    );
}

fn furnish(
    mut commands: Commands,
    art: Res<ArmArt>,
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &Acrobot)>,
) {
    for (entity, stage) in &stages {
        let Ok((arena, world)) = arenas.get(stage.arena) else { continue };
        let mut on = Furnisher { commands: &mut commands, inks: &inks, stage };
        on.put(entity, &art.board, Vec2::ZERO, 0.0);
        let line = on.put(entity, &art.line, Vec2::Y * HEIGHT, 1.0);
        let upper = on.put(entity, &art.upper, Vec2::ZERO, 3.0);
        let lower = on.node(upper, 0.2);
        let link = on.put(lower, &art.lower[1], Vec2::ZERO, 0.1);
        let arrows = [-1.0, 1.0].map(|side| on.put(lower, &art.arrow, Vec2::new(side * 0.24, -0.5), 0.2));
        on.put(lower, &art.tip, Vec2::NEG_Y * LENGTH, 0.3);
        on.put(entity, &art.hook, Vec2::ZERO, 4.0);
        let ghost = art.ghost.at(stage.detail);
        let tail = Tail::spawn(&mut commands, &inks, ghost, entity, TAIL[stage.detail.index()], 2.0);
        commands.entity(line).insert(Shimmer { opacity: [0.65, 1.0], period: 2.4, offset: 0.0 });
        let state = Glide::new(world.angles(), arena);
        commands.entity(entity).insert(ArmShapes { upper, lower, link, arrows, tail, state, torque: 0.0 });
    }
}

/// Where the tip is.
fn tip([upper, lower]: [f32; 2]) -> Vec2 {
    let along = |angle: f32| Vec2::new(angle.sin(), -angle.cos()) * LENGTH;
    along(upper) + along(upper + lower)
}

fn animate(
    clock: Clock,
    mut studio: Materials,
    art: Res<ArmArt>,
    arenas: Query<(&Arena, &AgentSlots, &Acrobot, Option<&Controllers>)>,
    mut stages: Query<(Entity, &Stage, &mut ArmShapes)>,
    mut shapes: Shapes,
    mut ghosts: Query<&mut Transform, With<Ghost>>,
) {
    let beat = clock.beat();
    for (entity, stage, mut it) in &mut stages {
        let Ok((arena, seats, world, controllers)) = arenas.get(stage.arena) else { continue };
        let it = &mut *it;
        if let Some(angles) = it.state.go(world.angles(), 2, arena.steps(), beat) {
            if succeeded(seats) {
                let place = tip(angles).extend(5.0);
                studio.sound(entity, Cue::Goal);
                studio.burst(entity, art.done.at(stage.detail), place, [0.5, 3.0], 0.8);
            }
            it.tail.cut();
        }
        let torque = seats.actions.index(0) as f32 - 1.0;
        ease(&mut it.torque, torque, beat.frame);
        let [upper, lower] = it.state.now(beat);
        shapes.place(it.upper, Vec2::ZERO, upper);
        shapes.place(it.lower, Vec2::NEG_Y * LENGTH, lower);
        for (arrow, side) in it.arrows.into_iter().zip([-1.0, 1.0]) {
            let strength = (it.torque * side).max(0.0);
            shapes.place(arrow, Vec2::new(side * (0.18 + 0.08 * strength), -0.5), 0.0);
            shapes.scale(arrow, Vec2::new(side, 1.0));
            shapes.fade(arrow, strength);
        }
        shapes.wear(it.link, art.lower[player(controllers)].at(stage.detail));
        let gap = if stage.detail == Detail::Large { 0.075 } else { 0.18 };
        it.tail.drag(tip(it.state.now(beat)), gap, &mut ghosts);
    }
}

fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    commands.insert_resource(StageSize(HALF));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * HALF.y, paint);
    let arm = ArmArt {
        board: art(&paint_board),
        line: art(&|canvas| {
            for index in -9..=9 {
                let dash = rounded(Vec2::new(0.3 * index as f32, 0.0), Vec2::new(0.095, 0.022), 0.022);
                canvas.soft(&dash, 0.12, palette::AMBER.alpha(0.22));
                canvas.fill(&dash, palette::AMBER.solid());
            }
        }),
        hook: art(&|canvas| {
            canvas.fill(&circle(Vec2::ZERO, 0.1), palette::NIGHT.solid());
            canvas.fill(&circle(Vec2::ZERO, 0.055), palette::WALL.mix(palette::INK, 0.45).solid());
        }),
        upper: art(&|canvas| {
            let steel = palette::WALL.mix(palette::INK, 0.32);
            paint_link(canvas, 0.115, steel);
        }),
        lower: palette::PLAYERS.map(|tone| {
            art(&|canvas| {
                let glow = rounded(Vec2::NEG_Y * 0.5 * LENGTH, Vec2::new(0.09, 0.55), 0.09);
                canvas.soft(&glow, 0.3, tone.alpha(0.18));
                paint_link(canvas, 0.095, tone);
                // The motor.
                canvas.fill(&circle(Vec2::ZERO, 0.16), palette::NIGHT.solid());
                let bright = tone.mix(palette::INK, 0.35).solid();
                canvas.shade(&circle(Vec2::ZERO, 0.125), bright, tone.solid());
                canvas.fill(&circle(Vec2::ZERO, 0.04), palette::NIGHT.solid());
            })
        }),
        arrow: art(&|canvas| {
            for (x, alpha) in [(0.0, 0.9), (0.14, 0.5)] {
                let head: Vec<Vec2> = polygon(Vec2::ZERO, 0.09, 3)
                    .into_iter()
                    .map(|point| Vec2::new(point.y + x, -point.x * 1.2))
                    .collect();
                canvas.fill(&head, palette::INK.alpha(alpha));
            }
        }),
        tip: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.1), 0.3, palette::AMBER.alpha(0.3));
            canvas.fill(&circle(Vec2::ZERO, 0.13), palette::AMBER.mix(palette::NIGHT, 0.25).solid());
            let bright = palette::AMBER.mix(palette::INK, 0.5).solid();
            canvas.shade(&circle(Vec2::ZERO, 0.107), bright, palette::AMBER.solid());
        }),
        ghost: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.06), 0.07, palette::AMBER.alpha(0.5));
        }),
        done: art(&|canvas| paint_ring(canvas, 0.35, palette::AMBER)),
    };
    commands.insert_resource(arm);
}

/// A link from the origin downwards, half `width` wide on either side.
fn paint_link(canvas: &mut Paint, width: f32, tone: Tone) {
    let center = Vec2::NEG_Y * LENGTH / 2.0;
    let half = Vec2::new(width, LENGTH / 2.0 + width);
    canvas.soft(&rounded(center, half, width), 0.14, BLACK.alpha(0.3));
    canvas.fill(&rounded(center, half, width), tone.mix(palette::NIGHT, 0.5).solid());
    let top = rounded(center, half - 0.022, width - 0.022);
    canvas.shade(&top, tone.mix(palette::INK, 0.3).solid(), tone.solid());
}

fn paint_board(canvas: &mut Paint) {
    let inner = HALF - RIM;
    paint_ground(canvas, HALF, RIM);
    // The line to reach.
    let zone = Rect::from_corners(Vec2::new(-inner.x, HEIGHT), inner);
    canvas.ramp(zone, palette::AMBER.alpha(0.02), palette::AMBER.alpha(0.1));
    // The reach of each link.
    for reach in [LENGTH, 2.0 * LENGTH] {
        canvas.line(&polygon(Vec2::ZERO, reach, 96), 0.022, palette::INK.alpha(0.06));
    }
    canvas.soft(&circle(Vec2::new(0.0, -0.06), 0.28), 0.2, BLACK.alpha(0.4));
    canvas.fill(&circle(Vec2::new(0.0, -0.04), 0.3), palette::WALL_SIDE.solid());
    canvas.fill(&circle(Vec2::ZERO, 0.3), palette::WALL.solid());
    canvas.fill(&circle(Vec2::ZERO, 0.22), palette::WALL.mix(palette::INK, 0.08).solid());
    paint_rim(canvas, HALF, RIM);
}
