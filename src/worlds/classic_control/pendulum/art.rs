//! pendulum on screen: a rod on a motor, an arc that shows its torque, and the place to hold it above.

use bevy::prelude::*;

use super::{Pendulum, ROD, STRONGEST};
use crate::agent::Controllers;
use crate::sim::{AgentSlots, Arena};
use crate::view::ViewSystems;
use crate::view::effects::{Art, FlatMaterials, Shimmer};
use crate::view::paint::{Paint, circle, polygon, rounded};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::stage::{Detail, Stage, StageSize};
use crate::view::tail::{Ghost, Tail};
use crate::worlds::bodiless::{Clock, Furnisher, Glide, Shapes, ease, paint_ground, paint_rim, player};

/// Half the picture's size, m. The motor is at its center.
const HALF: Vec2 = Vec2::new(2.0, 1.6);
const RIM: f32 = 0.12;
const LENGTH: f32 = ROD as f32;
/// Dots of the arc on either side, for a torque from nothing to the strongest.
const DOTS: usize = 6;
/// Distance of the arc from the motor, m, and the angle between two of its dots, rad.
const ARC: [f32; 2] = [0.36, 0.2];
/// Number of ghosts behind the tip, on the large stage and on small ones.
const TAIL: [usize; 2] = [14, 5];

#[derive(Resource)]
struct RodArt {
    board: Art,
    goal: Art,
    rod: [Art; 5],
    hub: Art,
    dot: Art,
    ghost: Art,
}

#[derive(Component)]
struct RodShapes {
    rod: Entity,
    link: Entity,
    /// Of a torque counter-clockwise and clockwise, outwards from nothing.
    arc: [[Entity; DOTS]; 2],
    tail: Tail,
    state: Glide<1>,
    /// Torque as a share of the strongest, smoothed.
    torque: f32,
}

/// Draws pendulum where it runs.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, prepare.run_if(any_with_component::<Pendulum>)).add_systems(
        PostUpdate,
        (furnish.in_set(ViewSystems::Furnish), animate.in_set(ViewSystems::Animate))
            .run_if(resource_exists::<RodArt>),
    );
}

/// Where the dots of a side lie: upwards from the top of the arc.
fn place(side: f32, dot: usize) -> Vec2 {
    let angle = side * ARC[1] * (dot as f32 + 1.0);
    Vec2::new(-angle.sin(), angle.cos()) * ARC[0]
}

fn furnish(
    mut commands: Commands,
    art: Res<RodArt>,
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &Pendulum)>,
) {
    for (entity, stage) in &stages {
        let Ok((arena, world)) = arenas.get(stage.arena) else { continue };
        let mut on = Furnisher { commands: &mut commands, inks: &inks, stage };
        on.put(entity, &art.board, Vec2::ZERO, 0.0);
        let goal = on.put(entity, &art.goal, Vec2::Y * LENGTH, 1.0);
        let rod = on.node(entity, 3.0);
        let link = on.put(rod, &art.rod[1], Vec2::ZERO, 0.1);
        on.put(entity, &art.hub, Vec2::ZERO, 4.0);
        let arc = [1.0, -1.0]
            .map(|side| std::array::from_fn(|dot| on.put(entity, &art.dot, place(side, dot), 5.0)));
        let ghost = art.ghost.at(stage.detail);
        let tail = Tail::spawn(&mut commands, &inks, ghost, entity, TAIL[stage.detail.index()], 2.0);
        commands.entity(goal).insert(Shimmer { opacity: [0.55, 1.0], period: 2.4, offset: 0.0 });
        let state = Glide::new([world.angle()], arena);
        commands.entity(entity).insert(RodShapes { rod, link, arc, tail, state, torque: 0.0 });
    }
}

