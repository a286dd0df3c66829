//! Draws figures as SVG: curves with bands, and estimates with their intervals.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{number, range};
use super::stats::Estimate;

type Drawn = Result<String, Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Width and height of the part with the axes, in pixels.
const SIZE: [u32; 2] = [820, 540];
/// Height of a legend's line.
const LINE: u32 = 22;
/// Longest name in full.
const LONGEST: usize = 48;
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

/// Whether line `index` is dashed, since its color has been used before.
fn is_dashed(index: usize) -> bool {
    index / COLORS.len() % 2 == 1
}

/// `lines` with the bands of their intervals.
pub(super) fn curves(titles: &Titles<'_>, lines: &[Line<'_>]) -> Drawn {
    let points = || lines.iter().flat_map(|line| &line.points);
    let ends = |estimate: &Estimate| estimate.interval.unwrap_or([estimate.value; 2]);
    let across = range(points().map(|(x, _)| *x), 0.0);
    let upward =
        range(points().flat_map(|(_, estimate)| ends(estimate).into_iter().chain([estimate.value])), 0.05);
    let names: Vec<String> = lines.iter().map(|line| named(line)).collect();
    let legend = 50 + text_width(names.iter());
    let height = SIZE[1].max(70 + LINE * lines.len() as u32);
    let mut text = String::new();
    {
        let area = paper(&mut text, (SIZE[0] + legend, height))?;
        let (left, right) = area.split_horizontally(SIZE[0]);
        let mut chart = ChartBuilder::on(&left)
            .caption(titles.figure, (FONT, 20))
            .margin(14)
            .set_label_area_size(LabelAreaPosition::Left, 76)
            .set_label_area_size(LabelAreaPosition::Bottom, 48)
            .build_cartesian_2d(across.clone(), upward.clone())?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(titles.x)
            .y_desc(titles.y)
            .x_label_formatter(&|x| number(*x, &across))
            .y_label_formatter(&|y| number(*y, &upward))
            .label_style((FONT, 14))
            .axis_desc_style((FONT, 16))
            .draw()?;
        for (index, line) in lines.iter().enumerate() {
            let side = |end: usize| line.points.iter().map(move |(x, estimate)| (*x, ends(estimate)[end]));
            let band: Vec<_> = side(0).chain(side(1).collect::<Vec<_>>().into_iter().rev()).collect();
            chart.draw_series(std::iter::once(Polygon::new(band, color(index).mix(0.15))))?;
        }
        for (index, (line, name)) in lines.iter().zip(&names).enumerate() {
            let own = color(index);
            let middle: Vec<_> = line.points.iter().map(|(x, estimate)| (*x, estimate.value)).collect();
            if let [(at, estimate)] = line.points[..] {
                let [low, high] = ends(&estimate);
                let bar = PathElement::new([(at, low), (at, high)], own.stroke_width(2));
                chart.draw_series(std::iter::once(bar))?;
                chart.draw_series(std::iter::once(Circle::new((at, estimate.value), 4, own.filled())))?;
            } else if is_dashed(index) {
                chart.draw_series(DashedLineSeries::new(middle, 8, 5, own.stroke_width(2)))?;
            } else {
                chart.draw_series(LineSeries::new(middle, own.stroke_width(2)))?;
            }
            // Beside the curves, where it hides none of them.
            let y = 50 + (LINE * index as u32) as i32;
            let dashes: &[[i32; 2]] = if is_dashed(index) { &[[4, 12], [16, 24]] } else { &[[4, 24]] };
            for [from, to] in dashes {
                right.draw(&PathElement::new([(*from, y), (*to, y)], own.stroke_width(3)))?;
            }
            write(&right, name, (32, y), HPos::Left)?;
        }
        area.present()?;
    }
    Ok(text)
}

