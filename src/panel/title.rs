//! Title screen: all worlds as cards. `app` opens the chosen one.

mod cards;
#[cfg(test)]
mod layout_tests;
mod navigation;
mod previews;
mod saved_sessions;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bevy::asset::RenderAssetUsages;
use bevy::image::{CompressedImageFormats, ImageSampler, ImageType};
use bevy::prelude::*;
use bevy_egui::egui::{self, RichText};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass, EguiTextureHandle};
use bevy_state::prelude::*;

use super::animation::Animation;
use super::drawn_levels::DrawnLevel;
use super::theme::{self, tone};
use super::widgets::note;
use super::{keybar, preferences, title_keys};
use crate::learner::trained::TrainingRecord;
use crate::mdp::EnvironmentSpec;
use crate::view::bindings::Bindings;
use crate::view::commands::{AddKeys as _, KeyRegistry};
use crate::view::palette;
use crate::view::preferences::Preferences;
use crate::view::screens::AppScreen;
use navigation::{StartMode, choose, navigate};
use previews::Previews;
pub use saved_sessions::{SavedSessions, can_continue};

/// Card of one world.
#[derive(Debug, Clone)]
pub struct Card {
    /// Its specification.
    pub spec: EnvironmentSpec,
    /// Number of shipped levels; 0 for a world without levels.
    pub levels: usize,
    /// Thumbnail, the bytes of a PNG file.
    pub thumbnail: &'static [u8],
    /// Animated thumbnail, the bytes of a GIF file; empty if there is none.
    pub animation: &'static [u8],
    /// Folder of the last session that can be continued.
    pub session: Option<PathBuf>,
    /// How the shipped agent was trained, by level, or one entry for a world without levels; `None` if there is no agent.
    pub trained: Vec<Option<TrainingRecord>>,
    /// Levels drawn by the user.
    pub drawn: Vec<DrawnLevel>,
}

/// What to open.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Name of the world.
    pub env: String,
    /// Number of a shipped level, from 1, or file of a drawn one; `None` for a world without levels.
    pub level: Option<PathBuf>,
    /// Folder of the session to continue, on its own level.
    pub session: Option<PathBuf>,
    /// Whether to show the shipped trained agent.
    pub trained: bool,
}

/// State of the title screen; exists while it is shown.
#[derive(Resource)]
struct Cards {
    cards: Vec<Card>,
    /// Selected level of every card, from 1: shipped levels, then drawn ones.
    levels: Vec<usize>,
    thumbnails: Vec<Option<egui::TextureId>>,
    previews: Previews,
    /// Message about the selected card.
    problem: Option<String>,
    selected: usize,
    columns: usize,
    /// Whether to scroll to the selected card.
    scroll: bool,
    /// Animation of the selected card, with its index.
    animation: Option<(usize, Animation)>,
}

impl Cards {
    fn new(cards: Vec<Card>) -> Self {
        Self {
            levels: vec![1; cards.len()],
            thumbnails: vec![None; cards.len()],
            previews: Previews::default(),
            problem: None,
            cards,
            selected: 0,
            columns: 1,
            scroll: false,
            animation: None,
        }
    }
}

/// Thumbnails by world, kept between visits of the title screen.
#[derive(Resource, Default)]
struct Thumbnails(HashMap<String, Option<egui::TextureId>>);

/// Adds the title screen, which [`show_cards`] opens.
pub(super) fn plugin(app: &mut App) {
    app.add_keys(title_keys::KEYS)
        .init_resource::<Thumbnails>()
        .init_resource::<preferences::PreferencesPage>()
        .add_message::<Chosen>()
        .add_systems(
            Update,
            (
                navigate.run_if(|page: Res<preferences::PreferencesPage>| !page.open),
                // Runs after navigation, so that the Esc that closes the preferences does not also quit the arcade.
                preferences::handle_keys.run_if(|page: Res<preferences::PreferencesPage>| page.open),
            )
                .chain()
                .before(preferences::save)
                .run_if(resource_exists::<Cards>),
        )
        .add_systems(
            EguiPrimaryContextPass,
            (theme::apply, load_thumbnails, show).chain().run_if(resource_exists::<Cards>),
        )
        .add_systems(OnExit(AppScreen::Title), close);
}

/// Opens the title screen with `cards`, and `sessions` in the preferences. `from` is the world and level that was left; its
/// card is selected.
pub fn show_cards(
    world: &mut World,
    cards: Vec<Card>,
    sessions: SavedSessions,
    from: Option<(String, Option<String>)>,
) {
    let mut cards = Cards::new(cards);
    if let Some((name, level)) = from {
        cards.select(&name, level.as_deref());
    }
    world.insert_resource(sessions);
    world.insert_resource(cards);
}

