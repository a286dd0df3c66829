//! Raster: renders painted shapes to pixels on the CPU, for small images that are made once.

use bevy::prelude::*;

use super::paint::Paint;

/// `[height, width, 4]` bytes of sRGB: the area within ±`half` units of the origin, as large as fits into `size` pixels, on
/// `background`.
pub fn raster(paint: &Paint, half: Vec2, size: [usize; 2], background: LinearRgba) -> Vec<u8> {
    let [width, height] = size;
    let extent = Vec2::new(width as f32, height as f32);
    let scale = (extent / (2.0 * half)).min_element();
    let mut pixels = vec![background; width * height];
    for corners in paint.triangles() {
        let points = corners.map(|(point, _)| extent / 2.0 + point * Vec2::new(scale, -scale));
        let colors = corners.map(|(_, color)| color);
        fill(&mut pixels, size, points, colors);
    }
    let bytes = |color: &LinearRgba| Srgba::from(*color).to_u8_array();
    pixels.iter().flat_map(bytes).collect()
}

/// Blends one triangle over `pixels`, with interpolated colors.
fn fill(
    pixels: &mut [LinearRgba],
    [width, height]: [usize; 2],
    [a, b, c]: [Vec2; 3],
    colors: [LinearRgba; 3],
) {
    let area = (b - a).perp_dot(c - a);
    if area.abs() < 1e-6 {
        return;
    }
    let (least, most) = (a.min(b).min(c).floor().max(Vec2::ZERO), a.max(b).max(c).ceil());
    let columns = least.x as usize..(most.x.max(0.0) as usize).min(width);
    for row in least.y as usize..(most.y.max(0.0) as usize).min(height) {
        for column in columns.clone() {
            // Sample off center, so that no sample is on an edge that two triangles share.
            let at = Vec2::new(column as f32 + 0.5137, row as f32 + 0.4871);
            let shares = [(b, c), (c, a), (a, b)].map(|(from, to)| (to - from).perp_dot(at - from) / area);
            if shares.iter().any(|share| *share < 0.0) {
                continue;
            }
            let over =
                colors.iter().zip(shares).fold(LinearRgba::NONE, |sum, (color, share)| sum + *color * share);
            let under = &mut pixels[row * width + column];
            *under = (*under * (1.0 - over.alpha) + over * over.alpha).with_alpha(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::paint::rounded;

    #[test]
    fn shapes_are_in_place_and_shared_edges_are_covered_once() {
        let mut paint = Paint::new(0.001);
        let red = LinearRgba::rgb(1.0, 0.0, 0.0).with_alpha(0.5);
        paint.stamp(Vec2::new(1.0, 0.5), &|canvas| {
            _ = canvas.fill(&rounded(Vec2::ZERO, Vec2::splat(0.5), 0.0), red)
        });
        let bytes = raster(&paint, Vec2::new(2.0, 1.0), [40, 20], LinearRgba::BLACK);
        let at = |x: usize, y: usize| [0, 1, 2, 3].map(|part| bytes[4 * (y * 40 + x) + part]);
        // Half intensity is 188 of 255 in sRGB; an edge covered twice would be brighter.
        for (x, y) in [(26, 1), (30, 5), (33, 8), (28, 7)] {
            assert_eq!(at(x, y), [188, 0, 0, 255], "{x}, {y}");
        }
        assert_eq!([at(24, 5), at(30, 11), at(10, 5)], [[0, 0, 0, 255]; 3]);
        assert_eq!(bytes.len(), 40 * 20 * 4);
    }
}
