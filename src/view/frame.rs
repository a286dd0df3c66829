//! Frame: a line around the watched arena in the grid.

use bevy::prelude::*;

use super::ViewSystems;
use super::effects::FlatMaterials;
use super::paint::{Paint, rounded};
use super::palette::MINT;
use super::stage::{Detail, Stage, StageSize};

pub(super) fn plugin(app: &mut App) {
    let can_draw = resource_exists::<StageSize>.and_then(resource_exists::<FlatMaterials>);
    app.add_systems(PostUpdate, frame.run_if(can_draw).in_set(ViewSystems::Furnish));
}

/// Draws a frame around the watched arena in the grid: keys and panel refer to it.
fn frame(
    mut commands: Commands,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    size: Res<StageSize>,
    materials: Res<FlatMaterials>,
    mut meshes: ResMut<Assets<Mesh>>,
) {
    for (entity, _) in stages.iter().filter(|(_, stage)| stage.watched && stage.detail == Detail::Small) {
        let pixel = Detail::Small.feather(2.0 * size.0.y);
        let mut paint = Paint::new(pixel);
        paint.line(&rounded(Vec2::ZERO, size.0, 0.08 * size.0.y), 1.6 * pixel, MINT.solid());
        let place = Transform::from_xyz(0.0, 0.0, 9.0);
        commands.spawn((Mesh2d(meshes.add(paint.mesh())), materials.plain(), place, ChildOf(entity)));
    }
}
