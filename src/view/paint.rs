//! Paint: rounded, soft-edged shapes as one mesh with vertex colors.
//!
//! A whole board is one draw call in one white material. Edges fade out over `feather` units, which
//! smooths them without multisampling, and wide fades are the shadows and glows: no texture, no
//! extra layer.

use std::f32::consts::{FRAC_PI_2, TAU};

use bevy::asset::RenderAssetUsages;
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::prelude::*;

/// A mesh under construction. Later shapes cover earlier ones.
#[derive(Debug, Clone)]
pub struct Paint {
    positions: Vec<[f32; 3]>,
    colors: Vec<[f32; 4]>,
    indices: Vec<u32>,
    feather: f32,
}

impl Paint {
    /// An empty mesh; edges will fade over `feather` units.
    pub fn new(feather: f32) -> Self {
        Self { positions: Vec::new(), colors: Vec::new(), indices: Vec::new(), feather }
    }

    /// Whether nothing has been painted.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Fills a convex outline, given counter-clockwise.
    pub fn fill(&mut self, outline: &[Vec2], color: LinearRgba) -> &mut Self {
        self.layers(outline, true, &[(0.0, color), (self.feather, color.with_alpha(0.0))])
    }

    /// Fills a convex outline and lets its edge fade out over `width` units.
    pub fn soft(&mut self, outline: &[Vec2], width: f32, color: LinearRgba) -> &mut Self {
        // A straight fade looks like a cone; a bend in the middle makes it a shadow.
        let half = color.with_alpha(color.alpha * 0.3);
        self.layers(outline, true, &[(0.0, color), (width * 0.45, half), (width, color.with_alpha(0.0))])
    }

    /// Draws a line of `width` along a convex outline, inside it.
    pub fn line(&mut self, outline: &[Vec2], width: f32, color: LinearRgba) -> &mut Self {
        let clear = color.with_alpha(0.0);
        let feather = self.feather;
        self.layers(
            outline,
            false,
            &[(-width - feather, clear), (-width, color), (0.0, color), (feather, clear)],
        )
    }

    /// Fills a convex outline from `middle` at its center to `edge`.
    pub fn shade(&mut self, outline: &[Vec2], middle: LinearRgba, edge: LinearRgba) -> &mut Self {
        let first = self.positions.len();
        self.fill(outline, edge);
        // The center is the first vertex `fill` makes.
        if let Some(color) = self.colors.get_mut(first) {
            *color = middle.to_f32_array();
        }
        self
    }

    /// A rectangle whose opacity goes from `top` to `bottom` edge.
    pub fn ramp(&mut self, rect: Rect, top: LinearRgba, bottom: LinearRgba) -> &mut Self {
        let first = self.positions.len() as u32;
        for (corner, color) in [
            (rect.min, bottom),
            (Vec2::new(rect.max.x, rect.min.y), bottom),
            (rect.max, top),
            (Vec2::new(rect.min.x, rect.max.y), top),
        ] {
            self.vertex(corner, color);
        }
        self.indices.extend([0, 1, 2, 0, 2, 3].map(|index| first + index));
        self
    }

    /// A rectangle whose opacity goes from `left` to `right` edge.
    pub fn ramp_across(&mut self, rect: Rect, left: LinearRgba, right: LinearRgba) -> &mut Self {
        let first = self.positions.len() as u32;
        for (corner, color) in [
            (rect.min, left),
            (Vec2::new(rect.max.x, rect.min.y), right),
            (rect.max, right),
            (Vec2::new(rect.min.x, rect.max.y), left),
        ] {
            self.vertex(corner, color);
        }
        self.indices.extend([0, 1, 2, 0, 2, 3].map(|index| first + index));
        self
    }

    /// A band between two lines of as many points each, the first one on the left of its direction.
    pub fn band(
        &mut self,
        [left, right]: [&[Vec2]; 2],
        left_color: LinearRgba,
        right_color: LinearRgba,
    ) -> &mut Self {
        let first = self.positions.len() as u32;
        for (&a, &b) in left.iter().zip(right) {
            self.vertex(a, left_color);
            self.vertex(b, right_color);
        }
        let pairs = left.len().min(right.len()) as u32;
        for pair in 1..pairs {
            let at = first + 2 * pair;
            self.indices.extend([at - 2, at - 1, at, at, at - 1, at + 1]);
        }
        self
    }

    /// Draws a line of `width` through the points, soft on both sides.
    pub fn stroke(&mut self, points: &[Vec2], width: f32, color: LinearRgba) -> &mut Self {
        let sides: Vec<Vec2> = (0..points.len())
            .map(|index| {
                let (from, to) = (points[index.saturating_sub(1)], points[(index + 1).min(points.len() - 1)]);
                (to - from).perp().normalize_or(Vec2::Y)
            })
            .collect();
        let shifted = |offset: f32| -> Vec<Vec2> {
            points.iter().zip(&sides).map(|(point, side)| point + side * offset).collect()
        };
        let (half, clear) = (width / 2.0, color.with_alpha(0.0));
        let edges = [half + self.feather, half, -half, -half - self.feather].map(shifted);
        for (pair, colors) in edges.windows(2).zip([[clear, color], [color, color], [color, clear]]) {
            self.band([&pair[0], &pair[1]], colors[0], colors[1]);
        }
        self
    }

