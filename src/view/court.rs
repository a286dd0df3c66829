//! Court: shared art of the ball games. A board with rails, a ball with a tail, and two ends, each with its score in the
//! floor and a light in the color of its controller.
//!
//! A world paints these once and spawns them on its stages, where they animate themselves. The world writes the score
//! into [`Ends`].

use bevy::prelude::*;

use super::ViewSystems;
use super::digits;
use super::effects::{Art, FlatMaterials, Materials, decay};
use super::follow::Follows;
use super::paint::{Paint, circle, rounded};
use super::palette::{self, BLACK, Tone};
use super::stage::{Detail, Stage};
use super::tail::{Ghost, Tail};
use crate::agent::Controllers;
use crate::view::sound::Cue;

/// Ghosts in the tail of a large and of a small ball.
const TAIL: [usize; 2] = [12, 5];
/// Distance of ghosts behind a large and a small ball, in radii.
const GAP: [f32; 2] = [0.87, 1.79];
/// Longer than any ball moves between two frames.
const JUMP: f32 = 5.0;
/// Scale of a digit in the floor.
const DIGIT: f32 = 1.25;
/// Width of the light that marks a point.
const POINT_DEPTH: f32 = 3.0;

/// Adds the animation of balls and ends.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(
        PostUpdate,
        (
            drag_tails.run_if(resource_exists::<BallArt>),
            (color_ends, animate_ends).run_if(resource_exists::<EndsArt>),
        )
            .in_set(ViewSystems::Animate),
    );
}

/// A board of half size `half` with rails around its `floor`, and a shadow under it.
pub fn board(canvas: &mut Paint, half: Vec2, floor: Rect) {
    canvas.soft(&rounded(Vec2::new(0.0, -0.3), half - 0.3, 0.8), 0.8, BLACK.alpha(0.5));
    canvas.fill(&rounded(Vec2::new(0.0, -0.14), half - Vec2::X * 0.05, 0.7), palette::WALL_SIDE.solid());
    canvas.fill(&rounded(Vec2::new(0.0, 0.06), half - Vec2::new(0.05, 0.1), 0.7), palette::WALL.solid());
    canvas.fill(&rounded(floor.center(), floor.half_size(), 0.18), palette::FLOOR.solid());
    canvas.shade(
        &rounded(floor.center(), floor.half_size() - 0.05, 0.18),
        palette::FLOOR_ALT.solid(),
        palette::FLOOR.solid(),
    );
    let top = Rect::from_corners(Vec2::new(floor.min.x, floor.max.y - 0.5), floor.max);
    canvas.ramp(top, BLACK.alpha(0.32), BLACK.alpha(0.0));
}

/// Meshes of a ball, its tail and its effects.
#[derive(Resource)]
pub struct BallArt {
    ball: Art,
    glow: Art,
    ghost: Art,
    hit: Art,
    radius: f32,
}

/// Colors of a ball.
pub struct BallTones {
    /// At its rim.
    pub rim: Tone,
    /// In its middle.
    pub middle: Tone,
    /// Between both.
    pub body: Tone,
    /// Of its glow, with opacity.
    pub glow: (Tone, f32),
    /// Of its tail, with opacity.
    pub ghost: (Tone, f32),
}

impl BallArt {
    /// Paints a ball of `radius`, with `marks` on it.
    pub fn new(
        mut art: impl FnMut(&dyn Fn(&mut Paint)) -> Art,
        radius: f32,
        tones: &BallTones,
        marks: &dyn Fn(&mut Paint),
    ) -> Self {
        Self {
            ball: art(&|canvas| {
                canvas.fill(&circle(Vec2::ZERO, radius), tones.rim.solid());
                canvas.shade(&circle(Vec2::ZERO, radius - 0.035), tones.middle.solid(), tones.body.solid());
                marks(canvas);
            }),
            glow: art(&|canvas| {
                canvas.soft(&circle(Vec2::ZERO, radius), 0.75, tones.glow.0.alpha(tones.glow.1));
            }),
            ghost: art(&|canvas| {
                let (tone, alpha) = tones.ghost;
                canvas.soft(&circle(Vec2::ZERO, radius * 0.55), radius * 0.5, tone.alpha(alpha));
            }),
            hit: art(&|canvas| {
                canvas.soft(&circle(Vec2::ZERO, 0.25), 0.5, palette::INK.alpha(0.25));
                canvas.line(&circle(Vec2::ZERO, 0.5), 0.07, palette::INK.alpha(0.9));
            }),
            radius,
        }
    }

