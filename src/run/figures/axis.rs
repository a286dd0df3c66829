//! Ranges of axes and the numbers on them.

use std::ops::Range;

/// From the smallest to the largest of `values`, wider by `margin` of that on both sides. Wide enough to be divided even
/// where all values are alike but for rounding.
pub(super) fn range(values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if !(low.is_finite() && high.is_finite()) {
        return 0.0..1.0;
    }
    let size = low.abs().max(high.abs());
    let wider = match high - low > 1e-6 * size {
        true => margin * (high - low),
        false => (0.05 * size).max(0.5),
    };
    low - wider..high + wider
}

/// `value` on an axis over `range`, with two digits of the range's size: thousands and millions are abbreviated.
pub(super) fn number(value: f64, range: &Range<f64>) -> String {
    let (unit, name) = match range.start.abs().max(range.end.abs()) {
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let digits = 1.0 - ((range.end - range.start) / unit).log10().floor();
    let text = format!("{:.*}", digits.clamp(0.0, 9.0) as usize, value / unit);
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    match text {
        "0" | "-0" => "0".to_owned(),
        text => format!("{text}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_where_places_do() {
        let texts = |range: Range<f64>, values: [f64; 3]| values.map(|value| number(value, &range));
        assert_eq!(texts(-0.5..1.0, [-0.001, 0.25, 1.0]), ["0", "0.2", "1"].map(String::from));
        assert_eq!(texts(-0.3..0.6, [-0.25, 0.25, 0.5]), ["-0.25", "0.25", "0.5"].map(String::from));
        assert_eq!(texts(0.0..1e-3, [1e-4, 2e-4, 1e-3]), ["0.0001", "0.0002", "0.001"].map(String::from));
        assert_eq!(texts(0.99..1.0, [0.991, 0.995, 1.0]), ["0.991", "0.995", "1"].map(String::from));
        assert_eq!(texts(0.0..5e4, [0.0, 1e4, 2.5e4]), ["0", "10k", "25k"].map(String::from));
        assert_eq!(texts(-2e6..2e6, [-1.5e6, 100.0, 2e6]), ["-1.5M", "0", "2M"].map(String::from));
    }

    #[test]
    fn ranges_are_never_too_narrow_to_divide() {
        assert_eq!(range([3.0].into_iter(), 0.1), 2.5..3.5);
        assert_eq!(range(std::iter::empty(), 0.1), 0.0..1.0);
        assert_eq!(range([0.0, 10.0].into_iter(), 0.1), -1.0..11.0);
        for value in [500.1, 1e17, -1e300] {
            let around = range([value, value * (1.0 + f64::EPSILON)].into_iter(), 0.0);
            assert!(around.end - around.start > 0.01 * value.abs(), "{around:?}");
        }
    }
}