/// Shows a message until another card is selected.
pub fn show_problem(world: &mut World, problem: String) {
    if let Some(mut cards) = world.get_resource_mut::<Cards>() {
        cards.problem = Some(problem);
    }
}

/// The message shown by [`show_problem`].
pub fn problem(world: &World) -> Option<&str> {
    world.get_resource::<Cards>().and_then(|cards| cards.problem.as_deref())
}

fn close(mut commands: Commands, mut page: ResMut<preferences::PreferencesPage>) {
    commands.remove_resource::<Cards>();
    commands.remove_resource::<SavedSessions>();
    *page = preferences::PreferencesPage::default();
}

impl Cards {
    /// Selects the card of `world` and its `level`, a number or the file of a drawn level, if they exist.
    fn select(&mut self, world: &str, level: Option<&str>) {
        let Some(selected) = self.cards.iter().position(|card| card.spec.name == world) else { return };
        (self.selected, self.scroll) = (selected, true);
        let Card { levels, drawn, .. } = &self.cards[selected];
        // Sessions store only the file name of a drawn level.
        let drawn = |level: &str| {
            let file = Path::new(level).file_name();
            drawn.iter().position(|level| level.path.file_name() == file).map(|index| levels + 1 + index)
        };
        let number = |level: &str| level.parse().ok().filter(|level| (1..=*levels).contains(level));
        if let Some(level) = level.and_then(|level| number(level).or_else(|| drawn(level))) {
            self.levels[selected] = level;
        }
    }
}

fn load_thumbnails(
    mut contexts: EguiContexts,
    mut images: ResMut<Assets<Image>>,
    mut cards: ResMut<Cards>,
    mut loaded: ResMut<Thumbnails>,
) {
    if !cards.is_added() {
        return;
    }
    let Cards { cards, thumbnails, .. } = &mut *cards;
    for (card, thumbnail) in cards.iter().zip(thumbnails) {
        let mut load = || {
            let image = Image::from_buffer(
                card.thumbnail,
                ImageType::Extension("png"),
                CompressedImageFormats::NONE,
                true,
                ImageSampler::linear(),
                RenderAssetUsages::RENDER_WORLD,
            );
            image.ok().map(|image| contexts.add_image(EguiTextureHandle::Strong(images.add(image))))
        };
        *thumbnail = *loaded.0.entry(card.spec.name.clone()).or_insert_with(&mut load);
    }
}

fn show(
    mut contexts: EguiContexts,
    mut cards: ResMut<Cards>,
    mut page: ResMut<preferences::PreferencesPage>,
    registry: Res<KeyRegistry>,
    mut bindings: ResMut<Bindings>,
    mut wanted: ResMut<Preferences>,
    save_error: Res<preferences::SaveError>,
    mut sessions: ResMut<SavedSessions>,
    mut choice: MessageWriter<Chosen>,
) -> Result {
    let context = contexts.ctx_mut()?;
    let area = egui::UiBuilder::new().layer_id(egui::LayerId::background()).max_rect(context.viewport_rect());
    let mut root = egui::Ui::new(context.clone(), "title".into(), area);
    let frame = egui::Frame::new().fill(tone(palette::NIGHT)).inner_margin(egui::Margin::symmetric(28, 20));
    let mut clicked = None;
    let selected = cards.selected;
    cards.paint_previews(context);
    if !wanted.reduced_motion && cards.animation.as_ref().is_none_or(|(card, _)| *card != selected) {
        let animation = cards.cards.get(selected).and_then(|card| Animation::read(context, card.animation));
        cards.animation = animation.map(|animation| (selected, animation));
    }
    frame.show(&mut root, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new("Entropy Arcade").size(34.0).strong().color(tone(palette::INK)));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let (name, open) = if page.open { ("Worlds", false) } else { ("Preferences", true) };
                if ui.button(name).clicked() {
                    page.open = open;
                }
            });
        });
        let about = match page.open {
            true => "Preferences apply to all worlds.",
            false => "Choose a world and watch an agent learn it, or play along.",
        };
        ui.label(RichText::new(about).size(14.0).color(tone(palette::MUTED)));
        let problem = cards.problem.clone().into_iter();
        let bytes = sessions.bytes();
        let large = (bytes > saved_sessions::LARGE).then(|| {
            format!(
                "Saved sessions take {}. Preferences can delete old ones.",
                saved_sessions::size_text(bytes)
            )
        });
        for text in problem.chain(large).filter(|_| !page.open) {
            note(ui, &text, palette::AMBER, 2);
        }
        ui.add_space(10.0);
        let all = if page.open { vec![("Esc", "back to the worlds", true)] } else { keys_of(&cards) };
        let keys: Vec<_> = all.iter().map(|(key, meaning, _)| (vec![*key], (*meaning).to_owned())).collect();
        let unavailable: Vec<_> =
            all.iter().filter(|(.., available)| !available).map(|(key, ..)| *key).collect();
        let height = ui.available_height() - keybar::height(ui, &keys) - 12.0;
        // Each page has its own scroll position.
        let area = egui::ScrollArea::vertical().id_salt(page.open).auto_shrink(false);
        area.max_height(height).show(ui, |ui| {
            if page.open {
                preferences::show(ui, &mut page, &registry, &mut bindings, &mut wanted, &save_error);
                sessions.bypass_change_detection().show(ui);
            } else {
                clicked = cards::grid(ui, &mut cards);
            }
        });
        ui.add_space(6.0);
        keybar::show(ui, &keys, &[], &[], &unavailable, &mut 0);
    });
    if let Some(index) = clicked {
        choose(&mut cards, index, StartMode::New, &mut choice);
    }
    Ok(())
}

