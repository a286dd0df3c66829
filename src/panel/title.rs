//! Title: all worlds as cards. Whoever chooses one ends this app; what happens then is left to the caller.

mod cards;
#[cfg(test)]
mod fits;
mod kept;
mod pictures;
mod steer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bevy::asset::RenderAssetUsages;
use bevy::image::{CompressedImageFormats, ImageSampler, ImageType};
use bevy::prelude::*;
use bevy_egui::egui::{self, RichText};
use bevy_egui::{EguiContexts, EguiPlugin, EguiPrimaryContextPass, EguiTextureHandle};

use super::film::Film;
use super::maps::OwnMap;
use super::theme::{self, tone};
use super::widgets::note;
use super::{keybar, preferences};
use crate::learner::trained::TrainingRecord;
use crate::mdp::EnvironmentSpec;
use crate::view::bindings::Bindings;
use crate::view::controls;
use crate::view::palette;
use crate::view::preferences::Preferences;
use crate::view::sound;
pub use kept::{Kept, goes_on};
use pictures::Maps;
use steer::{Visit, choose, steer};

/// One world to choose.
#[derive(Debug, Clone)]
pub struct Card {
    /// What it declares.
    pub spec: EnvironmentSpec,
    /// Its levels; 0 for a world without.
    pub levels: usize,
    /// A picture as the bytes of a .png file.
    pub picture: &'static [u8],
    /// A moving one as the bytes of a .gif file; empty where there is none.
    pub moving: &'static [u8],
    /// The last session that was kept, to go on with.
    pub session: Option<PathBuf>,
    /// By level, or once for a world without: how the trained agent that comes with the arcade came to be; `None` where
    /// there is none.
    pub trained: Vec<Option<TrainingRecord>>,
    /// Maps that people have drawn in it.
    pub own: Vec<OwnMap>,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Name of the world.
    pub env: String,
    /// The number of its level, from 1, or the file of a map that was drawn; where it has levels.
    pub level: Option<PathBuf>,
    /// The session to go on with, on whatever level that was.
    pub session: Option<PathBuf>,
    /// Whether the trained agent that comes with the arcade shall play.
    pub trained: bool,
}

/// Where the choice is put before the app ends; stays empty when the window is closed.
#[derive(Resource, Debug, Clone, Default)]
pub struct Choice(pub Arc<Mutex<Option<Chosen>>>);

#[derive(Resource)]
struct Cards {
    cards: Vec<Card>,
    /// Level looked at, of every card: those that come along from 1 on, then those that people have drawn.
    levels: Vec<usize>,
    pictures: Vec<Option<egui::TextureId>>,
    maps: Maps,
    /// What is to be said of the lit card.
    problem: Option<String>,
    lit: usize,
    columns: usize,
    /// Whether the lit card shall be scrolled to.
    seek: bool,
    /// The frames of the lit card.
    film: Option<(usize, Film)>,
}

impl Cards {
    fn new(cards: Vec<Card>) -> Self {
        Self {
            levels: vec![1; cards.len()],
            pictures: vec![None; cards.len()],
            maps: Maps::default(),
            problem: None,
            cards,
            lit: 0,
            columns: 1,
            seek: false,
            film: None,
        }
    }
}

/// Shows `cards` and puts what is chosen into `choice`.
pub fn plugin(app: &mut App, cards: Vec<Card>, choice: Choice) {
    let cards = Cards::new(cards);
    app.add_plugins((EguiPlugin::default(), controls::plugin, sound::plugin))
        .insert_resource(ClearColor(Color::from(palette::NIGHT.solid())))
        .insert_resource(cards)
        .insert_resource(choice)
        .add_systems(Startup, |mut commands: Commands| _ = commands.spawn((Camera2d, Msaa::Off)))
        .init_resource::<preferences::Open>()
        .init_resource::<preferences::Unkept>()
        .init_resource::<Kept>()
        .add_systems(
            Update,
            (
                steer.run_if(|open: Res<preferences::Open>| !open.shown),
                // Afterwards: the Esc that closes the preferences must not leave the arcade as well.
                preferences::strike.run_if(|open: Res<preferences::Open>| open.shown),
                preferences::keep,
            )
                .chain(),
        )
        .add_systems(EguiPrimaryContextPass, (theme::apply, hang_pictures, show).chain());
}

