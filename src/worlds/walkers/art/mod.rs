//! Walkers on screen: the picture follows the torso over ground with marks, flags and footprints; joints glow with their
//! torque.

mod shapes;
mod track;

use bevy::prelude::*;

use crate::agent::Controllers;
use crate::sim::{AgentSlots, Arena};
use crate::view::effects::FlatMaterials;
use crate::view::follow::Follows;
use crate::view::scroll::{Scroll, Scrolled};
use crate::view::stage::{Detail, Stage};
use crate::view::{StageLegend, ViewSystems, add_once};
use crate::worlds::bodiless::{Clock, Furnisher, Shapes, ease, player};
use crate::worlds::walkers::anatomy::{Anatomy, MOST_JOINTS, TORSO};
use crate::worlds::walkers::runner::Runner;
use shapes::{MIDDLE, TrackArt, axis_end, is_far};
use track::{Feet, Track};

/// How far the picture looks ahead of the torso, m.
const AHEAD: f32 = 0.4;

/// The moving shapes of one stage.
#[derive(Component)]
struct RunnerShapes {
    torso: Entity,
    /// By link: the shape that wears the controller's color.
    skins: Vec<Entity>,
    /// By joint.
    hubs: Vec<Entity>,
    /// How strongly joints glow, 0 to 1.
    glow: [f32; MOST_JOINTS],
}

/// Draws the walker that runs.
pub fn plugin(app: &mut App) {
    add_once(app, picture);
}

fn picture(app: &mut App) {
    app.add_systems(Startup, (shapes::prepare, explain).run_if(resource_exists::<Anatomy>)).add_systems(
        PostUpdate,
        (
            furnish.in_set(ViewSystems::Furnish),
            (look, track::step, animate, track::draw).chain().in_set(ViewSystems::Animate),
        )
            .run_if(resource_exists::<TrackArt>),
    );
}

fn explain(mut commands: Commands) {
    commands.insert_resource(StageLegend(
        "Marks are half a meter apart, flags ten; the number above is the speed in m/s, the pennant the farthest so far.",
    ));
}

fn furnish(
    mut commands: Commands,
    art: Res<TrackArt>,
    anatomy: Res<Anatomy>,
    inks: Res<FlatMaterials>,
    stages: Query<(Entity, &Stage), Added<Stage>>,
    arenas: Query<&Arena, With<Runner>>,
) {
    for (entity, stage) in &stages {
        let Ok(arena) = arenas.get(stage.arena) else { continue };
        let mut on = Furnisher { commands: &mut commands, inks: &inks, stage };
        on.put(entity, &art.board, Vec2::ZERO, 0.0);
        on.put(entity, &art.ground, Vec2::ZERO, 1.0);
        on.put(entity, &art.rim, Vec2::ZERO, 7.0);
        let inside = on.node(entity, 2.0);
        on.commands.entity(inside).insert(Scrolled);
        let mut links = Vec::new();
        for (index, (&body, looks)) in arena.entities.iter().zip(&art.links).enumerate() {
            let z = if is_far(&anatomy, index) { 1.0 } else { 2.0 } + 0.1 * index as f32;
            let node = on.node(inside, if index == TORSO { 1.8 } else { z });
            on.commands.entity(node).insert(Follows::new(body));
            links.push((node, on.put(node, &looks[1], Vec2::ZERO, 0.0)));
        }
        let hubs = anatomy
            .jointed()
            .filter_map(|(index, link, _)| {
                let hub = on.put(links.get(index)?.0, &art.hub, axis_end(link)?, 0.05);
                on.commands.entity(hub).insert(inks.fade(0.0));
                Some(hub)
            })
            .collect();
        let feet: Vec<(usize, Entity)> =
            anatomy.feet().filter_map(|index| Some((index, links.get(index)?.0))).collect();
        let track = Track::spawn(&mut on, &art, entity, inside);
        let Some(&(torso, _)) = links.first() else { continue };
        let skins = links.iter().map(|(_, skin)| *skin).collect();
        let shapes = RunnerShapes { torso, skins, hubs, glow: [0.0; MOST_JOINTS] };
        commands.entity(entity).insert((shapes, track, Feet::new(feet), Scroll(Vec2::Y * MIDDLE)));
    }
}

/// Keeps the torso in the picture.
fn look(followers: Query<&Transform, With<Follows>>, mut stages: Query<(&RunnerShapes, &mut Scroll)>) {
    for (shapes, mut scroll) in &mut stages {
        let Ok(torso) = followers.get(shapes.torso) else { continue };
        scroll.set_if_neq(Scroll(Vec2::new(torso.translation.x + AHEAD, MIDDLE)));
    }
}

fn animate(
    clock: Clock,
    art: Res<TrackArt>,
    arenas: Query<(&AgentSlots, Option<&Controllers>), With<Runner>>,
    mut stages: Query<(&Stage, &mut RunnerShapes)>,
    mut shapes: Shapes,
) {
    let beat = clock.beat();
    for (stage, mut it) in &mut stages {
        let Ok((seats, controllers)) = arenas.get(stage.arena) else { continue };
        let it = &mut *it;
        for (skin, looks) in it.skins.iter().zip(&art.links) {
            shapes.wear(*skin, looks[player(controllers)].at(stage.detail));
        }
        if stage.detail == Detail::Small {
            continue;
        }
        for ((hub, glow), torque) in it.hubs.iter().zip(&mut it.glow).zip(seats.actions.vector(0)) {
            ease(glow, torque.abs().min(1.0), beat.frame);
            shapes.fade(*hub, *glow);
        }
    }
}