/// One line with an estimate and its interval for each of `rows`, the first at the top.
pub(super) fn intervals(titles: &Titles<'_>, rows: &[(String, Estimate)]) -> Drawn {
    let all =
        rows.iter().flat_map(|(_, estimate)| estimate.interval.into_iter().flatten().chain([estimate.value]));
    let across = range(all, 0.08);
    let names: Vec<String> = rows.iter().map(|(name, _)| shortened(name)).collect();
    let label = 30 + text_width(names.iter());
    let count = rows.len() as f64;
    let mut text = String::new();
    {
        let area = paper(&mut text, (SIZE[0] + label, 110 + 40 * rows.len() as u32))?;
        let mut chart = ChartBuilder::on(&area)
            .caption(titles.figure, (FONT, 20))
            .margin(14)
            .set_label_area_size(LabelAreaPosition::Left, label)
            .set_label_area_size(LabelAreaPosition::Bottom, 48)
            .build_cartesian_2d(across.clone(), 0.0..count)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .light_line_style(WHITE)
            .x_desc(titles.x)
            .x_label_formatter(&|x| number(*x, &across))
            .y_labels(0)
            .label_style((FONT, 14))
            .axis_desc_style((FONT, 16))
            .draw()?;
        let edge = chart.plotting_area().get_pixel_range().0.start;
        for (row, ((_, estimate), name)) in rows.iter().zip(&names).enumerate() {
            let (own, y) = (color(row), count - row as f64 - 0.5);
            if let Some([low, high]) = estimate.interval {
                let bar = [(low, y - 0.22), (high, y + 0.22)];
                chart.draw_series(std::iter::once(Rectangle::new(bar, own.mix(0.35).filled())))?;
            }
            let mark = [(estimate.value, y - 0.3), (estimate.value, y + 0.3)];
            chart.draw_series(std::iter::once(PathElement::new(mark, own.stroke_width(3))))?;
            let (_, height) = chart.backend_coord(&(estimate.value, y));
            write(&area, name, (edge - 10, height), HPos::Right)?;
        }
        area.present()?;
    }
    Ok(text)
}

/// White paper.
fn paper(text: &mut String, size: (u32, u32)) -> Result<Area<'_>, Box<dyn Error>> {
    let area = SVGBackend::with_string(text, size).into_drawing_area();
    area.fill(&WHITE)?;
    Ok(area)
}

/// Writes `text` beside the point `at`.
fn write(area: &Area<'_>, text: &str, at: (i32, i32), side: HPos) -> Result<(), Box<dyn Error>> {
    let style = (FONT, 14).into_text_style(area).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(text, at, style))?;
    Ok(())
}

/// The name of `line` for a legend, which says why there may be nothing to see.
fn named(line: &Line<'_>) -> String {
    let name = shortened(line.name);
    if line.points.is_empty() { format!("{name} (no place in common)") } else { name }
}

/// The end of a long name: that of a path says most.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    match count > LONGEST {
        true => std::iter::once('…').chain(name.chars().skip(count + 1 - LONGEST)).collect(),
        false => name.to_owned(),
    }
}

/// Pixels that the longest of `texts` takes, about.
fn text_width<'a>(texts: impl Iterator<Item = &'a String>) -> u32 {
    8 * texts.map(|text| text.chars().count()).max().unwrap_or_default() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64) -> Estimate {
        Estimate { value, interval: Some([value - 1.0, value + 1.0]) }
    }

    #[test]
    fn names_are_escaped_and_shortened_from_the_left() {
        let titles = Titles { figure: "a < b", x: "env steps", y: "return" };
        let line = Line { name: "x & y", points: vec![(0.0, estimate(1.0)), (10.0, estimate(2.0))] };
        let drawn = curves(&titles, &[line]).unwrap();
        assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{drawn}");
        assert!(drawn.contains("a &lt; b") && drawn.contains("x &amp; y"), "{drawn}");
        let long = format!("{}/seed-1", "long".repeat(30));
        let drawn = intervals(&titles, &[("one".into(), estimate(1.0)), (long, estimate(1.0))]).unwrap();
        assert!(drawn.contains("one") && drawn.contains("longlong/seed-1") && drawn.contains('…'), "{drawn}");
    }

    #[test]
    fn single_points_are_marked_and_curves_without_any_are_named() {
        let titles = Titles { figure: "", x: "", y: "" };
        let lines = [
            Line { name: "one", points: vec![(0.0, estimate(1.0))] },
            Line { name: "none", points: Vec::new() },
        ];
        let drawn = curves(&titles, &lines).unwrap();
        assert!(drawn.contains("<circle") && drawn.contains("none (no place in common)"), "{drawn}");
    }

    #[test]
    fn every_line_of_many_is_within_the_picture() {
        let titles = Titles { figure: "", x: "", y: "" };
        let names: Vec<String> = (0..40).map(|index| format!("variant {index}")).collect();
        let line = |name| Line { name, points: vec![(0.0, estimate(1.0)), (1.0, estimate(1.0))] };
        let lines: Vec<_> = names.iter().map(|name| line(name.as_str())).collect();
        let drawn = curves(&titles, &lines).unwrap();
        assert!(drawn.contains("variant 39") && drawn.contains(&format!("height=\"{}\"", 70 + 40 * LINE)));
        assert_eq!([0, 8, 16].map(is_dashed), [false, true, false]);
    }
}