    /// Spawns a ball that follows `body` on a stage; returns the following entity.
    pub fn spawn(
        &self,
        commands: &mut Commands,
        materials: &FlatMaterials,
        detail: Detail,
        stage: Entity,
        body: Entity,
    ) -> Entity {
        let node =
            commands.spawn((Follows::new(body), Transform::from_xyz(0.0, 0.0, 4.0), ChildOf(stage))).id();
        let glow = Transform::from_xyz(0.0, 0.0, -0.1);
        commands.spawn((self.glow.at(detail), materials.plain(), glow, ChildOf(node)));
        commands.spawn((
            self.ball.at(detail),
            materials.plain(),
            Transform::from_xyz(0.0, 0.0, 0.1),
            ChildOf(node),
        ));
        let length = TAIL[detail.index()];
        let tail = Tail::spawn(commands, materials, self.ghost.at(detail), stage, length, 2.0);
        commands.entity(stage).insert(Flight { node, tail, heading: Vec2::ZERO });
        node
    }

    /// A ring where the ball was hit.
    pub fn hit(&self, effects: &mut Materials, stage: Entity, detail: Detail, position: Vec2) {
        effects.sound(stage, Cue::Hit);
        effects.burst(stage, self.hit.at(detail), position.extend(5.0), [0.4, 1.9], 0.35);
    }
}

/// The tail of a stage's ball.
#[derive(Component)]
struct Flight {
    node: Entity,
    tail: Tail,
    /// Direction in which the ball last moved.
    heading: Vec2,
}

/// Ball radii per frame below which a ball is slow.
const SLOW: f32 = 0.35;
/// A ball has bounced if the cosine between its directions before and after is below this.
const BOUNCE: f32 = 0.95;

fn drag_tails(
    mut effects: Materials,
    art: Res<BallArt>,
    mut stages: Query<(Entity, &Stage, &mut Flight)>,
    followers: Query<(&Follows, &Transform), Without<Ghost>>,
    mut ghosts: Query<&mut Transform, With<Ghost>>,
) {
    for (entity, stage, mut flight) in &mut stages {
        let Ok(ball) = followers.get(flight.node) else { continue };
        let (moved, heading) = (ball.0.moved, ball.0.moved.normalize_or_zero());
        // At the top of its arc a ball turns as well, but slowly.
        let fast = moved.length() > SLOW * art.radius && moved.length() < JUMP;
        if heading != Vec2::ZERO && !fast {
            flight.heading = Vec2::ZERO;
        } else if fast {
            if flight.heading != Vec2::ZERO && heading.dot(flight.heading) < BOUNCE {
                effects.sound(entity, Cue::Bounce);
            }
            flight.heading = heading;
        }
        let gap = GAP[stage.detail.index()] * art.radius;
        flight.tail.follow(ball, gap, JUMP, &mut ghosts);
    }
}

/// Meshes of both ends, and their distance from the middle.
#[derive(Resource)]
pub struct EndsArt {
    digits: Vec<Art>,
    /// By end, then by player.
    lights: [[Art; 5]; 2],
    points: [Art; 2],
    edge: f32,
}

impl EndsArt {
    /// Paints ends for a floor of half size `floor`.
    pub fn new(mut art: impl FnMut(&dyn Fn(&mut Paint)) -> Art, floor: Vec2) -> Self {
        // A light that is brightest at the outer edge of `end`.
        let ramp = |canvas: &mut Paint, end: usize, outer: f32, inner: f32, tone: Tone, alpha: f32| {
            let rect = Rect::from_corners(
                Vec2::new(sign(end) * outer, -floor.y),
                Vec2::new(sign(end) * inner, floor.y),
            );
            let (strong, clear) = (tone.alpha(alpha), tone.alpha(0.0));
            let (left, right) = if end == 0 { (strong, clear) } else { (clear, strong) };
            canvas.ramp_across(rect, left, right);
        };
        let edge = floor.x + 0.02;
        Self {
            digits: (0..10)
                .map(|digit| art(&|canvas| digits::paint(canvas, digit, palette::INK.alpha(0.1))))
                .collect(),
            lights: [0, 1].map(|end| {
                palette::PLAYERS.map(|tone| art(&|canvas| ramp(canvas, end, edge, edge - 4.0, tone, 0.09)))
            }),
            // Centered on the edge of the conceding side.
            points: [0, 1]
                .map(|end| art(&|canvas| ramp(canvas, end, 0.0, -POINT_DEPTH, palette::AMBER, 0.55))),
            edge: floor.x,
        }
    }

