//! An episode as the columns of an arrow file, and back.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt8Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    StructArray, UInt8Array,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::Episode;
use super::arrow_file::record_batch;
use crate::mdp::{
    ActionBatch, ActionRow, ActionSpace, EnvironmentSpec, EpisodeEnd, GridShape, ObservationBatch,
    ObservationSpace,
};

/// The arrow file of `episode`.
pub(super) fn to_bytes(spec: &EnvironmentSpec, episode: &Episode) -> Result<Vec<u8>, ArrowError> {
    let steps = episode.rewards.len();
    let flag = |set: bool| -> ArrayRef {
        Arc::new(BooleanArray::from_iter((0..=steps).map(|step| Some(set && step + 1 == steps))))
    };
    let mut rewards: Vec<f64> = episode.rewards.iter().copied().map(f64::from).collect();
    rewards.push(0.0);
    let columns: [(&str, ArrayRef); 5] = [
        ("observations", observations(&spec.observation, &episode.observations)?),
        ("actions", actions(&spec.action, &episode.actions)?),
        ("rewards", Arc::new(Float64Array::from(rewards))),
        ("terminations", flag(episode.end == EpisodeEnd::Terminated)),
        ("truncations", flag(episode.end == EpisodeEnd::Truncated)),
    ];
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, array)| array).collect())?;
    let mut writer = FileWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// Rows of `width` numbers each.
fn rows(values: ArrayRef, width: usize) -> Result<ArrayRef, ArrowError> {
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    Ok(Arc::new(FixedSizeListArray::try_new(field, width as i32, values, None)?))
}

fn observations(space: &ObservationSpace, seen: &ObservationBatch) -> Result<ArrayRef, ArrowError> {
    let vector = || rows(Arc::new(Float32Array::from(seen.vector.clone())), space.vector_len());
    let grid = |shape: GridShape| {
        let bytes: Vec<u8> =
            seen.grid.chunks_exact(shape.len().max(1)).flat_map(|own| channels_last(shape, own)).collect();
        rows(Arc::new(UInt8Array::from(bytes)), shape.len())
    };
    match (space.grid, space.vector.is_empty()) {
        (None, _) => vector(),
        (Some(shape), true) => grid(shape),
        (Some(shape), false) => {
            let parts = [("grid", grid(shape)?), ("vector", vector()?)];
            let part = |(name, array): (&str, ArrayRef)| {
                (Arc::new(Field::new(name, array.data_type().clone(), true)), array)
            };
            Ok(Arc::new(StructArray::from(parts.map(part).to_vec())))
        }
    }
}

fn channels_last(shape: GridShape, own: &[u8]) -> Vec<u8> {
    let plane = shape.height * shape.width;
    (0..own.len()).map(|at| own[at % shape.channels * plane + at / shape.channels]).collect()
}

fn channels_first(shape: GridShape, own: &[u8]) -> Vec<u8> {
    let plane = shape.height * shape.width;
    (0..own.len()).map(|at| own[at % plane * shape.channels + at / plane]).collect()
}

fn actions(space: &ActionSpace, done: &ActionBatch) -> Result<ArrayRef, ArrowError> {
    match space {
        ActionSpace::Discrete(_) => {
            let padded = (0..done.rows).map(|row| done.index(row) as i64).chain([0]);
            Ok(Arc::new(Int64Array::from_iter_values(padded)))
        }
        ActionSpace::Continuous(dimensions) => {
            let padding = vec![0.0; dimensions.len()];
            let padded: Vec<f32> = done.continuous.iter().copied().chain(padding).collect();
            rows(Arc::new(Float32Array::from(padded)), dimensions.len())
        }
    }
}

