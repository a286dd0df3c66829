//! Crates: they slide, shine on marks, and sink in lava to become floor.

use std::f32::consts::PI;

use bevy::prelude::*;

use super::pieces::RoomArt;
use super::{Hand, Watch};
use crate::view::effects::{Materials, decay};
use crate::view::follow::Follows;
use crate::view::sound::Cue;
use crate::view::stage::Stage;
use crate::worlds::rooms::level::{Cell, Level};
use crate::worlds::rooms::{Room, Rooms, SETTLED};

/// Duration of sinking, in seconds.
const SINKING: f32 = 0.45;

/// One crate, on the node that follows its body.
#[derive(Component, Debug)]
pub struct CrateShape {
    stage: Entity,
    index: usize,
    wood: Entity,
    shade: Entity,
    patch: Entity,
    last_position: Vec2,
    /// Its position in the lava, and seconds since it sank.
    sunk: Option<(Vec2, f32)>,
    marked: bool,
    /// 1 when it has just reached a mark.
    lit: f32,
}

/// Crate `index` on `stage`.
pub fn spawn(hand: &mut Hand, art: &RoomArt, stage: Entity, index: usize, body: Entity) -> Entity {
    let node = hand.follow(body, 3.0, stage);
    let shape = CrateShape {
        stage,
        index,
        patch: hand.on(&art.patch, -0.5, node),
        shade: hand.on(&art.crate_shadow, 0.0, node),
        wood: hand.on(&art.crate_box, 0.1, node),
        last_position: Vec2::ZERO,
        sunk: None,
        marked: false,
        lit: 0.0,
    };
    hand.commands.entity(node).insert(shape);
    node
}

/// Sinks and gilds crates, and hides those that the level does not have.
pub fn animate(
    mut studio: Materials,
    art: Res<RoomArt>,
    rooms: Res<Rooms>,
    states: Query<&Room>,
    stages: Query<(&Stage, &Watch)>,
    mut crates: Query<(&mut CrateShape, &mut Transform, &mut Visibility), With<Follows>>,
    mut parts: Query<(&mut Transform, &mut Visibility, &mut Mesh2d), (Without<Follows>, Without<Stage>)>,
) {
    let show = |on: bool| if on { Visibility::Inherited } else { Visibility::Hidden };
    let mut taken: Vec<(Entity, Vec2)> =
        crates.iter().filter_map(|(shape, ..)| Some((shape.stage, shape.sunk?.0))).collect();
    for (mut shape, mut node, mut visibility) in &mut crates {
        let Ok((stage, watch)) = stages.get(shape.stage) else { continue };
        let Ok(room) = states.get(stage.arena) else { continue };
        let level = room.level(&rooms);
        let there = shape.index < level.crates.len();
        visibility.set_if_neq(show(there));
        if !there {
            continue;
        }
        let seconds = studio.time.delta_secs();
        if let Some(Some(place)) = watch.crates.get(shape.index) {
            (shape.sunk, shape.last_position) = (None, *place);
        } else if let Some((_, age)) = &mut shape.sunk {
            *age += seconds;
        } else {
            let free = level
                .places(|cell| cell == Cell::Lava)
                .filter(|place| room.is_filled(level.index(*place)))
                .map(|(column, row)| level.center(column, row))
                .filter(|place| !taken.contains(&(shape.stage, *place)));
            let from = shape.last_position;
            let found = free.min_by(|a, b| a.distance(from).total_cmp(&b.distance(from)));
            shape.sunk = found.map(|place| (place, 0.0));
            taken.extend(found.map(|place| (shape.stage, place)));
            if let Some(place) = found {
                studio.sound(shape.stage, Cue::Sink);
                studio.burst(shape.stage, art.ember.at(stage.detail), place.extend(2.4), [0.8, 1.5], 0.5);
            }
        }
        let marked = shape.sunk.is_none() && on_mark(level, shape.last_position);
        if marked && !shape.marked && !watch.begins {
            shape.lit = 1.0;
            let place = shape.last_position.extend(2.9);
            studio.sound(shape.stage, Cue::Take);
            studio.burst(shape.stage, art.gold.at(stage.detail), place, [0.8, 1.8], 0.5);
        }
        shape.marked = marked;
        shape.lit = decay(shape.lit, 4.0, seconds);
        // From above the floor down to its level: smaller, darker, without a shadow.
        let share = shape.sunk.map_or(0.0, |(_, age)| (age / SINKING).min(1.0));
        if let Some((place, _)) = shape.sunk {
            node.translation = shape.last_position.lerp(place, share).extend(node.translation.z);
        }
        if let Ok((mut transform, _, mut mesh)) = parts.get_mut(shape.wood) {
            let size = 1.0 - 0.12 * share - 0.1 * (share * PI).sin() + 0.14 * (shape.lit * PI).sin();
            transform.scale = Vec3::splat(size);
            let wood = match (share > 0.6, marked) {
                (true, _) => &art.sunk_box,
                (false, true) => &art.gilded_box,
                (false, false) => &art.crate_box,
            };
            mesh.set_if_neq(wood.at(stage.detail));
        }
        if let Ok((_, mut visibility, _)) = parts.get_mut(shape.shade) {
            visibility.set_if_neq(show(shape.sunk.is_none()));
        }
        if let Ok((mut transform, mut visibility, _)) = parts.get_mut(shape.patch) {
            visibility.set_if_neq(show(shape.sunk.is_some()));
            transform.scale = Vec3::splat(0.5 + 0.5 * share);
        }
    }
}

/// Whether a crate at `position` fills a mark.
fn on_mark(level: &Level, position: Vec2) -> bool {
    let (column, row) = level.locate(position);
    let off = (position - level.center(column, row)).abs().max_element();
    level.cell(column, row) == Cell::Mark && off <= SETTLED
}
