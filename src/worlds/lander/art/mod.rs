//! lander on screen: a faceted moon, a rocket with flames, dust where they meet.

mod fireworks;
mod shapes;

use bevy::prelude::*;

use crate::agent::Controllers;
use crate::sim::{AgentSlots, Arena};
use crate::view::drift::scatter;
use crate::view::effects::{Art, FlatMaterials, Materials, Pulse, Shimmer, decay, swing};
use crate::view::follow::Follows;
use crate::view::paint::Paint;
use crate::view::palette;
use crate::view::stage::{Detail, Stage};
use crate::view::{StageLegend, ViewSystems};
use crate::worlds::lander::craft::SIDE_ENGINE;
use crate::worlds::lander::{CORNERS, FLAGS, HALF, Lander, Moon, PAD, Thrust};
use fireworks::{blow, mark_events};
use shapes::{MoonArt, NOZZLE, RIM};

/// Number of twinkling stars, besides those of the background.
const TWINKLES: u32 = 14;

/// The moving shapes of one stage.
#[derive(Component)]
struct MoonShapes {
    ground: Entity,
    heights: [f32; CORNERS],
    hull: Entity,
    legs: [Entity; 2],
    paint: Entity,
    cloths: [Entity; 2],
    flame: Entity,
    /// At the left and at the right side of the hull.
    jets: [Entity; 2],
    light: Entity,
    marker: Entity,
    /// How strongly the left jet, the main engine and the right jet burn, 0 to 1.
    burning: [f32; 3],
    /// Seconds since the last puff.
    quiet: f32,
    /// Number of puffs so far, as a seed for their look.
    puffs: u32,
    steps: u32,
    standing: [bool; 2],
    /// Where the rocket was in the last frame.
    last: Vec2,
}

/// Draws lander where it runs.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, (shapes::prepare, explain).run_if(resource_exists::<Moon>)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (lay_ground, recolor, mark_events, burn, blow, hide_beyond).chain().in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<MoonArt>),
    );
}

/// What the icons mean.
fn explain(mut commands: Commands) {
    commands.insert_resource(StageLegend("Points are LunarLander's own; 100 points are a return of 1."));
}

fn furnish(
    mut commands: Commands,
    art: Res<MoonArt>,
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<&Arena, With<Lander>>,
) {
    let at = |x: f32, y: f32, z: f32| Transform::from_xyz(x, y, z);
    for (entity, stage) in &stages {
        let Ok(arena) = arenas.get(stage.arena) else { continue };
        let &[hull, left, right, ..] = arena.entities.as_slice() else { continue };
        let mut put = |art: &Art, place: Transform, parent: Entity, opacity: f32| {
            commands.spawn((art.at(stage.detail), inks.fade(opacity), place, ChildOf(parent))).id()
        };
        put(&art.board, at(0.0, 0.0, 0.0), entity, 1.0);
        put(&art.rim, at(0.0, 0.0, 6.0), entity, 1.0);
        let marker = put(&art.marker, at(0.0, HALF.y - 0.4, 6.5), entity, 0.0);
        let light = put(&art.light, at(0.0, 0.0, 1.5), entity, 0.0);
        let cloths = [-FLAGS, FLAGS].map(|x| {
            put(&art.mast, at(x, PAD, 2.0), entity, 1.0);
            put(&art.cloth, at(x + 0.03, PAD + 1.04, 2.1), entity, 1.0)
        });
        let lamps = [-1.0, 1.0].map(|side| put(&art.lamp, at(side * (FLAGS - 0.15), PAD, 2.2), entity, 1.0));
        let stars = if stage.detail == Detail::Large { TWINKLES } else { 0 };
        let stars: Vec<Entity> = (0..stars)
            .map(|star| {
                let (x, y) = (scatter(star + 900) * HALF.x, (0.55 + 0.43 * scatter(star + 950)) * HALF.y);
                put(&art.star, at(x, y, 0.1), entity, 1.0)
            })
            .collect();
        let ground = commands.spawn((inks.plain(), at(0.0, 0.0, 1.0), ChildOf(entity))).id();
        let mut follow = |body: Entity, z: f32| {
            commands.spawn((Follows::new(body), at(0.0, 0.0, z), ChildOf(entity))).id()
        };
        let (node, legs) = (follow(hull, 4.0), [follow(left, 3.0), follow(right, 3.0)]);
        let mut put = |art: &Art, place: Transform, parent: Entity| {
            commands.spawn((art.at(stage.detail), inks.plain(), place, ChildOf(parent))).id()
        };
        for (leg, side) in legs.into_iter().zip([-1.0, 1.0]) {
            put(&art.leg, at(0.0, 0.0, 0.0).with_scale(Vec3::new(side, 1.0, 1.0)), leg);
        }
        let flame = put(&art.flame, at(0.0, NOZZLE + 0.04, -0.2), node);
        let jets = [-1.0, 1.0].map(|side| {
            let out = Quat::from_rotation_z(side * std::f32::consts::FRAC_PI_2);
            put(&art.jet, at(side * 0.55, SIDE_ENGINE.y, -0.2).with_rotation(out), node)
        });
        let paint = put(&art.hulls[1], at(0.0, 0.0, 0.1), node);
        let beacon = put(&art.beacon, at(-0.18, 0.82, 0.2), node);
        commands.entity(beacon).insert(Pulse { scale: [0.2, 1.0], period: 1.1 });
        for lamp in lamps {
            commands.entity(lamp).insert(Pulse { scale: [0.55, 1.1], period: 1.6 });
        }
        for (number, star) in stars.into_iter().enumerate() {
            let offset = number as f32 / TWINKLES as f32;
            let period = 2.0 + (number % 4) as f32;
            commands.entity(star).insert(Shimmer { opacity: [0.1, 0.9], period, offset });
        }
        commands.entity(entity).insert(MoonShapes {
            ground,
            heights: [0.0; CORNERS],
            hull: node,
            legs,
            paint,
            cloths,
            flame,
            jets,
            light,
            marker,
            burning: [0.0; 3],
            quiet: 0.0,
            puffs: 0,
            steps: arena.steps(),
            standing: [false; 2],
            last: Vec2::ZERO,
        });
    }
}