/// Lights the card of `world`, turned to `level`, a number or the file of a map, where there are such.
pub fn light(app: &mut App, world: &str, level: Option<&str>) {
    let mut cards = app.world_mut().resource_mut::<Cards>();
    let Some(lit) = cards.cards.iter().position(|card| card.spec.name == world) else { return };
    (cards.lit, cards.seek) = (lit, true);
    let Card { levels, own, .. } = &cards.cards[lit];
    // Sessions know no more of a map's file than its name.
    let drawn = |level: &str| {
        let file = Path::new(level).file_name();
        own.iter().position(|map| map.path.file_name() == file).map(|own| levels + 1 + own)
    };
    let number = |level: &str| level.parse().ok().filter(|level| (1..=*levels).contains(level));
    if let Some(level) = level.and_then(|level| number(level).or_else(|| drawn(level))) {
        cards.levels[lit] = level;
    }
}

fn hang_pictures(
    mut contexts: EguiContexts,
    mut images: ResMut<Assets<Image>>,
    mut cards: ResMut<Cards>,
    mut hung: Local<bool>,
) {
    if std::mem::replace(&mut *hung, true) {
        return;
    }
    let Cards { cards, pictures, .. } = &mut *cards;
    for (card, picture) in cards.iter().zip(pictures) {
        let image = Image::from_buffer(
            card.picture,
            ImageType::Extension("png"),
            CompressedImageFormats::NONE,
            true,
            ImageSampler::linear(),
            RenderAssetUsages::RENDER_WORLD,
        );
        *picture = image.ok().map(|image| contexts.add_image(EguiTextureHandle::Strong(images.add(image))));
    }
}

fn show(
    mut contexts: EguiContexts,
    mut cards: ResMut<Cards>,
    choice: Res<Choice>,
    mut open: ResMut<preferences::Open>,
    mut bindings: ResMut<Bindings>,
    mut wanted: ResMut<Preferences>,
    unkept: Res<preferences::Unkept>,
    mut kept: ResMut<Kept>,
    mut exit: MessageWriter<AppExit>,
) -> Result {
    let context = contexts.ctx_mut()?;
    let area = egui::UiBuilder::new().layer_id(egui::LayerId::background()).max_rect(context.viewport_rect());
    let mut root = egui::Ui::new(context.clone(), "title".into(), area);
    let frame = egui::Frame::new().fill(tone(palette::NIGHT)).inner_margin(egui::Margin::symmetric(28, 20));
    let mut begun = None;
    let lit = cards.lit;
    cards.paint_maps(context);
    if !wanted.reduced_motion && cards.film.as_ref().is_none_or(|(card, _)| *card != lit) {
        let film = cards.cards.get(lit).and_then(|card| Film::read(context, card.moving));
        cards.film = film.map(|film| (lit, film));
    }
    frame.show(&mut root, |ui| {
        ui.horizontal(|ui| {
            ui.label(RichText::new("Entropy Arcade").size(34.0).strong().color(tone(palette::INK)));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let (name, other) = if open.shown { ("Worlds", false) } else { ("Preferences", true) };
                if ui.button(name).clicked() {
                    open.shown = other;
                }
            });
        });
        let about = match open.shown {
            true => "Preferences, kept for all worlds.",
            false => "Choose a world: an agent learns it before your eyes, and you may play along.",
        };
        ui.label(RichText::new(about).size(14.0).color(tone(palette::MUTED)));
        let problem = cards.problem.clone().into_iter();
        let much = kept.bytes() > kept::MUCH;
        let much =
            much.then(|| format!("Kept sessions take {}: see the preferences.", kept::words(kept.bytes())));
        for text in problem.chain(much).filter(|_| !open.shown) {
            note(ui, &text, palette::AMBER, 2);
        }
        ui.add_space(10.0);
        let all = if open.shown { vec![("Esc", "back to the worlds", true)] } else { keys_of(&cards) };
        let keys: Vec<_> = all.iter().map(|(key, meaning, _)| (vec![*key], (*meaning).to_owned())).collect();
        let idle: Vec<_> = all.iter().filter(|(.., there)| !there).map(|(key, ..)| *key).collect();
        let height = ui.available_height() - keybar::height(ui, &keys) - 12.0;
        // Each page begins at its top.
        let page = egui::ScrollArea::vertical().id_salt(open.shown).auto_shrink(false);
        page.max_height(height).show(ui, |ui| {
            if open.shown {
                preferences::show(ui, &mut open, &mut bindings, &mut wanted, &unkept);
                kept.bypass_change_detection().show(ui);
            } else {
                begun = cards::grid(ui, &mut cards);
            }
        });
        ui.add_space(6.0);
        keybar::show(ui, &keys, &[], &[], &idle, &mut 0);
    });
    if let Some(index) = begun {
        choose(&mut cards, index, Visit::Anew, &choice, &mut exit);
    }
    Ok(())
}

