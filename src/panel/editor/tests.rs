//! Tests of the editor: levels are saved, renamed and found again.

use super::*;
use crate::worlds::rooms::level::Level;

/// A simulation of the first level of lava-room with the editor open. Drawn levels are saved in `folder`.
fn app(folder: &std::path::Path) -> App {
    let mut app = crate::worlds::rooms::editor::tests::app();
    app.add_message::<AppExit>()
        .add_message::<Leave>()
        .insert_resource(DrawnLevelsFolder(Some(folder.to_owned())));
    plugin(&mut app);
    editor::toggle(app.world_mut());
    app.update();
    app
}

fn paint(app: &mut App, cell: (usize, usize), symbol: char) {
    let mut editor = app.world_mut().resource_mut::<editor::Editor>();
    editor.draft.begin_stroke();
    assert!(editor.draft.paint(cell, symbol));
    editor::play(app.world_mut());
    app.update();
}

fn names(folder: &std::path::Path) -> Vec<String> {
    drawn_levels::list(folder).into_iter().map(|level| level.name).collect()
}

#[test]
fn every_stroke_is_saved_but_not_a_level_that_was_only_opened() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app(folder.path());
    assert!(names(folder.path()).is_empty());
    paint(&mut app, (2, 1), '~');
    paint(&mut app, (3, 1), '~');
    assert_eq!(names(folder.path()), ["my-lava-room-1"]);
    let level = Level::load("lava-room", &folder.path().join("my-lava-room-1.ron")).unwrap();
    assert_eq!([2, 3].map(|x| level.cell(x, 1)), [crate::worlds::rooms::level::Cell::Lava; 2]);
    // After closing and reopening the editor, the same file is used.
    editor::toggle(app.world_mut());
    app.update();
    editor::toggle(app.world_mut());
    app.update();
    paint(&mut app, (4, 1), '~');
    assert_eq!(names(folder.path()), ["my-lava-room-1"]);
}

#[test]
fn a_new_level_leaves_the_old_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app(folder.path());
    paint(&mut app, (2, 1), '~');
    let first = drawn_levels::list(folder.path())[0].draft.clone();
    // As the panel creates a new level, of a size that this agent cannot observe.
    app.world_mut().resource_mut::<EditorState>().file = None;
    app.world_mut().resource_mut::<editor::Editor>().draft.clear(7, 5);
    editor::play(app.world_mut());
    app.update();
    assert!(app.world().resource::<editor::Editor>().incompatible);
    let all = drawn_levels::list(folder.path());
    assert_eq!(all.len(), 2);
    assert!(all[0].draft.is_like(&first) && all[1].draft.size() == [7, 5]);
    // Reopening shows the level that is played; the new one stays in its file.
    editor::toggle(app.world_mut());
    app.update();
    editor::toggle(app.world_mut());
    app.update();
    assert_eq!(app.world().resource::<EditorState>().file, Some(all[0].path.clone()));
    paint(&mut app, (3, 1), '~');
    let all = drawn_levels::list(folder.path());
    assert!(all.len() == 2 && !all[0].draft.is_like(&first) && all[1].draft.size() == [7, 5]);
}

#[test]
fn an_unfinished_stroke_is_saved_on_exit() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app(folder.path());
    let mut editor = app.world_mut().resource_mut::<editor::Editor>();
    editor.draft.begin_stroke();
    editor.draft.paint((2, 1), '~');
    app.world_mut().write_message(AppExit::Success);
    app.update();
    assert_eq!(names(folder.path()), ["my-lava-room-1"]);
}

#[test]
fn failure_to_save_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app(folder.path());
    app.insert_resource(DrawnLevelsFolder(None));
    paint(&mut app, (2, 1), '~');
    assert!(app.world().resource::<EditorState>().problem.as_ref().unwrap().contains("not saved"));
    // The folder cannot be created.
    std::fs::write(folder.path().join("file"), "").unwrap();
    app.insert_resource(DrawnLevelsFolder(Some(folder.path().join("file"))));
    paint(&mut app, (3, 1), '~');
    let problem = app.world().resource::<EditorState>().problem.clone().unwrap();
    assert!(problem.contains("this level is not saved") && problem.lines().count() == 1, "{problem}");
}

#[test]
fn a_level_is_renamed_unless_the_name_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app(folder.path());
    paint(&mut app, (2, 1), '~');
    let mut rename_to = |name: &str| {
        app.world_mut().resource_scope(|world, mut state: Mut<EditorState>| {
            rename(&mut world.resource_mut::<editor::Editor>(), &mut state, name)
        })
    };
    rename_to("the pit").unwrap();
    assert_eq!(names(folder.path()), ["the pit"]);
    std::fs::copy(folder.path().join("the pit.ron"), folder.path().join("other.ron")).unwrap();
    assert!(rename_to("other").unwrap_err().contains("a level with this name exists"));
    assert!(rename_to("../other").is_err());
    assert_eq!(names(folder.path()), ["other", "the pit"]);
    assert_eq!(drawn_levels::list(folder.path())[1].draft.name, "the pit");
}