/// The episode in the arrow file `bytes`, in the spaces of `spec`.
///
/// # Errors
/// What is wrong with it, in a few words.
pub(super) fn from_bytes(spec: &EnvironmentSpec, bytes: Vec<u8>) -> Result<Episode, String> {
    let batch = record_batch(bytes)?;
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("no column {name}"));
    let steps = batch.num_rows().checked_sub(1).filter(|steps| *steps > 0).ok_or("no steps")?;
    let flag = |name: &str| -> Result<bool, String> {
        let flags = column(name)?.as_boolean_opt().ok_or_else(|| format!("{name} are not bool"))?;
        let within = (0..steps).any(|step| flags.value(step) && step + 1 < steps);
        if within { Err(format!("{name}: set before the last step")) } else { Ok(flags.value(steps - 1)) }
    };
    let rewards = numbers(column("rewards")?).ok_or("rewards are no numbers")?;
    let rewards = rewards.get(..steps).ok_or("rewards of another number")?.to_vec();
    // What the arcade does as well: a terminal state counts before a limit. An episode that just stops was cut.
    let (terminated, _) = (flag("terminations")?, flag("truncations")?);
    Ok(Episode {
        observations: seen(&spec.observation, column("observations")?)?,
        actions: done(&spec.action, column("actions")?, steps)?,
        rewards,
        end: if terminated { EpisodeEnd::Terminated } else { EpisodeEnd::Truncated },
    })
}

/// The numbers of an array without gaps, in rows or not.
fn numbers(array: &ArrayRef) -> Option<Vec<f32>> {
    if array.null_count() > 0 {
        return None;
    }
    if let DataType::FixedSizeList(..) = array.data_type() {
        return numbers(array.as_fixed_size_list_opt()?.values());
    }
    if let Some(single) = array.as_primitive_opt::<Float32Type>() {
        return Some(single.values().to_vec());
    }
    let double = array.as_primitive_opt::<Float64Type>()?;
    Some(double.values().iter().map(|value| *value as f32).collect())
}

fn seen(space: &ObservationSpace, array: &ArrayRef) -> Result<ObservationBatch, String> {
    let count = array.len();
    let part = |name: &str| -> Result<ArrayRef, String> {
        match (space.grid.is_some(), space.vector.is_empty()) {
            (true, false) => {
                let both = array.as_struct_opt().and_then(|both| both.column_by_name(name));
                both.cloned().ok_or_else(|| format!("observations have no {name}"))
            }
            _ => Ok(array.clone()),
        }
    };
    let mut batch = ObservationBatch { count, ..ObservationBatch::default() };
    let wrong = |what: &str, wanted: usize| {
        format!("observations: {what} of another shape, expected {wanted} for each step")
    };
    if !space.vector.is_empty() {
        batch.vector = numbers(&part("vector")?).ok_or("observations are not float32 or float64")?;
        if batch.vector.len() != count * space.vector_len() {
            return Err(wrong("vectors", space.vector_len()));
        }
    }
    if let Some(shape) = space.grid {
        let grid = part("grid")?;
        let values = grid.as_fixed_size_list_opt().map(FixedSizeListArray::values);
        let bytes = values.and_then(|values| values.as_primitive_opt::<UInt8Type>());
        let bytes = bytes
            .filter(|bytes| bytes.null_count() == 0)
            .ok_or("grids are not uint8, or were kept as JPEG")?;
        if bytes.len() != count * shape.len() {
            return Err(wrong("grids", shape.len()));
        }
        let grids = bytes.values().chunks_exact(shape.len().max(1));
        batch.grid = grids.flat_map(|own| channels_first(shape, own)).collect();
    }
    Ok(batch)
}

fn done(space: &ActionSpace, array: &ArrayRef, steps: usize) -> Result<ActionBatch, String> {
    let mut batch = ActionBatch::neutral(space, steps);
    match space {
        ActionSpace::Discrete(names) => {
            let all = array.as_primitive_opt::<Int64Type>().ok_or("actions are not int64")?;
            for (step, action) in all.values().iter().take(steps).enumerate() {
                let index = u16::try_from(*action).ok().filter(|index| usize::from(*index) < names.len());
                let index = index.ok_or_else(|| format!("action {action}, there are {}", names.len()))?;
                batch.set(step, ActionRow::Discrete(index));
            }
        }
        ActionSpace::Continuous(dimensions) => {
            let all = numbers(array).ok_or("actions are not float32 or float64")?;
            if all.len() != (steps + 1) * dimensions.len() {
                return Err(format!("actions of another shape, expected {} for each step", dimensions.len()));
            }
            for step in 0..steps {
                batch.set(step, ActionRow::Continuous(&all[step * dimensions.len()..][..dimensions.len()]));
            }
        }
    }
    Ok(batch)
}