/// Keys, what they do, and whether they do it with the lit card: they stay where they are.
fn keys_of(cards: &Cards) -> Vec<(&'static str, &'static str, bool)> {
    let card = cards.cards.get(cards.lit);
    let is = |has: fn(&Card) -> bool| card.is_some_and(has);
    vec![
        ("⬅ ⬆ ⬇ ➡", "look around", true),
        ("1 2 3", "level", is(|card| card.levels > 0)),
        ("M", "my levels", is(|card| !card.own.is_empty())),
        ("Enter", "begin", true),
        ("G", "go on with this world's last session", is(|card| card.session.is_some())),
        ("X", "watch the trained agent", cards.trained(cards.lit)),
        ("O", "preferences", true),
        ("Esc", "leave", true),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::worlds::WorldChoice;

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
            picture: &[],
            moving: &[],
            session: (name == "paddle-duel").then(|| PathBuf::from("kept")),
            trained: vec![None, (name == "lava-room").then(|| record(40_000))],
            own: Vec::new(),
        };
        let cards = vec![card("lava-room", 8), card("paddle-duel", 0), card("two-plates", 3)];
        let mut app = App::new();
        app.insert_resource(Cards { columns: 2, ..Cards::new(cards) })
            .init_resource::<Choice>()
            .init_resource::<preferences::Open>()
            .add_message::<AppExit>()
            .add_message::<sound::Heard>()
            .add_plugins(controls::plugin)
            .add_systems(Update, steer);
        app.finish();
        app.update();
        app
    }

    #[test]
    fn what_takes_longer_to_learn_is_harder() {
        let names = [5_000, 120_064, 600_000].map(|steps| cards::difficulty(Some(&record(steps))).0);
        assert_eq!((names, cards::difficulty(None).0), (["easy", "medium", "hard"], "unsolved"));
        let told = cards::difficulty(Some(&record(120_064))).2;
        assert!(told.contains("120 k environment steps in 61 s") && told.contains("98 %"), "{told}");
    }

    #[test]
    fn whoever_comes_back_finds_the_world_lit() {
        let mut app = app();
        let mut lit = |world: &str, level| {
            light(&mut app, world, level);
            let cards = app.world().resource::<Cards>();
            (cards.lit, cards.levels.clone())
        };
        assert_eq!(lit("two-plates", Some("3")), (2, vec![1, 1, 3]));
        assert_eq!(lit("lava-room", Some("99")), (0, vec![1, 1, 3]));
        assert_eq!(lit("nowhere", None), (0, vec![1, 1, 3]));
    }

    #[test]
    fn players_are_told_by_sides() {
        let of = |name: &str| cards::players(&WorldChoice::new(name, None).unwrap().spec());
        assert_eq!(
            ["lander", "two-plates", "paddle-duel", "puck-2v2"].map(of),
            ["one player", "two together", "one on one", "2 on 2"]
        );
    }
}
