//! Effects: the materials everything is drawn with, and small motions that need no body.

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
use super::sound::{Cue, Heard};
use super::stage::Detail;

/// Steps of opacity. Few, so that shapes that fade share materials and are drawn together.
const STEPS: usize = 24;

/// What everything is drawn with: the colors of the mesh, at one opacity. Unlike [`ColorMaterial`] it looks up no
/// texture, which takes lavapipe longer than all the rest of a pixel.
#[derive(Asset, TypePath, AsBindGroup, Debug, Clone)]
pub struct FlatMaterial {
    /// Only its last part counts; uniforms come in fours.
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

/// FlatMaterials of all opacities; all color is in the meshes.
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
        let ink = |step| FlatMaterial { opacity: Vec4::new(1.0, 1.0, 1.0, step as f32 / STEPS as f32) };
        Self((0..=STEPS).map(|step| materials.add(ink(step))).collect())
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

/// What worlds need to move their shapes.
#[derive(SystemParam)]
pub struct Materials<'w, 's> {
    commands: Commands<'w, 's>,
    inks: Res<'w, FlatMaterials>,
    heard: MessageWriter<'w, Heard>,
    /// Real time: shapes move while the simulation is paused.
    pub time: Res<'w, Time<Real>>,
}

impl Materials<'_, '_> {
    /// Lets `mesh` grow from one scale to another at `place` of a stage, and vanish within `life` seconds. What
    /// comes back takes further components, such as a drift.
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
            self.inks.plain(),
            Transform::from_translation(place).with_scale(Vec3::splat(scale[0])),
            ChildOf(stage),
        ))
    }

    /// Lets `cue` be heard, if `stage` is the one that people listen to.
    pub fn sound(&mut self, stage: Entity, cue: Cue) {
        self.sound_at(stage, cue, 1.0);
    }

    /// As [`Materials::sound`], at another pitch.
    pub fn sound_at(&mut self, stage: Entity, cue: Cue, pitch: f32) {
        self.heard.write(Heard { stage: Some(stage), cue, pitch });
    }
}

/// Grows and fades, then is gone.
#[derive(Component, Debug, Clone, Copy)]
struct Burst {
    scale: [f32; 2],
    life: f32,
    age: f32,
}

/// Scale swings between two values.
#[derive(Component, Debug, Clone, Copy)]
pub struct Pulse {
    /// Smallest and largest scale.
    pub scale: [f32; 2],
    /// Seconds a swing takes.
    pub period: f32,
}

/// Opacity swings between two values.
#[derive(Component, Debug, Clone, Copy)]
pub struct Shimmer {
    /// Least and most opacity.
    pub opacity: [f32; 2],
    /// Seconds a swing takes.
    pub period: f32,
    /// Where in the swing it begins, 0 to 1.
    pub offset: f32,
}

/// Adds materials and motions.
pub(super) fn plugin(app: &mut App) {
    embedded_asset!(app, "ink.wgsl");
    app.add_plugins(Material2dPlugin::<FlatMaterial>::default())
        .init_resource::<FlatMaterials>()
        .add_systems(
            PostUpdate,
            (burst, (pulse, shimmer).run_if(preferences::lively)).in_set(ViewSystems::Animate),
        );
}

/// `from` … `to` and back in one period, beginning at `from`.
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
    inks: Res<FlatMaterials>,
    preferences: Option<Res<Preferences>>,
    mut bursts: Query<(Entity, &mut Burst, &mut Transform, &mut MeshMaterial2d<FlatMaterial>)>,
) {
    let calm = preferences.is_some_and(|preferences| preferences.reduced_motion);
    for (entity, mut burst, mut transform, mut material) in &mut bursts {
        burst.age += time.delta_secs();
        let share = burst.age / burst.life;
        if share >= 1.0 {
            commands.entity(entity).despawn();
            continue;
        }
        // Fast at first, then slowing down; or there at once, and only fading.
        let eased = if calm { 0.5 } else { 1.0 - (1.0 - share).powi(3) };
        transform.scale = Vec3::splat(burst.scale[0] + (burst.scale[1] - burst.scale[0]) * eased);
        material.set_if_neq(inks.fade(1.0 - share));
    }
}

fn pulse(time: Res<Time<Real>>, mut pulses: Query<(&Pulse, &mut Transform)>) {
    for (pulse, mut transform) in &mut pulses {
        transform.scale = Vec3::splat(swing(time.elapsed_secs(), pulse.period, pulse.scale));
    }
}

fn shimmer(
    time: Res<Time<Real>>,
    inks: Res<FlatMaterials>,
    mut shimmers: Query<(&Shimmer, &mut MeshMaterial2d<FlatMaterial>)>,
) {
    for (shimmer, mut material) in &mut shimmers {
        let seconds = time.elapsed_secs() + shimmer.offset * shimmer.period;
        material.set_if_neq(inks.fade(swing(seconds, shimmer.period, shimmer.opacity)));
    }
}
