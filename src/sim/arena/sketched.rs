//! An arena as plain shapes.

use bevy::prelude::*;

use super::{Arena, ArenaParts, Parts, bodies};
use crate::sim::{Environment, Ink, Sketch};

/// Arena `index` as it is now; `None` if there is none such.
pub fn sketch<E: Environment>(world: &mut World, index: usize) -> Option<Sketch> {
    let mut arenas = world.query::<(Entity, &Arena)>();
    let arena = arenas.iter(world).find(|(_, arena)| arena.index == index)?.0;
    let mut query = world.query::<ArenaParts<E>>();
    world.resource_scope(|world, layout: Mut<E::Layout>| {
        let mut parts = Parts::from(query.get_mut(world, arena).ok()?);
        let bodies = bodies(parts.bodies, &parts.arena.handles, &mut parts.physics);
        let teams = E::spec(&layout).teams;
        let tracked = E::CAPABILITIES.tracked_bodies.map_or_else(Vec::new, |tracked| tracked(&layout));
        let mut sketch = Sketch::default();
        if let Some(add) = E::CAPABILITIES.sketch {
            add(parts.state, &layout, &bodies, &mut sketch);
        }
        let marks: Vec<Option<usize>> = (0..teams.len()).map(|slot| E::player(&layout, slot)).collect();
        sketch.bodies(&bodies, |index, body| {
            let tracked = tracked.iter().find(|(own, _)| *own == index).and_then(|(_, slot)| *slot);
            let slot = tracked.or_else(|| marks.iter().position(|own| *own == Some(index)));
            Some(match slot {
                Some(slot) => Ink::Player(usize::from(teams.get(slot) != teams.first())),
                None if body.is_fixed() => Ink::Wall,
                None => Ink::Thing,
            })
        });
        sketch.fit();
        Some(sketch)
    })
}
