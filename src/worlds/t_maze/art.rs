//! t-maze on screen: a dark corridor, the lamp that names a goal at its start, and two goals at its end.
//!
//! The whole corridor fits the picture whatever its length; marks on the floor are a tenth of it apart.

use bevy::prelude::*;

use super::{Corridor, TMaze};
use crate::agent::Controllers;
use crate::sim::{AgentSlots, Arena};
use crate::view::ViewSystems;
use crate::view::effects::{Art, FlatMaterials, Materials, Pulse, decay};
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, Tone};
use crate::view::sound::Cue;
use crate::view::stage::{Stage, StageSize};
use crate::worlds::bodiless::{
    Clock, Furnisher, Glide, Shapes, appear, paint_ground, paint_rim, paint_ring, player, succeeded,
};

/// Half the picture's size.
const HALF: Vec2 = Vec2::new(1.2, 0.5);
const RIM: f32 = 0.05;
/// x of the start and of the junction.
const ENDS: [f32; 2] = [-0.93, 0.93];
/// Half the width of the corridor.
const WIDTH: f32 = 0.085;
/// Distance of the goals from the corridor's middle.
const ARM: f32 = 0.25;
/// The lamp fades by this much per second once the cue is gone, so that people can read it, too.
const AFTERGLOW: f32 = 0.6;

#[derive(Resource)]
struct MazeArt {
    board: Art,
    lamp: Art,
    arrow: Art,
    gem: Art,
    walkers: [Art; 5],
    won: Art,
    lost: Art,
}

#[derive(Component)]
struct MazeShapes {
    walker: Entity,
    lamp: Entity,
    arrow: Entity,
    state: Glide<2>,
    /// 1 while the cue is visible, then fading.
    lit: f32,
    /// 1 when the walker has just appeared.
    pop: f32,
}

/// Where `place`, cells from the start and the side of the junction, is drawn.
fn spot([x, y]: [f32; 2], length: u32) -> Vec2 {
    Vec2::new(ENDS[0] + (ENDS[1] - ENDS[0]) * x / length as f32, ARM * y)
}

/// Draws t-maze where it runs.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, prepare.run_if(resource_exists::<Corridor>)).add_systems(
        PostUpdate,
        (furnish.in_set(ViewSystems::Furnish), animate.in_set(ViewSystems::Animate))
            .run_if(resource_exists::<MazeArt>.and_then(resource_exists::<Corridor>)),
    );
}

fn furnish(
    mut commands: Commands,
    art: Res<MazeArt>,
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<(&Arena, &TMaze)>,
) {
    for (entity, stage) in &stages {
        let Ok((arena, world)) = arenas.get(stage.arena) else { continue };
        let mut on = Furnisher { commands: &mut commands, inks: &inks, stage };
        on.put(entity, &art.board, Vec2::ZERO, 0.0);
        let lamp = on.put(entity, &art.lamp, Vec2::new(ENDS[0], 0.2), 1.0);
        let arrow = on.put(entity, &art.arrow, Vec2::new(ENDS[0], 0.2), 1.1);
        let gems = [1.0, -1.0].map(|side| on.put(entity, &art.gem, Vec2::new(ENDS[1], ARM * side), 1.0));
        let walker = on.put(entity, &art.walkers[1], Vec2::ZERO, 3.0);
        for gem in gems {
            commands.entity(gem).insert(Pulse { scale: [0.92, 1.06], period: 2.0 });
        }
        let state = Glide::new(world.place(), arena);
        commands.entity(entity).insert(MazeShapes { walker, lamp, arrow, state, lit: 1.0, pop: 1.0 });
    }
}