/// Builds the mesh of new ground when it is first drawn.
fn lay_ground(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    landers: Query<&Lander>,
    mut stages: Query<(&Stage, &mut MoonShapes)>,
) {
    for (stage, mut shapes) in &mut stages {
        let Ok(lander) = landers.get(stage.arena) else { continue };
        if shapes.heights != *lander.ground() {
            shapes.heights = *lander.ground();
            let mut canvas = Paint::new(stage.detail.feather(2.0 * HALF.y));
            shapes::paint_ground(&mut canvas, lander.ground(), stage.detail);
            commands.entity(shapes.ground).insert(Mesh2d(meshes.add(canvas.mesh())));
        }
    }
}

/// The cabin wears the color of the controller.
fn recolor(
    art: Res<MoonArt>,
    stages: Query<(&Stage, &MoonShapes)>,
    controllers: Query<&Controllers>,
    mut meshes: Query<&mut Mesh2d>,
) {
    for (stage, shapes) in &stages {
        let player = controllers.get(stage.arena).ok().and_then(|all| all.first()).map_or(0, palette::player);
        if let Ok(mut mesh) = meshes.get_mut(shapes.paint) {
            mesh.set_if_neq(art.hulls[player].at(stage.detail));
        }
    }
}

/// Flames flicker while their engine burns; flags wave.
fn burn(
    studio: Materials,
    seats: Query<&AgentSlots>,
    mut stages: Query<(&Stage, &mut MoonShapes)>,
    mut transforms: Query<&mut Transform, Without<Stage>>,
) {
    let (seconds, now) = (studio.time.delta_secs(), studio.time.elapsed_secs());
    for (stage, mut shapes) in &mut stages {
        let Ok(seats) = seats.get(stage.arena) else { continue };
        let Thrust { main, side } = Thrust::of(seats.actions.row(0));
        // The jet that pushes to the left blows to the right.
        for (engine, thrust) in [side.max(0.0), main, (-side).max(0.0)].into_iter().enumerate() {
            let strength = shapes.burning[engine];
            shapes.burning[engine] = if strength < thrust {
                (strength + 14.0 * seconds).min(thrust)
            } else {
                decay(strength, 7.0, seconds).max(thrust)
            };
        }
        let phase = now * 31.0 + stage.index as f32;
        let flicker = 1.0 + 0.16 * phase.sin() + 0.12 * (2.3 * phase).sin();
        let [left, main, right] = shapes.burning;
        for (flame, strength, length) in
            [(shapes.flame, main, 1.0_f32), (shapes.jets[0], left, 0.42), (shapes.jets[1], right, 0.42)]
        {
            if let Ok(mut transform) = transforms.get_mut(flame) {
                let width = strength * length.sqrt() * (1.0 + 0.4 * (flicker - 1.0));
                transform.scale = Vec3::new(width, strength * length * flicker, 1.0);
            }
        }
        for (cloth, offset) in shapes.cloths.into_iter().zip([0.0, 0.4]) {
            if let Ok(mut transform) = transforms.get_mut(cloth) {
                let at = now + offset + stage.index as f32 * 0.3;
                transform.scale = Vec3::new(swing(at, 1.1, [0.8, 1.0]), swing(at, 0.7, [0.92, 1.05]), 1.0);
            }
        }
    }
}

/// Shows a mark at the upper edge while the rocket is above the picture.
fn hide_beyond(
    inks: Res<FlatMaterials>,
    followers: Query<&Transform, With<Follows>>,
    stages: Query<&MoonShapes>,
    mut visibilities: Query<&mut Visibility>,
    mut marks: Query<
        (&mut Transform, &mut MeshMaterial2d<crate::view::effects::FlatMaterial>),
        Without<Follows>,
    >,
) {
    for shapes in &stages {
        let Ok(hull) = followers.get(shapes.hull) else { continue };
        let beyond = hull.translation.y > HALF.y + RIM;
        for part in [shapes.hull, shapes.legs[0], shapes.legs[1]] {
            if let Ok(mut visibility) = visibilities.get_mut(part) {
                visibility.set_if_neq(if beyond { Visibility::Hidden } else { Visibility::Inherited });
            }
        }
        if let Ok((mut transform, mut ink)) = marks.get_mut(shapes.marker) {
            transform.translation.x = hull.translation.x;
            ink.set_if_neq(inks.fade(if beyond { 1.0 } else { 0.0 }));
        }
    }
}
