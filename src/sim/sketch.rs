//! Sketches: what an arena looks like as plain shapes, for pictures without a window.
//!
//! Bodies are drawn by their colliders. A world adds what has none, such as lava, and says which part of it is in view.

use bevy::prelude::*;
use bevy_rapier2d::rapier::dynamics::RigidBody;
use bevy_rapier2d::rapier::math::Pose;
use bevy_rapier2d::rapier::parry::shape::{Shape, TypedShape};

use super::Bodies;

/// Corners of a round shape.
const CORNERS: usize = 32;
/// Half the length of what has no end.
const FAR: f32 = 100.0;

/// What a shape stands for, which decides its color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Where players are.
    Floor,
    /// What stops them.
    Wall,
    /// The player of a slot, by its side: 0 the first, 1 the other.
    Player(usize),
    /// What moves otherwise.
    Thing,
    /// What is to be reached.
    Goal,
    /// What ends an episode badly.
    Hazard,
    /// A place for something.
    Mark,
    /// Ice.
    Ice,
    /// What opens.
    Door,
    /// A key or door of the color with this number.
    Key(usize),
    /// Thin lines.
    Line,
}

/// A filled shape, in the arena's coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it stands for.
    pub ink: Ink,
    /// Its corners, in order.
    pub outline: Vec<Vec2>,
}

/// An arena at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sketch {
    /// Shapes; later ones cover earlier ones.
    pub figures: Vec<Figure>,
    /// Center of the part in view.
    pub center: Vec2,
    /// Half its width and height, in world units.
    pub half: Vec2,
    /// Figures below bodies; all that were there when they are added, if it was not said.
    below: Option<usize>,
}

impl Sketch {
    /// Shows the part of the world within ±`half` of `center`.
    pub fn view(&mut self, center: Vec2, half: Vec2) -> &mut Self {
        (self.center, self.half) = (center, half);
        self
    }

    /// What is added from now on covers bodies.
    pub fn bodies_here(&mut self) {
        self.below = Some(self.figures.len());
    }

    /// Adds a polygon.
    pub fn polygon(&mut self, ink: Ink, outline: impl IntoIterator<Item = Vec2>) -> &mut Self {
        self.figures.push(Figure { ink, outline: outline.into_iter().collect() });
        self
    }

    /// Adds a disc.
    pub fn disc(&mut self, ink: Ink, center: Vec2, radius: f32) -> &mut Self {
        let corner = |index| std::f32::consts::TAU * index as f32 / CORNERS as f32;
        self.polygon(ink, (0..CORNERS).map(|index| center + radius * Vec2::from_angle(corner(index))))
    }

    /// Adds a rectangle parallel to the axes.
    pub fn rectangle(&mut self, ink: Ink, center: Vec2, half: Vec2) -> &mut Self {
        self.polygon(ink, corners(half).map(|corner| center + corner))
    }

    /// Adds a line of `width` from `a` to `b`, with round ends.
    pub fn line(&mut self, ink: Ink, a: Vec2, b: Vec2, width: f32) -> &mut Self {
        let start = (b - a).to_angle() + std::f32::consts::FRAC_PI_2;
        let ends = (0..=CORNERS).map(|index| {
            let (end, from) = if index <= CORNERS / 2 { (a, 0) } else { (b, 1) };
            let turn = std::f32::consts::TAU * (index - from) as f32 / (CORNERS - 1) as f32;
            end + width / 2.0 * Vec2::from_angle(start + turn)
        });
        self.polygon(ink, ends)
    }

    /// Adds the colliders of `bodies`; `ink` gives that of each by index, none for what is not to be seen.
    pub(super) fn bodies(&mut self, bodies: &Bodies, ink: impl Fn(usize, &RigidBody) -> Option<Ink>) {
        let Some((colliders, _)) = &bodies.touch else { return };
        let above = self.figures.split_off(self.below.unwrap_or(self.figures.len()));
        for (index, handle) in bodies.handles.iter().enumerate() {
            let Some(body) = bodies.set.get(*handle).filter(|body| body.is_enabled()) else { continue };
            let Some(ink) = ink(index, body) else { continue };
            for own in body.colliders().iter().filter_map(|own| colliders.get(*own)) {
                // Ticks without contacts move bodies and leave their colliders where they were.
                let place = own.position_wrt_parent().map_or(*own.position(), |own| *body.position() * *own);
                self.shape(ink, place, own.shape());
            }
        }
        self.figures.extend(above);
    }

    fn shape(&mut self, ink: Ink, place: Pose, shape: &dyn Shape) {
        let at = |point: Vec2| place * point;
        match shape.as_typed_shape() {
            TypedShape::Ball(ball) => _ = self.disc(ink, at(Vec2::ZERO), ball.radius),
            TypedShape::Cuboid(cuboid) => _ = self.polygon(ink, corners(cuboid.half_extents).map(at)),
            TypedShape::RoundCuboid(round) => {
                let half = round.inner_shape.half_extents + round.border_radius;
                self.polygon(ink, corners(half).map(at));
            }
            TypedShape::Capsule(capsule) => {
                self.line(ink, at(capsule.segment.a), at(capsule.segment.b), 2.0 * capsule.radius);
            }
            TypedShape::Segment(line) => _ = self.line(ink, at(line.a), at(line.b), 0.05),
            TypedShape::Triangle(own) => _ = self.polygon(ink, [own.a, own.b, own.c].map(at)),
            TypedShape::ConvexPolygon(own) => _ = self.polygon(ink, own.points().iter().map(|own| at(*own))),
            TypedShape::Polyline(own) => {
                // The ground, filled to where nobody looks.
                let line: Vec<Vec2> = own.vertices().iter().map(|own| at(*own)).collect();
                let ends =
                    [line.last(), line.first()].into_iter().flatten().map(|end| Vec2::new(end.x, -FAR));
                self.polygon(ink, line.iter().copied().chain(ends));
            }
            TypedShape::HalfSpace(half) => {
                let (normal, along) = (half.normal, half.normal.perp());
                let edge = [along * FAR, -along * FAR];
                self.polygon(ink, [edge[0], edge[1], edge[1] - normal * FAR, edge[0] - normal * FAR].map(at));
            }
            TypedShape::Compound(own) => {
                own.shapes().iter().for_each(|(part, shape)| self.shape(ink, place * *part, &**shape));
            }
            _ => {}
        }
    }

    /// Shows everything, if nothing else was said.
    pub(super) fn fit(&mut self) {
        if self.half != Vec2::ZERO {
            return;
        }
        let points = self.figures.iter().flat_map(|figure| &figure.outline);
        let (least, most) = points.fold((Vec2::INFINITY, Vec2::NEG_INFINITY), |(least, most), point| {
            (least.min(*point), most.max(*point))
        });
        if least.cmple(most).all() {
            self.view((least + most) / 2.0, (most - least) / 2.0);
        }
    }
}

fn corners(half: Vec2) -> [Vec2; 4] {
    [Vec2::new(-half.x, -half.y), Vec2::new(half.x, -half.y), half, Vec2::new(-half.x, half.y)]
}