    /// Copies of the outline, moved outwards by the offsets and joined by bands; if `filled`, the first one is closed by a
    /// fan.
    fn layers(&mut self, outline: &[Vec2], filled: bool, layers: &[(f32, LinearRgba)]) -> &mut Self {
        let count = outline.len() as u32;
        if count < 3 {
            return self;
        }
        let outward = normals(outline);
        if filled {
            let center = self.positions.len() as u32;
            self.vertex(outline.iter().sum::<Vec2>() / count as f32, layers[0].1);
            for index in 0..count {
                self.indices.extend([center, center + 1 + index, center + 1 + (index + 1) % count]);
            }
        }
        for (layer, &(offset, color)) in layers.iter().enumerate() {
            let start = self.positions.len() as u32;
            for (&point, &normal) in outline.iter().zip(&outward) {
                self.vertex(point + normal * offset, color);
            }
            if layer > 0 {
                let inner = start - count;
                for index in 0..count {
                    let next = (index + 1) % count;
                    self.indices.extend([inner + index, start + index, start + next]);
                    self.indices.extend([inner + index, start + next, inner + next]);
                }
            }
        }
        self
    }

    /// Paints a shape, defined around the origin, at `place`.
    pub fn stamp(&mut self, place: Vec2, shape: &dyn Fn(&mut Self)) {
        let first = self.positions.len();
        shape(self);
        for position in &mut self.positions[first..] {
            position[0] += place.x;
            position[1] += place.y;
        }
    }

    /// Its triangles in painting order, as three points with their colors.
    pub(super) fn triangles(&self) -> impl Iterator<Item = [(Vec2, LinearRgba); 3]> {
        let corner = |index: u32| {
            let [x, y, _] = self.positions[index as usize];
            (Vec2::new(x, y), LinearRgba::from_f32_array(self.colors[index as usize]))
        };
        self.indices.as_chunks::<3>().0.iter().map(move |corners| corners.map(corner))
    }

    fn vertex(&mut self, point: Vec2, color: LinearRgba) {
        self.positions.push([point.x, point.y, 0.0]);
        self.colors.push(color.to_f32_array());
    }

    /// The finished mesh.
    pub fn mesh(self) -> Mesh {
        Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::default())
            .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, self.positions)
            .with_inserted_attribute(Mesh::ATTRIBUTE_COLOR, self.colors)
            .with_inserted_indices(Indices::U32(self.indices))
    }
}

/// Outward directions at every point, long enough that edges move by one unit (corners: at most two).
fn normals(outline: &[Vec2]) -> Vec<Vec2> {
    let count = outline.len();
    let edge = |index: usize| {
        // Coinciding points have no edge; the next distinct one decides.
        (1..count)
            .map(|step| outline[(index + step) % count] - outline[index])
            .find(|edge| edge.length_squared() > 1e-10)
            .map_or(Vec2::X, |edge| Vec2::new(edge.y, -edge.x).normalize_or_zero())
    };
    (0..count)
        .map(|index| {
            let (before, after) = (edge((index + count - 1) % count), edge(index));
            let middle = (before + after).normalize_or(after);
            middle / middle.dot(after).max(0.5)
        })
        .collect()
}

/// A circle of 32 points.
pub fn circle(center: Vec2, radius: f32) -> Vec<Vec2> {
    (0..32).map(|index| center + Vec2::from_angle(TAU * index as f32 / 32.0) * radius).collect()
}

/// A regular polygon whose first corner points up.
pub fn polygon(center: Vec2, radius: f32, corners: usize) -> Vec<Vec2> {
    (0..corners)
        .map(|index| center + Vec2::from_angle(FRAC_PI_2 + TAU * index as f32 / corners as f32) * radius)
        .collect()
}

/// A rectangle with all corners rounded.
pub fn rounded(center: Vec2, half: Vec2, radius: f32) -> Vec<Vec2> {
    rounded_where(center, half, [radius; 4])
}

/// A rectangle with its own radius at every corner: right-top, left-top, left-bottom, right-bottom.
pub fn rounded_where(center: Vec2, half: Vec2, radii: [f32; 4]) -> Vec<Vec2> {
    let signs = [Vec2::ONE, Vec2::new(-1.0, 1.0), Vec2::NEG_ONE, Vec2::new(1.0, -1.0)];
    let mut points = Vec::with_capacity(28);
    for (quarter, (sign, radius)) in signs.into_iter().zip(radii).enumerate() {
        let radius = radius.min(half.x).min(half.y);
        let middle = center + sign * (half - Vec2::splat(radius));
        if radius <= 0.0 {
            points.push(middle);
            continue;
        }
        for step in 0..=6 {
            let angle = FRAC_PI_2 * (quarter as f32 + step as f32 / 6.0);
            points.push(middle + Vec2::from_angle(angle) * radius);
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_run_counter_clockwise_so_that_edges_fade_outwards() {
        for outline in [
            circle(Vec2::ONE, 2.0),
            polygon(Vec2::ZERO, 1.0, 4),
            rounded(Vec2::ONE, Vec2::new(2.0, 1.0), 0.3),
            rounded_where(Vec2::ZERO, Vec2::ONE, [0.0, 0.2, 0.0, 0.2]),
        ] {
            let center = outline.iter().sum::<Vec2>() / outline.len() as f32;
            for (point, normal) in outline.iter().zip(normals(&outline)) {
                assert!(normal.dot(*point - center) > 0.0);
                assert!((0.99..2.01).contains(&normal.length()));
            }
        }
    }
}
