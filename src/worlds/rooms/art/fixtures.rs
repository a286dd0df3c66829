//! Fixtures: gates and doors that sink when they open, and plates that light up under a weight.

use bevy::prelude::*;

use super::pieces::RoomArt;
use super::{Hand, Watch};
use crate::view::effects::{FlatMaterials, Materials, swing};
use crate::view::sound::Cue;
use crate::view::stage::Stage;
use crate::worlds::rooms::level::{Cell, KeyColor, Place};
use crate::worlds::rooms::{Room, Rooms};

/// How much of the way barriers and plates go in a second is `1 − e^−this`.
const HASTE: f32 = 14.0;
/// How deep a barrier sinks, in cells: as high as it stands.
const DEPTH: f32 = 0.14;
/// How bright the light around a free plate swings, and how bright it is around a pressed one.
const PLATE_LIGHT: [f32; 3] = [0.15, 0.5, 1.0];

/// A gate or a door.
#[derive(Component, Debug)]
pub struct BarrierShape {
    stage: Entity,
    index: usize,
    /// Of a door.
    color: Option<KeyColor>,
    side: Entity,
    top: Entity,
    /// How far it has sunk, 0 to 1.
    open: f32,
}

/// A plate, on its button.
#[derive(Component, Debug)]
pub struct PlateShape {
    stage: Entity,
    place: Place,
    glow: Entity,
    pressed: bool,
    light: f32,
}

/// Barrier `index` of a level's plan, made of `cell`.
pub fn put_barrier(
    hand: &mut Hand,
    art: &RoomArt,
    [stage, scene]: [Entity; 2],
    index: usize,
    cell: Cell,
    center: Vec2,
) {
    let (color, [side, top]) = match cell {
        Cell::Door(color) => (Some(color), &art.doors[color as usize]),
        _ => (None, &art.gate),
    };
    // All sides lie under all tops, as walls' do.
    let side = hand.put(side, center.extend(1.6), scene);
    let top = hand.put(top, center.extend(1.7), scene);
    let shape = BarrierShape { stage, index, color, side, top, open: 0.0 };
    hand.commands.entity(top).insert(shape);
}

/// The plate at `place`.
pub fn put_plate(hand: &mut Hand, art: &RoomArt, [stage, scene]: [Entity; 2], place: Place, center: Vec2) {
    let glow = hand.put(&art.plate_glow, center.extend(1.3), scene);
    let button = hand.put(&art.plate[0], center.extend(1.4), scene);
    let shape = PlateShape { stage, place, glow, pressed: false, light: 0.0 };
    hand.commands.entity(button).insert(shape);
}

/// Sinks what is open.
pub fn move_barriers(
    mut studio: Materials,
    art: Res<RoomArt>,
    inks: Res<FlatMaterials>,
    rooms: Res<Rooms>,
    states: Query<&Room>,
    stages: Query<(&Stage, &Watch)>,
    mut barriers: Query<&mut BarrierShape>,
    mut parts: Query<
        (&mut Transform, &mut MeshMaterial2d<crate::view::effects::FlatMaterial>),
        Without<Stage>,
    >,
) {
    let ease = 1.0 - (-HASTE * studio.time.delta_secs()).exp();
    for mut shape in &mut barriers {
        let Ok((stage, watch)) = stages.get(shape.stage) else { continue };
        let Ok(room) = states.get(stage.arena) else { continue };
        let plan = &rooms.levels[room.level_index()];
        let Some(&(column, row)) = plan.barriers.get(shape.index) else { continue };
        let center = plan.level.center(column, row);
        let open = room.is_open(shape.index);
        if watch.begins {
            shape.open = f32::from(u8::from(open));
        } else if open
            && shape.open == 0.0
            && let Some(color) = shape.color
        {
            let burst = art.opened[color as usize].at(stage.detail);
            studio.sound(shape.stage, Cue::Open);
            studio.burst(shape.stage, burst, center.extend(5.0), [0.6, 2.0], 0.5);
        }
        shape.open += (f32::from(u8::from(open)) - shape.open) * ease;
        if !open && shape.open < 0.01 {
            shape.open = 0.0;
        }
        let sunk = Vec2::new(0.0, -DEPTH * shape.open);
        for (part, offset) in [(shape.side, Vec2::ZERO), (shape.top, sunk)] {
            if let Ok((mut transform, mut ink)) = parts.get_mut(part) {
                transform.translation = (center + offset).extend(transform.translation.z);
                transform.scale = Vec3::splat(1.0 - 0.12 * shape.open);
                ink.set_if_neq(inks.fade(1.0 - shape.open * shape.open));
            }
        }
    }
}

/// Presses the plates that something stands on.
pub fn press_plates(
    mut studio: Materials,
    art: Res<RoomArt>,
    inks: Res<FlatMaterials>,
    rooms: Res<Rooms>,
    states: Query<&Room>,
    stages: Query<(&Stage, &Watch)>,
    mut plates: Query<(&mut PlateShape, &Transform, &mut Mesh2d)>,
    mut glows: Query<&mut MeshMaterial2d<crate::view::effects::FlatMaterial>>,
) {
    let now = studio.time.elapsed_secs();
    let ease = 1.0 - (-HASTE * studio.time.delta_secs()).exp();
    for (mut shape, transform, mut mesh) in &mut plates {
        let Ok((stage, watch)) = stages.get(shape.stage) else { continue };
        let Ok(room) = states.get(stage.arena) else { continue };
        let level = room.level(&rooms);
        let pressed = watch.standing().any(|position| level.locate(position) == shape.place);
        if pressed && !shape.pressed && !watch.begins {
            let place = transform.translation.truncate().extend(2.4);
            studio.sound(shape.stage, Cue::Press);
            studio.burst(shape.stage, art.lime.at(stage.detail), place, [0.7, 1.4], 0.4);
        }
        shape.pressed = pressed;
        mesh.set_if_neq(art.plate[usize::from(pressed)].at(stage.detail));
        let [least, most, full] = PLATE_LIGHT;
        let goal = if pressed { full } else { swing(now, 1.8, [least, most]) };
        shape.light += (goal - shape.light) * ease;
        if let Ok(mut ink) = glows.get_mut(shape.glow) {
            ink.set_if_neq(inks.fade(shape.light));
        }
    }
}