/// Keys, what they do, and whether they apply to the selected card.
fn keys_of(cards: &Cards) -> Vec<(&'static str, &'static str, bool)> {
    let card = cards.cards.get(cards.selected);
    let is = |has: fn(&Card) -> bool| card.is_some_and(has);
    vec![
        ("⬅ ⬆ ⬇ ➡", "select", true),
        ("1 2 3", "level", is(|card| card.levels > 0)),
        ("M", "my levels", is(|card| !card.drawn.is_empty())),
        ("Enter", "start", true),
        ("G", "continue the last session", is(|card| card.session.is_some())),
        ("X", "watch the trained agent", cards.trained(cards.selected)),
        ("O", "preferences", true),
        ("Esc", "quit", true),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{controls, sound};
    use crate::worlds::WorldChoice;

    fn record(env_steps: u64) -> TrainingRecord {
        TrainingRecord {
            level: None,
            seed: 1,
            env_steps,
            gradient_steps: 7,
            seconds: Some(61.0),
            episodes: 100,
            mean_return: 0.5,
            success: 0.98,
        }
    }

    pub(super) fn app() -> App {
        let card = |name: &str, levels| Card {
            spec: WorldChoice::new(name, None).unwrap().spec(),
            levels,
            thumbnail: &[],
            animation: &[],
            session: (name == "paddle-duel").then(|| PathBuf::from("saved")),
            trained: vec![None, (name == "lava-room").then(|| record(40_000))],
            drawn: Vec::new(),
        };
        let cards = vec![card("lava-room", 8), card("paddle-duel", 0), card("two-plates", 3)];
        let mut app = App::new();
        app.insert_resource(Cards { columns: 2, ..Cards::new(cards) })
            .add_message::<Chosen>()
            .init_resource::<preferences::PreferencesPage>()
            .add_message::<AppExit>()
            .add_message::<sound::SoundEvent>()
            .add_plugins(controls::plugin)
            .add_keys(title_keys::KEYS)
            .add_systems(Update, navigate);
        app.finish();
        app.update();
        app
    }

    #[test]
    fn difficulty_follows_training_steps() {
        let names = [5_000, 120_064, 600_000].map(|steps| cards::difficulty(Some(&record(steps))).0);
        assert_eq!((names, cards::difficulty(None).0), (["easy", "medium", "hard"], "unsolved"));
        let text = cards::difficulty(Some(&record(120_064))).2;
        assert!(text.contains("120 k environment steps in 61 s") && text.contains("98 %"), "{text}");
    }

    #[test]
    fn the_world_that_was_left_is_selected() {
        let mut app = app();
        let mut select = |world: &str, level| {
            let mut cards = app.world_mut().resource_mut::<Cards>();
            cards.select(world, level);
            (cards.selected, cards.levels.clone())
        };
        assert_eq!(select("two-plates", Some("3")), (2, vec![1, 1, 3]));
        assert_eq!(select("lava-room", Some("99")), (0, vec![1, 1, 3]));
        assert_eq!(select("nowhere", None), (0, vec![1, 1, 3]));
    }

    #[test]
    fn players_are_described_by_team() {
        let of = |name: &str| cards::players(&WorldChoice::new(name, None).unwrap().spec());
        assert_eq!(
            ["lander", "two-plates", "paddle-duel", "puck-2v2"].map(of),
            ["1 player", "2 players, co-op", "1 vs 1", "2 vs 2"]
        );
    }
}