fn animate(
    clock: Clock,
    art: Res<RodArt>,
    arenas: Query<(&Arena, &AgentSlots, &Pendulum, Option<&Controllers>)>,
    mut stages: Query<(&Stage, &mut RodShapes)>,
    mut shapes: Shapes,
    mut ghosts: Query<&mut Transform, With<Ghost>>,
) {
    let beat = clock.beat();
    for (stage, mut it) in &mut stages {
        let Ok((arena, seats, world, controllers)) = arenas.get(stage.arena) else { continue };
        let it = &mut *it;
        if it.state.go([world.angle()], 1, arena.steps(), beat).is_some() {
            it.tail.cut();
        }
        ease(&mut it.torque, seats.actions.scalar(0) / STRONGEST, beat.frame);
        let [angle] = it.state.now(beat);
        shapes.place(it.rod, Vec2::ZERO, angle);
        for (dots, side) in it.arc.into_iter().zip([1.0, -1.0]) {
            let strength = (side * it.torque).max(0.0) * DOTS as f32;
            for (dot, entity) in dots.into_iter().enumerate() {
                shapes.fade(entity, (strength - dot as f32).clamp(0.0, 1.0));
            }
        }
        shapes.wear(it.link, art.rod[player(controllers)].at(stage.detail));
        let gap = if stage.detail == Detail::Large { 0.05 } else { 0.12 };
        it.tail.drag(Vec2::new(-angle.sin(), angle.cos()) * LENGTH, gap, &mut ghosts);
    }
}

fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    commands.insert_resource(StageSize(HALF));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * HALF.y, paint);
    let rod = RodArt {
        board: art(&paint_board),
        goal: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.1), 0.25, palette::AMBER.alpha(0.25));
            canvas.line(&circle(Vec2::ZERO, 0.17), 0.03, palette::AMBER.solid());
        }),
        rod: palette::PLAYERS.map(|tone| art(&|canvas| paint_rod(canvas, tone))),
        hub: art(&|canvas| {
            canvas.fill(&circle(Vec2::ZERO, 0.15), palette::NIGHT.solid());
            let steel = palette::WALL.mix(palette::INK, 0.45);
            canvas.shade(&circle(Vec2::ZERO, 0.12), steel.mix(palette::INK, 0.3).solid(), steel.solid());
            canvas.fill(&circle(Vec2::ZERO, 0.035), palette::NIGHT.solid());
        }),
        dot: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.025), 0.05, palette::INK.alpha(0.3));
            canvas.fill(&circle(Vec2::ZERO, 0.034), palette::INK.alpha(0.9));
        }),
        ghost: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.04), 0.05, palette::AMBER.alpha(0.5));
        }),
    };
    commands.insert_resource(rod);
}

/// The rod upright, its lower end at the origin, with a weight at its tip.
fn paint_rod(canvas: &mut Paint, tone: Tone) {
    let (center, half) = (Vec2::Y * LENGTH / 2.0, Vec2::new(0.075, LENGTH / 2.0 + 0.075));
    canvas.soft(&rounded(center, half, 0.075), 0.16, tone.alpha(0.2));
    canvas.fill(&rounded(center, half, 0.075), tone.mix(palette::NIGHT, 0.5).solid());
    let top = rounded(center, half - 0.016, 0.059);
    canvas.shade(&top, tone.mix(palette::INK, 0.3).solid(), tone.solid());
    canvas.fill(&circle(Vec2::Y * LENGTH, 0.11), palette::NIGHT.solid());
    let bright = tone.mix(palette::INK, 0.4).solid();
    canvas.shade(&circle(Vec2::Y * LENGTH, 0.09), bright, tone.solid());
}

fn paint_board(canvas: &mut Paint) {
    paint_ground(canvas, HALF, RIM);
    // The reach of the rod.
    canvas.line(&polygon(Vec2::ZERO, LENGTH, 96), 0.018, palette::INK.alpha(0.07));
    canvas.soft(&circle(Vec2::new(0.0, -0.04), 0.24), 0.16, BLACK.alpha(0.4));
    canvas.fill(&circle(Vec2::new(0.0, -0.03), 0.24), palette::WALL_SIDE.solid());
    canvas.fill(&circle(Vec2::ZERO, 0.24), palette::WALL.solid());
    paint_rim(canvas, HALF, RIM);
}
