//! Map window: key and legend of the value map.

use bevy::prelude::*;

use super::{CHOICES, ID, MapLayer, ValueMap};
use crate::insight::overlay::OverlaySettings;
use crate::insight::overlay::window::{LegendRow, NOT_COMPARED, OverlayWindow, remembers, shown, toast};
use crate::view::commands::{KeyGroup, KeyHint, KeySpec};

pub(super) const WINDOW: OverlayWindow = OverlayWindow {
    key: Some(KeySpec {
        hint: KeyHint::Always("value map"),
        not_while: NOT_COMPARED,
        one_arena: Some(|world| shown(world, ID)),
        ..KeySpec::new("map", "value map", KeyCode::KeyV, KeyGroup::Agent)
    }),
    on_key: |world, shown| {
        let unknown = shown == Some(MapLayer::Estimated as usize) && remembers(world);
        let layer = |index: usize| match unknown {
            true => format!("map {} of {}: not for an agent with memory", index + 1, CHOICES.len()),
            false => format!("map {} of {}: {}", index + 1, CHOICES.len(), CHOICES[index].help),
        };
        toast(world, shown.map_or_else(|| "value map off".into(), layer));
    },
    legend,
    note: |world| {
        let settings = world.get_resource::<OverlaySettings>()?;
        let estimates = MapLayer::shown(settings) == Some(MapLayer::Estimated);
        (estimates && remembers(world)).then_some(
            "What a cell is worth to an agent with memory depends on what it remembers when it gets there, so there is no \
             map of it.",
        )
    },
};

/// The range of the colors, and the mean error against the exact solution.
fn legend(world: &World) -> Vec<LegendRow> {
    let Some(layer) = world.get_resource::<OverlaySettings>().and_then(MapLayer::shown) else {
        return Vec::new();
    };
    let map = world.get_resource::<ValueMap>().filter(|map| map.layer == layer && !map.values.is_empty());
    let unknown = || "–".to_owned();
    let mut rows = vec![LegendRow {
        name: "dark to bright",
        value: map.map_or_else(unknown, |map| range(map, layer)),
        help: format!("On the map: {}. The values of the darkest and the brightest cell.", layer.help()),
    }];
    if layer == MapLayer::Exact {
        let error = |map: &ValueMap| match map.error {
            Some(error) => format!("{error:.3}"),
            // Solved, but the agent has no value for each cell.
            None if map.policy.iter().any(|share| *share > 0.0) => unknown(),
            None => "not solved".into(),
        };
        rows.push(LegendRow {
            name: "error to exact",
            value: map.map_or_else(unknown, error),
            help: "Mean absolute difference over all cells between the agent's value estimates and the exact solution, in \
                   reward. Only levels in which nothing but the position of one player matters are solved exactly."
                .into(),
        });
    }
    rows
}

/// Minimum and maximum of `map`.
fn range(map: &ValueMap, layer: MapLayer) -> String {
    let values = || map.values.iter().copied().filter(|value| value.is_finite());
    let least = values().fold(f32::INFINITY, f32::min);
    let most = values().fold(f32::NEG_INFINITY, f32::max);
    match layer {
        MapLayer::Visits => format!("{:.0} to {:.0} % of steps", least * 100.0, most * 100.0),
        MapLayer::Estimated | MapLayer::Exact => format!("{least:+.2} to {most:+.2}"),
    }
}
