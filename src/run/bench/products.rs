//! The matrix products of a gradient step, against what the processor can multiply.

use super::{Line, median};
use crate::learner::speed::{LayerProduct, peak, product};

/// Every product of actor and critics with `inputs` observed floats, two hidden layers of `width` and `outputs` actions,
/// on batches of `batch`, and what their sum would allow. Operations of padding are not counted.
pub fn products(
    inputs: usize,
    width: usize,
    outputs: usize,
    batch: usize,
    (runs, seconds): (usize, f64),
) -> Vec<Line> {
    use LayerProduct::{Forward, Inputs, Weights};
    let layers = [(inputs, width), (width, width), (width, outputs)];
    // Forward: actor and targets at the next observation, actor and critics at the observation, critics again after their
    // step. Backward: actor and critics; nobody needs the observation's gradient.
    let times = |kind, layer: usize| match kind {
        Forward => 8.0,
        Weights => 3.0,
        Inputs if layer > 0 => 3.0,
        Inputs => 0.0,
    };
    let kinds = [(Forward, "forward"), (Weights, "gradient of weights"), (Inputs, "gradient of inputs")];
    let cases: Vec<_> = kinds
        .into_iter()
        .flat_map(|(kind, name)| (0..3).map(move |layer| (kind, name, layer)))
        .filter(|(kind, _, layer)| times(*kind, *layer) > 0.0)
        .collect();
    let (mut peaks, mut speeds) = (Vec::new(), vec![Vec::new(); cases.len()]);
    for _ in 0..runs {
        peaks.push(peak(seconds));
        for ((kind, _, layer), speeds) in cases.iter().zip(&mut speeds) {
            let (from, to) = layers[*layer];
            speeds.push(product(*kind, batch, from, to, seconds));
        }
    }
    let (mut operations, mut spent) = (0.0, vec![0.0; runs]);
    let mut lines = vec![line("registers alone".to_owned(), "gigaflops", &peaks, 1e-9)];
    for ((kind, name, layer), speeds) in cases.iter().zip(&speeds) {
        let (from, to) = layers[*layer];
        let each = times(*kind, *layer) * (2 * batch * from * to) as f64;
        operations += each;
        spent.iter_mut().zip(speeds).for_each(|(spent, speed)| *spent += each / speed);
        let ratios = speeds.iter().zip(&peaks).map(|(speed, peak)| speed / peak).collect();
        let work = format!("batch {batch}, {from} to {to}, {name}");
        lines.push(Line { ratio: Some(median(ratios)), ..line(work, "gigaflops", speeds, 1e-9) });
    }
    let work = format!("batch {batch}, hidden [{width}, {width}], products alone");
    let reached: Vec<f64> = spent.iter().map(|spent| 1.0 / spent).collect();
    let most: Vec<f64> = peaks.iter().map(|peak| peak / operations).collect();
    let ratios = reached.iter().zip(&most).map(|(reached, most)| reached / most).collect();
    let whole = line(work.clone(), "gradient_steps_per_second", &reached, 1.0);
    lines.push(Line { ratio: Some(median(ratios)), ..whole });
    lines.push(line(format!("{work}, in registers"), "gradient_steps_per_second", &most, 1.0));
    lines
}

fn line(work: String, metric: &'static str, values: &[f64], unit: f64) -> Line {
    Line::new(work, metric, values.iter().map(|value| value * unit).collect(), 1)
}