    /// Spawns both ends on a stage: lights in the color of the first slot of each end, and digits in the floor at `place`
    /// and mirrored.
    pub fn spawn(
        &self,
        commands: &mut Commands,
        materials: &FlatMaterials,
        detail: Detail,
        stage: Entity,
        place: Vec2,
        slots: [usize; 2],
    ) {
        let mut spawn = |art: &Art, at: Vec3| {
            let place = Transform::from_translation(at);
            commands.spawn((art.at(detail), materials.plain(), place, ChildOf(stage))).id()
        };
        let lights = [0, 1].map(|end| spawn(&self.lights[end][1], Vec3::new(0.0, 0.0, 0.5)));
        let digits = [0, 1].map(|end| spawn(&self.digits[0], Vec3::new(sign(end) * place.x, place.y, 1.0)));
        // Points scored before the stage was shown are not celebrated.
        let shown = [u32::MAX; 2];
        let ends = Ends { scores: [0; 2], slots, lights, digits, shown, scored: [0.0; 2] };
        commands.entity(stage).insert(ends);
    }
}

/// `−1` for the left end, `1` for the right one.
pub fn sign(end: usize) -> f32 {
    if end == 0 { -1.0 } else { 1.0 }
}

/// Both ends of a stage.
#[derive(Component)]
pub struct Ends {
    /// Points by end, as shown.
    pub scores: [u32; 2],
    slots: [usize; 2],
    lights: [Entity; 2],
    digits: [Entity; 2],
    shown: [u32; 2],
    /// By end: 1 when its score has just changed.
    scored: [f32; 2],
}

/// Colors the floor behind a player by its controller.
fn color_ends(
    art: Res<EndsArt>,
    stages: Query<(&Stage, &Ends)>,
    controllers: Query<&Controllers>,
    mut meshes: Query<&mut Mesh2d>,
) {
    for (stage, ends) in &stages {
        let Ok(controllers) = controllers.get(stage.arena) else { continue };
        for end in 0..2 {
            let Some(controller) = controllers.get(ends.slots[end]) else { continue };
            if let Ok(mut mesh) = meshes.get_mut(ends.lights[end]) {
                mesh.set_if_neq(art.lights[end][palette::player(controller)].at(stage.detail));
            }
        }
    }
}

fn animate_ends(
    mut effects: Materials,
    art: Res<EndsArt>,
    mut stages: Query<(Entity, &Stage, &mut Ends)>,
    mut digits: Query<(&mut Transform, &mut Mesh2d), Without<Stage>>,
) {
    let seconds = effects.time.delta_secs();
    for (entity, stage, mut ends) in &mut stages {
        let ends = &mut *ends;
        for end in 0..2 {
            let score = ends.scores[end];
            if score > ends.shown[end] {
                ends.scored[end] = 1.0;
                // The light marks the end where the ball went out.
                let loser = 1 - end;
                let place = Vec3::new(sign(loser) * art.edge, 0.0, 2.5);
                effects.sound_at(entity, Cue::Point, if end == 0 { 1.0 } else { 0.75 });
                effects.burst(entity, art.points[loser].at(stage.detail), place, [1.0, 1.0], 0.7);
            }
            ends.shown[end] = score;
            ends.scored[end] = decay(ends.scored[end], 2.0, seconds);
            if let Ok((mut transform, mut mesh)) = digits.get_mut(ends.digits[end]) {
                transform.scale = Vec3::splat(DIGIT + 0.4 * ends.scored[end].powi(2));
                mesh.set_if_neq(art.digits[(score as usize).min(9)].at(stage.detail));
            }
        }
    }
}
