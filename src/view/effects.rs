//! Effects: materials, and decorative motion of shapes without a body.

use std::f32::consts::TAU;

use bevy::asset::{AssetPath, embedded_asset, embedded_path};
use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy::render::render_resource::AsBindGroup;
use bevy::shader::ShaderRef;
use bevy::sprite_render::{AlphaMode2d, Material2d, Material2dPlugin};

use super::ViewSystems;
use super::paint::Paint;
use super::preferences::{self, Preferences};
use super::sound::{Cue, SoundEvent};
use super::stage::Detail;

/// Steps of opacity: few, so that fading shapes share materials and are batched.
const STEPS: usize = 24;

/// The material of all shapes: vertex colors at one opacity. Unlike [`ColorMaterial`] it samples no texture, which costs
/// lavapipe more than the rest of a pixel.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct FlatMaterial {
    /// Only the last component is used; uniforms are aligned to four.
    #[uniform(0)]
    opacity: Vec4,
}

impl Material2d for FlatMaterial {
    fn fragment_shader() -> ShaderRef {
        ShaderRef::Path(AssetPath::from_path_buf(embedded_path!("ink.wgsl")).with_source("embedded"))
    }

    fn alpha_mode(&self) -> AlphaMode2d {
        AlphaMode2d::Blend
    }
}

/// Flat materials of all opacities.
#[derive(Resource, Debug)]
pub struct FlatMaterials(Vec<Handle<FlatMaterial>>);

impl FlatMaterials {
    /// Full opacity.
    pub fn plain(&self) -> MeshMaterial2d<FlatMaterial> {
        self.fade(1.0)
    }

    /// An opacity from 0 to 1, rounded to a step.
    pub fn fade(&self, opacity: f32) -> MeshMaterial2d<FlatMaterial> {
        let step = (opacity.clamp(0.0, 1.0) * STEPS as f32).round() as usize;
        MeshMaterial2d(self.0[step.min(STEPS)].clone())
    }
}

impl FromWorld for FlatMaterials {
    fn from_world(world: &mut World) -> Self {
        let mut materials = world.resource_mut::<Assets<FlatMaterial>>();
        let material = |step| FlatMaterial { opacity: Vec4::new(1.0, 1.0, 1.0, step as f32 / STEPS as f32) };
        Self((0..=STEPS).map(|step| materials.add(material(step))).collect())
    }
}

/// One mesh for each [`Detail`].
#[derive(Debug, Clone)]
pub struct Art([Handle<Mesh>; 2]);

impl Art {
    /// Paints the same shape for every detail of stages `units` high.
    pub fn new(meshes: &mut Assets<Mesh>, units: f32, paint: impl Fn(&mut Paint)) -> Self {
        Self(Detail::ALL.map(|detail| {
            let mut canvas = Paint::new(detail.feather(units));
            paint(&mut canvas);
            meshes.add(canvas.mesh())
        }))
    }

    /// The mesh for `detail`.
    pub fn at(&self, detail: Detail) -> Mesh2d {
        Mesh2d(self.0[detail.index()].clone())
    }
}

/// Access to materials, sounds and time for the art of worlds.
#[derive(SystemParam)]
pub struct Materials<'w, 's> {
    commands: Commands<'w, 's>,
    materials: Res<'w, FlatMaterials>,
    sounds: MessageWriter<'w, SoundEvent>,
    /// Real time: shapes move while the simulation is paused.
    pub time: Res<'w, Time<Real>>,
}

