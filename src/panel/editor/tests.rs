//! Tests of how drawn maps are kept, named and found again.

use super::*;
use crate::sim::level::Level;

/// An arcade's simulation of the first level of lava-room, whose maps are kept in `folder`, with the editor open.
fn app(folder: &std::path::Path) -> App {
    let mut app = crate::view::editor::tests::app();
    app.add_message::<AppExit>().insert_resource(MyMaps(Some(folder.to_owned())));
    plugin(&mut app);
    editor::toggle(app.world_mut());
    app.update();
    app
}

fn paint(app: &mut App, place: (usize, usize), symbol: char) {
    let mut editor = app.world_mut().resource_mut::<editor::Editor>();
    editor.draft.begin_stroke();
    assert!(editor.draft.paint(place, symbol));
    editor::play(app.world_mut());
    app.update();
}

fn names(folder: &std::path::Path) -> Vec<String> {
    maps::list(folder).into_iter().map(|map| map.name).collect()
}

#[test]
fn every_stroke_is_kept_and_nothing_that_was_only_looked_at() {
    let place = tempfile::tempdir().unwrap();
    let mut app = app(place.path());
    assert!(names(place.path()).is_empty());
    paint(&mut app, (2, 1), '~');
    paint(&mut app, (3, 1), '~');
    assert_eq!(names(place.path()), ["my-lava-room-1"]);
    let level = Level::load("lava-room", &place.path().join("my-lava-room-1.ron")).unwrap();
    assert_eq!([2, 3].map(|x| level.cell(x, 1)), [crate::sim::level::Cell::Lava; 2]);
    // Put away and taken up again, the same map goes on.
    editor::toggle(app.world_mut());
    app.update();
    editor::toggle(app.world_mut());
    app.update();
    paint(&mut app, (4, 1), '~');
    assert_eq!(names(place.path()), ["my-lava-room-1"]);
}

#[test]
fn a_new_map_and_one_that_cannot_be_played_leave_the_old_one_alone() {
    let place = tempfile::tempdir().unwrap();
    let mut app = app(place.path());
    paint(&mut app, (2, 1), '~');
    let first = maps::list(place.path())[0].draft.clone();
    // As the panel begins a new map, of a size that the agent here cannot see.
    app.world_mut().resource_mut::<Drafts>().file = None;
    app.world_mut().resource_mut::<editor::Editor>().draft.clear(7, 5);
    editor::play(app.world_mut());
    app.update();
    assert!(app.world().resource::<editor::Editor>().foreign);
    let all = maps::list(place.path());
    assert_eq!(all.len(), 2);
    assert!(all[0].draft.is_like(&first) && all[1].draft.size() == [7, 5]);
    // Leaving shows the map that is played; what was drawn last stays where it is.
    editor::toggle(app.world_mut());
    app.update();
    editor::toggle(app.world_mut());
    app.update();
    assert_eq!(app.world().resource::<Drafts>().file, Some(all[0].path.clone()));
    paint(&mut app, (3, 1), '~');
    let all = maps::list(place.path());
    assert!(all.len() == 2 && !all[0].draft.is_like(&first) && all[1].draft.size() == [7, 5]);
}

#[test]
fn a_stroke_in_the_middle_of_leaving_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let mut app = app(place.path());
    let mut editor = app.world_mut().resource_mut::<editor::Editor>();
    editor.draft.begin_stroke();
    editor.draft.paint((2, 1), '~');
    app.world_mut().write_message(AppExit::Success);
    app.update();
    assert_eq!(names(place.path()), ["my-lava-room-1"]);
}

#[test]
fn a_map_without_a_place_is_said_not_to_be_kept() {
    let place = tempfile::tempdir().unwrap();
    let mut app = app(place.path());
    app.insert_resource(MyMaps(None));
    paint(&mut app, (2, 1), '~');
    assert!(app.world().resource::<Drafts>().problem.as_ref().unwrap().contains("not kept"));
    // Nor is one that cannot be written.
    std::fs::write(place.path().join("file"), "").unwrap();
    app.insert_resource(MyMaps(Some(place.path().join("file"))));
    paint(&mut app, (3, 1), '~');
    let problem = app.world().resource::<Drafts>().problem.clone().unwrap();
    assert!(problem.contains("this map is not kept") && problem.lines().count() == 1, "{problem}");
}

#[test]
fn a_map_is_renamed_and_takes_no_other_ones_name() {
    let place = tempfile::tempdir().unwrap();
    let mut app = app(place.path());
    paint(&mut app, (2, 1), '~');
    let mut call = |name: &str| {
        app.world_mut().resource_scope(|world, mut drafts: Mut<Drafts>| {
            rename(&mut world.resource_mut::<editor::Editor>(), &mut drafts, name)
        })
    };
    call("the pit").unwrap();
    assert_eq!(names(place.path()), ["the pit"]);
    std::fs::copy(place.path().join("the pit.ron"), place.path().join("other.ron")).unwrap();
    assert!(call("other").unwrap_err().contains("there is a map of that name"));
    assert!(call("../other").is_err());
    assert_eq!(names(place.path()), ["other", "the pit"]);
    assert_eq!(maps::list(place.path())[1].draft.name, "the pit");
}