fn animate(
    clock: Clock,
    mut studio: Materials,
    art: Res<MazeArt>,
    corridor: Res<Corridor>,
    arenas: Query<(&Arena, &AgentSlots, &TMaze, Option<&Controllers>)>,
    mut stages: Query<(Entity, &Stage, &mut MazeShapes)>,
    mut shapes: Shapes,
) {
    let beat = clock.beat();
    for (entity, stage, mut it) in &mut stages {
        let Ok((arena, slots, world, controllers)) = arenas.get(stage.arena) else { continue };
        let it = &mut *it;
        if let Some([x, y]) = it.state.go(world.place(), 0, arena.steps(), beat) {
            // The last step was drawn before it was made: the walker disappears where it was.
            let won = succeeded(slots);
            let (ring, cue) = if won { (&art.won, Cue::Goal) } else { (&art.lost, Cue::Lost) };
            let last = spot([x, y], corridor.length).extend(5.0);
            studio.sound(entity, cue);
            studio.burst(entity, ring.at(stage.detail), last, [0.5, 2.2], 0.7);
            (it.lit, it.pop) = (1.0, 1.0);
        }
        it.pop = decay(it.pop, 3.0, beat.frame);
        it.lit = if arena.steps() == 0 { 1.0 } else { (it.lit - AFTERGLOW * beat.frame).max(0.0) };
        shapes.place(it.walker, spot(it.state.now(beat), corridor.length), 0.0);
        shapes.scale(it.walker, Vec2::splat(appear(it.pop)));
        shapes.wear(it.walker, art.walkers[player(controllers)].at(stage.detail));
        shapes.fade(it.lamp, it.lit);
        shapes.fade(it.arrow, it.lit);
        shapes.scale(it.arrow, Vec2::new(1.0, f32::from(world.goal())));
    }
}

fn prepare(mut commands: Commands, mut meshes: ResMut<Assets<Mesh>>) {
    commands.insert_resource(StageSize(HALF));
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, 2.0 * HALF.y, paint);
    let maze = MazeArt {
        board: art(&paint_board),
        lamp: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.07), 0.12, palette::AMBER.alpha(0.4));
            canvas.fill(&circle(Vec2::ZERO, 0.07), palette::AMBER.solid());
        }),
        arrow: art(&|canvas| {
            let arrow = [Vec2::new(-0.035, -0.02), Vec2::new(0.035, -0.02), Vec2::new(0.0, 0.04)];
            canvas.fill(&arrow, palette::NIGHT.solid());
        }),
        gem: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.045), 0.1, palette::MINT.alpha(0.3));
            canvas.fill(&rounded(Vec2::ZERO, Vec2::splat(0.04), 0.015), palette::MINT.solid());
        }),
        walkers: palette::PLAYERS.map(|tone| art(&|canvas| paint_walker(canvas, tone))),
        won: art(&|canvas| paint_ring(canvas, 0.12, palette::MINT)),
        lost: art(&|canvas| paint_ring(canvas, 0.12, palette::CRIMSON)),
    };
    commands.insert_resource(maze);
}

fn paint_walker(canvas: &mut Paint, tone: Tone) {
    canvas.soft(&circle(Vec2::ZERO, 0.05), 0.1, tone.alpha(0.3));
    canvas.fill(&circle(Vec2::ZERO, 0.056), tone.mix(palette::NIGHT, 0.5).solid());
    canvas.shade(&circle(Vec2::ZERO, 0.048), tone.mix(palette::INK, 0.4).solid(), tone.solid());
}

fn paint_board(canvas: &mut Paint) {
    paint_ground(canvas, HALF, RIM);
    let inner = HALF - 0.7 * RIM;
    canvas.fill(&rounded(Vec2::ZERO, inner, RIM), palette::WALL_SIDE.mix(palette::NIGHT, 0.35).solid());
    let middle = (ENDS[0] + ENDS[1]) / 2.0;
    let corridor = Vec2::new((ENDS[1] - ENDS[0]) / 2.0 + WIDTH, WIDTH);
    let arms = Vec2::new(WIDTH, ARM + WIDTH);
    for grow in [0.018, 0.0] {
        let tone = if grow > 0.0 { palette::WALL } else { palette::FLOOR };
        canvas.fill(&rounded(Vec2::X * middle, corridor + grow, 0.03 + grow), tone.solid());
        canvas.fill(&rounded(Vec2::X * ENDS[1], arms + grow, 0.03 + grow), tone.solid());
    }
    // The corridor's floor once more, over the rim of the arms.
    canvas.fill(&rounded(Vec2::X * middle, corridor, 0.03), palette::FLOOR.solid());
    for mark in 0..=10 {
        let x = ENDS[0] + (ENDS[1] - ENDS[0]) * mark as f32 / 10.0;
        let half = Vec2::new(0.005, WIDTH * if mark % 5 == 0 { 0.6 } else { 0.3 });
        canvas.fill(&rounded(Vec2::X * x, half, 0.005), palette::WALL.alpha(0.55));
    }
    let socket = circle(Vec2::new(ENDS[0], 0.2), 0.085);
    canvas.fill(&socket, palette::WALL.solid());
    canvas.fill(&circle(Vec2::new(ENDS[0], 0.2), 0.07), palette::NIGHT.solid());
    paint_rim(canvas, HALF, RIM);
}
