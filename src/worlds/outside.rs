//! Outside environments on screen: the picture that the watched one draws of itself.

use bevy::asset::RenderAssetUsages;
use bevy::image::ImageSampler;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};

use crate::bridge::Picture;
use crate::view::ViewSystems;
use crate::view::stage::{Stage, StageSize};

/// Half the height of the stage, in world units.
const HALF: f32 = 1.0;

/// Pictures of at most as many pixels a side are cells, whose edges stay sharp.
const COARSE: u32 = 64;

/// The image that all stages share.
#[derive(Resource)]
struct Canvas(Handle<Image>);

/// Draws an outside environment where one runs.
pub(super) fn plugin(app: &mut App) {
    if !app.world().contains_resource::<Picture>() {
        return;
    }
    let black = image(UVec2::new(4, 3), &[0; 36]);
    let canvas = app.world_mut().resource_mut::<Assets<Image>>().add(black);
    app.insert_resource(StageSize(half(UVec2::new(4, 3)))).insert_resource(Canvas(canvas)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            draw.in_set(ViewSystems::Follow).run_if(resource_changed::<Picture>),
        ),
    );
}

/// Half the size of a stage for a picture of `size` pixels.
fn half(size: UVec2) -> Vec2 {
    Vec2::new(HALF * size.x as f32 / size.y.max(1) as f32, HALF)
}

fn image(size: UVec2, rgb: &[u8]) -> Image {
    let rgba = rgb.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], u8::MAX]).collect();
    let extent = Extent3d { width: size.x, height: size.y, depth_or_array_layers: 1 };
    let format = TextureFormat::Rgba8UnormSrgb;
    let mut image = Image::new(extent, TextureDimension::D2, rgba, format, RenderAssetUsages::all());
    if size.max_element() <= COARSE {
        image.sampler = ImageSampler::nearest();
    }
    image
}

fn furnish(
    mut commands: Commands,
    canvas: Res<Canvas>,
    size: Res<StageSize>,
    stages: Query<Entity, Added<Stage>>,
) {
    for stage in &stages {
        let sprite = Sprite { image: canvas.0.clone(), custom_size: Some(2.0 * size.0), ..default() };
        commands.spawn((sprite, ChildOf(stage)));
    }
}

fn draw(
    picture: Res<Picture>,
    canvas: Res<Canvas>,
    mut images: ResMut<Assets<Image>>,
    mut size: ResMut<StageSize>,
    mut sprites: Query<&mut Sprite>,
) {
    if picture.size.min_element() == 0 {
        return;
    }
    if let Some(mut shown) = images.get_mut(&canvas.0) {
        *shown = image(picture.size, &picture.pixels);
    }
    let wanted = StageSize(half(picture.size));
    if size.set_if_neq(wanted) {
        sprites
            .iter_mut()
            .filter(|sprite| sprite.image == canvas.0)
            .for_each(|mut sprite| sprite.custom_size = Some(2.0 * wanted.0));
    }
}