impl Materials<'_, '_> {
    /// Spawns `mesh` at `place` of a stage; it grows from one scale to another and fades out within `life` seconds. More
    /// components can be added, such as a drift.
    pub fn burst(
        &mut self,
        stage: Entity,
        mesh: Mesh2d,
        place: Vec3,
        scale: [f32; 2],
        life: f32,
    ) -> EntityCommands<'_> {
        self.commands.spawn((
            Burst { scale, life, age: 0.0 },
            mesh,
            self.materials.plain(),
            Transform::from_translation(place).with_scale(Vec3::splat(scale[0])),
            ChildOf(stage),
        ))
    }

    /// Plays `cue`, if `stage` is the watched one.
    pub fn sound(&mut self, stage: Entity, cue: Cue) {
        self.sound_at(stage, cue, 1.0);
    }

    /// As [`Materials::sound`], at another pitch.
    pub fn sound_at(&mut self, stage: Entity, cue: Cue, pitch: f32) {
        self.sounds.write(SoundEvent { stage: Some(stage), cue, pitch });
    }
}

/// Grows and fades, then despawns.
#[derive(Component, Debug, Clone, Copy)]
struct Burst {
    scale: [f32; 2],
    life: f32,
    age: f32,
}

/// Scale oscillates between two values.
#[derive(Component, Debug, Clone, Copy)]
pub struct Pulse {
    /// Smallest and largest scale.
    pub scale: [f32; 2],
    /// Seconds per oscillation.
    pub period: f32,
}

/// Opacity oscillates between two values.
#[derive(Component, Debug, Clone, Copy)]
pub struct Shimmer {
    /// Minimum and maximum opacity.
    pub opacity: [f32; 2],
    /// Seconds per oscillation.
    pub period: f32,
    /// Initial phase, 0 to 1.
    pub offset: f32,
}

/// Adds the material to the renderer.
pub(super) fn material(app: &mut App) {
    embedded_asset!(app, "ink.wgsl");
    app.add_plugins(Material2dPlugin::<FlatMaterial>::default());
}

/// Adds materials and decorative motion.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<FlatMaterials>().add_systems(
        PostUpdate,
        (burst, (pulse, shimmer).run_if(preferences::lively)).in_set(ViewSystems::Animate),
    );
}

/// Cosine oscillation from `from` to `to` and back in one period.
pub fn swing(seconds: f32, period: f32, [from, to]: [f32; 2]) -> f32 {
    from + (to - from) * (0.5 - 0.5 * (TAU * seconds / period).cos())
}

/// Fades `value` to 0 at `rate` per second.
pub fn decay(value: f32, rate: f32, seconds: f32) -> f32 {
    (value - rate * seconds).max(0.0)
}

fn burst(
    mut commands: Commands,
    time: Res<Time<Real>>,
    materials: Res<FlatMaterials>,
    preferences: Option<Res<Preferences>>,
    mut bursts: Query<(Entity, &mut Burst, &mut Transform, &mut MeshMaterial2d<FlatMaterial>)>,
) {
    let reduced = preferences.is_some_and(|preferences| preferences.reduced_motion);
    for (entity, mut burst, mut transform, mut material) in &mut bursts {
        burst.age += time.delta_secs();
        let share = burst.age / burst.life;
        if share >= 1.0 {
            commands.entity(entity).despawn();
            continue;
        }
        // Ease out; with reduced motion only fade.
        let eased = if reduced { 0.5 } else { 1.0 - (1.0 - share).powi(3) };
        transform.scale = Vec3::splat(burst.scale[0] + (burst.scale[1] - burst.scale[0]) * eased);
        material.set_if_neq(materials.fade(1.0 - share));
    }
}

fn pulse(time: Res<Time<Real>>, mut pulses: Query<(&Pulse, &mut Transform)>) {
    for (pulse, mut transform) in &mut pulses {
        transform.scale = Vec3::splat(swing(time.elapsed_secs(), pulse.period, pulse.scale));
    }
}

fn shimmer(
    time: Res<Time<Real>>,
    materials: Res<FlatMaterials>,
    mut shimmers: Query<(&Shimmer, &mut MeshMaterial2d<FlatMaterial>)>,
) {
    for (shimmer, mut material) in &mut shimmers {
        let seconds = time.elapsed_secs() + shimmer.offset * shimmer.period;
        material.set_if_neq(materials.fade(swing(seconds, shimmer.period, shimmer.opacity)));
    }
}
