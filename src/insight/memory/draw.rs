//! Memory drawing: how much the cells of a room count in what the memory makes of the present, and which of two goals it
//! says is right.

use bevy::prelude::*;

use super::{GoalBelief, WatchedMemory};
use crate::insight::compare::Comparison;
use crate::mdp::{CellAttention, GridShape};
use crate::sim::arena::Spec;
use crate::view::ViewSystems;
use crate::view::effects::FlatMaterials;
use crate::view::paint::{Paint, rounded};
use crate::view::palette::{NIGHT, VIOLET};
use crate::view::stage::{Detail, Stage};
use crate::worlds::rooms::Rooms;

/// Above floors and the value map, below players.
const DEPTH: f32 = 0.65;
/// Above walls.
const ABOVE: f32 = 1.3;
/// Half the width and height of a goal's bar.
const BAR: Vec2 = Vec2::new(0.42, 0.09);
/// Share of the brightest cell below which nothing is drawn.
const LEAST: f32 = 0.04;

/// What is drawn, by its version.
#[derive(Component, Debug)]
struct Drawn(u64);

/// Draws the cells while there are weights.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(
        PostUpdate,
        draw.run_if(resource_exists::<FlatMaterials>.and_then(resource_exists::<Rooms>))
            .in_set(ViewSystems::Animate),
    );
}

fn draw(
    mut commands: Commands,
    memory: Res<WatchedMemory>,
    spec: Res<Spec>,
    materials: Res<FlatMaterials>,
    comparison: Option<Res<Comparison>>,
    stages: Query<(Entity, &Stage)>,
    old: Query<(Entity, &Drawn, &ChildOf)>,
    mut meshes: ResMut<Assets<Mesh>>,
) {
    let large = |stage: &Stage| stage.watched && stage.detail == Detail::Large && comparison.is_none();
    let watched = stages.iter().find(|(_, stage)| large(stage));
    let drawn =
        |stage: Entity| old.iter().any(|(_, version, on)| on.0 == stage && version.0 == memory.version);
    if watched.is_some_and(|(stage, _)| drawn(stage)) {
        return;
    }
    old.iter().for_each(|(entity, ..)| commands.entity(entity).despawn());
    let Some((stage, _)) = watched else { return };
    let mut spawn = |paint: Paint, depth: f32| {
        let (mesh, place) = (Mesh2d(meshes.add(paint.mesh())), Transform::from_xyz(0.0, 0.0, depth));
        commands.spawn((Drawn(memory.version), mesh, materials.plain(), place, ChildOf(stage)));
    };
    let cells = memory.attention.iter().flatten().find_map(|attention| attention.cells.as_ref());
    if let (Some(cells), Some(grid)) = (cells, spec.observation.grid) {
        spawn(paint(cells, grid), DEPTH);
    }
    if let Some((goals, first)) =
        memory.goals.as_ref().and_then(|goals| goals.first.map(|first| (goals, first)))
    {
        spawn(bars(goals, first), ABOVE);
    }
}

/// A bar beyond each goal, filled to the probability that it is the right one.
fn bars(goals: &GoalBelief, first: f32) -> Paint {
    let mut paint = Paint::new(0.02);
    let outward = (goals.places[0] - goals.places[1]).normalize_or(Vec2::Y);
    for ((place, out), share) in goals.places.iter().zip([outward, -outward]).zip([first, 1.0 - first]) {
        let middle = place + 0.66 * out;
        paint.fill(&rounded(middle, BAR + 0.03, 0.1), NIGHT.alpha(0.85));
        let full = Vec2::new(BAR.x * share, BAR.y);
        if share > 0.02 {
            let from = middle - Vec2::new(BAR.x - full.x, 0.0);
            paint.fill(&rounded(from, full, 0.07f32.min(full.x)), VIOLET.solid());
        }
    }
    paint
}

/// A square for every cell, the brighter the more it counts.
fn paint(cells: &CellAttention, grid: GridShape) -> Paint {
    let mut paint = Paint::new(0.02);
    let most = cells.weights.iter().copied().fold(0.0, f32::max).max(f32::MIN_POSITIVE);
    let half = Vec2::splat((0.5 * cells.step - 0.06).max(0.3));
    for (index, share) in cells.weights.iter().map(|weight| weight / most).enumerate() {
        if share >= LEAST {
            let place = middle(cells, grid, [index / cells.shape[1].max(1), index % cells.shape[1].max(1)]);
            paint.fill(&rounded(place, half, 0.1), VIOLET.alpha(0.7 * share));
        }
    }
    paint
}

/// The middle of a cell in the arena's coordinates: a room's are centered, with rows from the top.
fn middle(cells: &CellAttention, grid: GridShape, [row, column]: [usize; 2]) -> Vec2 {
    let along = |index: usize| cells.offset + cells.step * index as f32;
    let size = Vec2::new(grid.width as f32, grid.height as f32);
    Vec2::new(along(column) + 0.5 - 0.5 * size.x, 0.5 * size.y - along(row) - 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worlds::rooms::level::Level;

    #[test]
    fn cells_lie_where_the_level_has_them() {
        let level = Level::shipped("lava-room", 1).unwrap();
        let grid = GridShape { channels: 1, height: level.height, width: level.width };
        let own = CellAttention { shape: [level.height, level.width], step: 1.0, ..default() };
        for (row, column) in [(0, 0), (2, 5), (level.height - 1, level.width - 1)] {
            assert_eq!(middle(&own, grid, [row, column]), level.center(column, row));
        }
        // Every second cell, from the second one on.
        let strided = CellAttention { shape: [3, 3], offset: 1.0, step: 2.0, ..default() };
        assert_eq!(middle(&strided, grid, [1, 2]), level.center(5, 3));
    }
}
