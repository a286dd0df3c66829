//! Draws figures as SVG: curves with bands, and estimates with their intervals.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::stats::Estimate;

type Drawn = Result<String, Box<dyn Error>>;

const SIZE: (u32, u32) = (900, 540);
const FONT: &str = "sans-serif";
/// Colors that remain distinct for color-blind readers (Okabe and Ito 2008).
const COLORS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(148, 122, 40),
];

/// A named curve.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// x and the estimate of y there.
    pub(super) points: Vec<(f64, Estimate)>,
}

/// Titles of a figure and its axes.
pub(super) struct Titles<'a> {
    pub(super) figure: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
}

fn color(index: usize) -> RGBColor {
    COLORS[index % COLORS.len()]
}

/// `lines` with the bands of their intervals.
pub(super) fn curves(titles: &Titles<'_>, lines: &[Line<'_>]) -> Drawn {
    let points = || lines.iter().flat_map(|line| &line.points);
    let ends = |estimate: &Estimate| estimate.interval.unwrap_or([estimate.value; 2]);
    let across = range(points().map(|(x, _)| *x), 0.0);
    let upward =
        range(points().flat_map(|(_, estimate)| ends(estimate).into_iter().chain([estimate.value])), 0.05);
    let mut text = String::new();
    {
        let area = paper(&mut text, SIZE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(titles.figure, (FONT, 20))
            .margin(14)
            .set_label_area_size(LabelAreaPosition::Left, 76)
            .set_label_area_size(LabelAreaPosition::Bottom, 48)
            .build_cartesian_2d(across, upward)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(titles.x)
            .y_desc(titles.y)
            .x_label_formatter(&|x| number(*x))
            .y_label_formatter(&|y| number(*y))
            .label_style((FONT, 14))
            .axis_desc_style((FONT, 16))
            .draw()?;
        for (index, line) in lines.iter().enumerate() {
            let own = color(index);
            let side = |end: usize| line.points.iter().map(move |(x, estimate)| (*x, ends(estimate)[end]));
            let band: Vec<_> = side(0).chain(side(1).collect::<Vec<_>>().into_iter().rev()).collect();
            chart.draw_series(std::iter::once(Polygon::new(band, own.mix(0.15))))?;
        }
        for (index, line) in lines.iter().enumerate() {
            let own = color(index);
            let middle = line.points.iter().map(|(x, estimate)| (*x, estimate.value));
            chart
                .draw_series(LineSeries::new(middle, own.stroke_width(2)))?
                .label(line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], own.stroke_width(3)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .label_font((FONT, 14))
            .draw()?;
        area.present()?;
    }
    Ok(text)
}

/// One line with an estimate and its interval for each of `rows`, the first at the top.
pub(super) fn intervals(titles: &Titles<'_>, rows: &[(&str, Estimate)]) -> Drawn {
    let all =
        rows.iter().flat_map(|(_, estimate)| estimate.interval.into_iter().flatten().chain([estimate.value]));
    let across = range(all, 0.08);
    let count = rows.len() as f64;
    let mut text = String::new();
    {
        let area = paper(&mut text, (SIZE.0, 110 + 40 * rows.len() as u32))?;
        let mut chart = ChartBuilder::on(&area)
            .caption(titles.figure, (FONT, 20))
            .margin(14)
            .set_label_area_size(LabelAreaPosition::Left, 230)
            .set_label_area_size(LabelAreaPosition::Bottom, 48)
            .build_cartesian_2d(across, 0.0..count)?;
        let name = |y: &f64| {
            let row = (count - y).floor() as usize;
            rows.get(row).map_or(String::new(), |(name, _)| (*name).to_owned())
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .light_line_style(WHITE)
            .x_desc(titles.x)
            .x_label_formatter(&|x| number(*x))
            .y_labels(0)
            .label_style((FONT, 14))
            .axis_desc_style((FONT, 16))
            .draw()?;
        let edge = chart.plotting_area().get_pixel_range().0.start;
        for (row, (_, estimate)) in rows.iter().enumerate() {
            let (own, y) = (color(row), count - row as f64 - 0.5);
            if let Some([low, high]) = estimate.interval {
                let bar = [(low, y - 0.22), (high, y + 0.22)];
                chart.draw_series(std::iter::once(Rectangle::new(bar, own.mix(0.35).filled())))?;
            }
            let mark = [(estimate.value, y - 0.3), (estimate.value, y + 0.3)];
            chart.draw_series(std::iter::once(PathElement::new(mark, own.stroke_width(3))))?;
            let (_, height) = chart.backend_coord(&(estimate.value, y));
            let style = (FONT, 15).into_text_style(&area).pos(plotters::style::text_anchor::Pos::new(
                plotters::style::text_anchor::HPos::Right,
                plotters::style::text_anchor::VPos::Center,
            ));
            area.draw(&Text::new(name(&y), (edge - 10, height), style))?;
        }
        area.present()?;
    }
    Ok(text)
}

/// White paper.
fn paper(text: &mut String, size: (u32, u32)) -> Result<DrawingArea<SVGBackend<'_>, Shift>, Box<dyn Error>> {
    let area = SVGBackend::with_string(text, size).into_drawing_area();
    area.fill(&WHITE)?;
    Ok(area)
}

/// From the smallest to the largest of `values`, wider by `margin` of that on both sides, and never empty.
fn range(values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let wider = margin * (high - low);
    match high > low {
        true => low - wider..high + wider,
        false if low.is_finite() => low - 0.5..low + 0.5,
        false => 0.0..1.0,
    }
}

/// A number on an axis: thousands and millions are abbreviated.
fn number(value: f64) -> String {
    let short = |value: f64| {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match value.abs() {
        size if size >= 1e6 => format!("{}M", short(value / 1e6)),
        size if size >= 1e4 => format!("{}k", short(value / 1e3)),
        _ => short(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_numbers_short() {
        let estimate = |value: f64| Estimate { value, interval: Some([value - 1.0, value + 1.0]) };
        let titles = Titles { figure: "a < b", x: "env steps", y: "return" };
        let line = Line { name: "x & y", points: vec![(0.0, estimate(1.0)), (10.0, estimate(2.0))] };
        let drawn = curves(&titles, &[line]).unwrap();
        assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{drawn}");
        assert!(drawn.contains("a &lt; b") && drawn.contains("x &amp; y"), "{drawn}");
        let drawn = intervals(&titles, &[("one", estimate(1.0)), ("two", estimate(1.0))]).unwrap();
        assert!(drawn.contains("one") && drawn.contains("two"), "{drawn}");
        let texts = [0.0, -0.25, 9_999.0, 50_000.0, -1_500_000.0].map(number);
        assert_eq!(texts, ["0", "-0.25", "9999", "50k", "-1.5M"]);
    }

    #[test]
    fn ranges_are_never_empty() {
        assert_eq!(range([3.0].into_iter(), 0.1), 2.5..3.5);
        assert_eq!(range(std::iter::empty(), 0.1), 0.0..1.0);
        assert_eq!(range([0.0, 10.0].into_iter(), 0.1), -1.0..11.0);
    }
}
