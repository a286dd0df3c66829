//! Scope: plugins that are added and removed again at run time, without needing to know that the app outlives
//! them.
//!
//! Systems of a scope are in schedules of their own, which run inside those of the same name; dropping them
//! drops all system state. Resources that did not exist when the scope began are removed when it ends.
//! Entities are despawned by state scopes ([`DespawnOnExit`](bevy_state::prelude::DespawnOnExit)); those
//! spawned while plugins are added get one.

use std::collections::{HashMap, HashSet};

use bevy::app::{PostStartup, PreStartup};
use bevy::asset::AssetEventSystems;
use bevy::camera::visibility::VisibilitySystems;
use bevy::ecs::change_detection::Tick;
use bevy::ecs::component::ComponentId;
use bevy::ecs::message::MessageRegistry;
use bevy::ecs::resource::IsResource;
use bevy::ecs::schedule::{InternedScheduleLabel, ScheduleLabel, SingleThreadedExecutor};
use bevy::ecs::system::SystemIdMarker;
use bevy::prelude::*;
use bevy::transform::TransformSystems;
use bevy_state::prelude::*;

use crate::panel::{EguiPreUpdateSet, EguiPrimaryContextPass};
use crate::view::controls::ObeyControls;
use crate::view::screens::{AppScreen, Visit};

/// Additions of the running session.
#[derive(Resource, Default)]
struct Scope {
    /// Its part of the app's schedules.
    parts: HashMap<InternedScheduleLabel, Schedule>,
    /// Schedules that only it has.
    own: Vec<InternedScheduleLabel>,
    /// Its messages, which are dropped with it.
    messages: MessageRegistry,
    /// Resources that existed before.
    before: HashSet<ComponentId>,
    /// One-shot systems registered before.
    registered: HashSet<Entity>,
}

/// Runs a scope's systems along with the app's own.
pub(super) fn plugin(app: &mut App) {
    let there = || resource_exists::<Scope>;
    let playing = in_state(Visit::Playing);
    app.add_systems(First, (update_messages, part(First)).chain().run_if(there()))
        .add_systems(
            PreUpdate,
            part(PreUpdate)
                .run_if(playing.clone())
                .after(ObeyControls)
                .after(EguiPreUpdateSet::ProcessInput)
                .before(EguiPreUpdateSet::BeginPass),
        )
        .add_systems(Update, part(Update).run_if(playing))
        .add_systems(
            PostUpdate,
            part(PostUpdate)
                .run_if(there())
                .before(TransformSystems::Propagate)
                .before(VisibilitySystems::VisibilityPropagate)
                .before(AssetEventSystems),
        )
        .add_systems(Last, part(Last).run_if(there()))
        .add_systems(EguiPrimaryContextPass, part(EguiPrimaryContextPass).run_if(there()));
}

/// Runs the scope's part of a schedule.
fn part(label: impl ScheduleLabel) -> impl FnMut(&mut World) {
    let label = label.intern();
    move |world| {
        let part = world.get_resource_mut::<Scope>().and_then(|mut scope| scope.parts.remove(&label));
        let Some(mut part) = part else { return };
        part.run(world);
        if let Some(mut scope) = world.get_resource_mut::<Scope>() {
            scope.parts.insert(label, part);
        }
    }
}

/// Updates the scope's messages once a frame, as the app does with its own.
fn update_messages(world: &mut World, mut last: Local<Option<Tick>>) {
    let now = world.change_tick();
    let mut messages = std::mem::take(&mut world.resource_mut::<Scope>().messages);
    messages.run_updates(world, last.unwrap_or(now));
    *last = Some(now);
    world.resource_mut::<Scope>().messages = messages;
}

/// Adds plugins to the running app until [`end`], and runs their startup systems.
pub(super) fn begin(world: &mut World, add: impl FnOnce(&mut App)) {
    let before: HashSet<Entity> = entities(world).collect();
    let mut scope = Scope {
        before: resources(world).collect(),
        registered: registered(world).collect(),
        ..Scope::default()
    };
    let schedules = world.remove_resource::<Schedules>().unwrap_or_default();
    let messages = world.remove_resource::<MessageRegistry>().unwrap_or_default();
    world.init_resource::<Schedules>();
    // Plugins need an app: this one temporarily wraps the world.
    let mut app = App::empty();
    std::mem::swap(app.world_mut(), world);
    add(&mut app);
    std::mem::swap(app.world_mut(), world);
    let mut added = world.remove_resource::<Schedules>().unwrap_or_default();
    scope.messages = world.remove_resource::<MessageRegistry>().unwrap_or_default();
    world.insert_resource(schedules);
    world.insert_resource(messages);
    let start = [PreStartup.intern(), Startup.intern(), PostStartup.intern()];
    let start = start.map(|label| added.remove(label));
    let shared = [First.intern(), PreUpdate.intern(), Update.intern(), PostUpdate.intern(), Last.intern()];
    for label in shared.into_iter().chain([EguiPrimaryContextPass.intern()]) {
        if let Some(mut part) = added.remove(label) {
            // On few cores, running a frame's small systems on other threads costs more than it saves.
            part.set_executor(SingleThreadedExecutor::new());
            scope.parts.insert(label, part);
        }
    }
    let labels: Vec<InternedScheduleLabel> = added.iter().map(|(_, schedule)| schedule.label()).collect();
    for label in labels {
        if let Some(schedule) = added.remove(label) {
            world.add_schedule(schedule);
            scope.own.push(label);
        }
    }
    world.insert_resource(scope);
    start.into_iter().flatten().for_each(|mut schedule| schedule.run(world));
    let fresh: Vec<Entity> = entities(world).filter(|entity| !before.contains(entity)).collect();
    for entity in fresh {
        world.entity_mut(entity).insert(DespawnOnExit(AppScreen::World));
    }
}

/// Removes everything added since [`begin`].
pub(super) fn end(world: &mut World) {
    let Some(Scope { parts, own, before, registered: known, .. }) = world.remove_resource::<Scope>() else {
        return;
    };
    drop(parts);
    let mut schedules = world.resource_mut::<Schedules>();
    own.into_iter().for_each(|label| _ = schedules.remove(label));
    let added: Vec<ComponentId> = resources(world).filter(|id| !before.contains(id)).collect();
    added.into_iter().for_each(|id| _ = world.remove_resource_by_id(id));
    let added: Vec<Entity> = registered(world).filter(|entity| !known.contains(entity)).collect();
    added.into_iter().for_each(|entity| _ = world.despawn(entity));
}

/// One-shot systems, which have state.
fn registered(world: &mut World) -> impl Iterator<Item = Entity> {
    let all: Vec<Entity> = world.query_filtered::<Entity, With<SystemIdMarker>>().iter(world).collect();
    all.into_iter()
}

/// All entities, without those of resources.
fn entities(world: &mut World) -> impl Iterator<Item = Entity> {
    let all: Vec<Entity> = world.query_filtered::<Entity, Without<IsResource>>().iter(world).collect();
    all.into_iter()
}

fn resources(world: &World) -> impl Iterator<Item = ComponentId> {
    world.iter_resources().map(|(info, _)| info.id())
}
