//! Points: downsampling, smoothing and lookup of plotted points `[x, y]`, sorted by `x`.

/// Most points of a drawn curve, about one per pixel.
const MAX_POINTS: usize = 260;

/// The point with the `x` nearest to the given one.
pub(super) fn nearest(points: &[[f64; 2]], x: f64) -> Option<[f64; 2]> {
    let distance = |point: &&[f64; 2]| (point[0] - x).abs();
    points.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).copied()
}

/// Means of chunks of equal length, at most [`MAX_POINTS`] of them.
pub(super) fn downsample(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let size = points.len().div_ceil(MAX_POINTS).max(1);
    points
        .chunks(size)
        .map(|chunk| {
            let sum = chunk.iter().fold([0.0, 0.0], |sum, point| [sum[0] + point[0], sum[1] + point[1]]);
            sum.map(|sum| sum / chunk.len() as f64)
        })
        .collect()
}

/// The mean of every point and up to `window − 1` before it.
pub(super) fn running_mean(points: &[[f64; 2]], window: usize) -> Vec<[f64; 2]> {
    let mut sum = 0.0;
    points
        .iter()
        .enumerate()
        .map(|(index, [x, y])| {
            sum += y;
            if index >= window {
                sum -= points[index - window][1];
            }
            [*x, sum / (index + 1).min(window) as f64]
        })
        .collect()
}

/// The standard deviation of every point and up to `window − 1` before it.
pub(super) fn running_std(points: &[[f64; 2]], window: usize) -> Vec<f64> {
    let squares: Vec<[f64; 2]> = points.iter().map(|[x, y]| [*x, y * y]).collect();
    let means = running_mean(points, window);
    let of = |(mean, square): (&[f64; 2], &[f64; 2])| (square[1] - mean[1] * mean[1]).max(0.0).sqrt();
    means.iter().zip(&running_mean(&squares, window)).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downsampling_keeps_means_and_smoothing_looks_backward() {
        let points: Vec<[f64; 2]> = (0..1000).map(|index| [f64::from(index), 2.0]).collect();
        let few = downsample(&points);
        assert!(few.len() <= MAX_POINTS && few.iter().all(|point| point[1] == 2.0));
        let mean = running_mean(&[[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]], 2);
        assert_eq!(mean, [[0.0, 1.0], [1.0, 2.0], [2.0, 4.0]]);
        assert_eq!(running_std(&[[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]], 2), [0.0, 1.0, 1.0]);
    }

    #[test]
    fn the_nearest_point_is_found_by_its_x() {
        let points = [[0.0, 1.0], [100.0, 7.5], [200.0, 2.0]];
        assert_eq!(nearest(&points, 130.0), Some([100.0, 7.5]));
        assert_eq!(nearest(&points, 1e9), Some([200.0, 2.0]));
        assert_eq!(nearest(&[], 0.0), None);
    }
}
