//! Testing: the interface without a window. What a frame shows, where its widgets are, and which of them cannot be reached.

use std::collections::HashMap;

use bevy::prelude::*;
use bevy::window::{PrimaryWindow, WindowResolution};
use bevy_egui::egui::epaint::ClippedShape;
use bevy_egui::egui::{self, Event, Id, RawInput, Rect, Shape, pos2, vec2};
use bevy_egui::{EguiContext, EguiPrimaryContextPass, EguiUserTextures, PrimaryEguiContext};

use super::theme;
use crate::agent::history::History;
use crate::agent::{AgentPlugin, ControllerAssignment, LearningPolicy, LiveLearner, LivePlugin};
use crate::insight::InsightPlugin;
use crate::learner::{LearnerConfig, LearnerSetup, untrained};
use crate::mdp::Stream;
use crate::sim::pace::Pace;
use crate::sim::worlds::WorldChoice;
use crate::sim::{self, SimConfig, run_agent_step};
use crate::view::preferences::LEAST_ROOM;

/// Seconds between two frames.
const FRAME: f64 = 0.1;
/// What rounding to pixels may move.
const ROUNDING: f32 = 1.5;

/// Sizes of pages in logical pixels: windows from 640 × 480 to 3840 × 2160 at every interface size.
pub(crate) fn rooms() -> Vec<egui::Vec2> {
    let windows = [(640, 480), (700, 500), (1024, 600), (1280, 720), (1280, 800), (1920, 1080), (3840, 2160)];
    let mut rooms = vec![vec2(LEAST_ROOM.x, LEAST_ROOM.y)];
    for (width, height) in windows {
        for scale in [0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5] {
            let room = vec2(width as f32, height as f32) / scale;
            // Smaller ones do not come up: the view sees to that.
            if room.x >= LEAST_ROOM.x && room.y >= LEAST_ROOM.y && !rooms.contains(&room) {
                rooms.push(room);
            }
        }
    }
    rooms
}

/// A text as it is drawn.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub text: String,
    pub rect: Rect,
    /// What of it can be seen.
    pub clip: Rect,
}

/// A frame without a window.
pub(crate) struct Glass {
    pub app: App,
    context: egui::Context,
    size: egui::Vec2,
    time: f64,
    shapes: Vec<ClippedShape>,
}

impl Glass {
    /// One that shows what `app` adds to egui's schedule.
    pub fn new(mut app: App, size: egui::Vec2) -> Self {
        let mut shown = EguiContext::default();
        let context = shown.get_mut().clone();
        app.init_resource::<EguiUserTextures>().init_schedule(EguiPrimaryContextPass);
        app.world_mut().spawn((shown, PrimaryEguiContext));
        app.world_mut().spawn((Window::default(), PrimaryWindow));
        let mut glass = Self { app, context, size, time: 0.0, shapes: Vec::new() };
        theme::style(&glass.context);
        glass.resize(size);
        glass
    }

    /// One that shows nothing by itself.
    pub fn blank(size: egui::Vec2) -> Self {
        Self::new(App::new(), size)
    }

    pub fn resize(&mut self, size: egui::Vec2) {
        self.size = size;
        let mut windows = self.app.world_mut().query::<&mut Window>();
        for mut window in windows.iter_mut(self.app.world_mut()) {
            window.resolution = WindowResolution::new(size.x as u32, size.y as u32);
        }
    }

    fn begin(&mut self, events: Vec<Event>) {
        self.time += FRAME;
        self.context.begin_pass(RawInput {
            screen_rect: Some(self.screen()),
            time: Some(self.time),
            events,
            focused: true,
            ..RawInput::default()
        });
    }

    fn end(&mut self) {
        let output = self.context.end_pass();
        self.shapes.clone_from(&output.shapes);
        output.drop_without_applying_deltas();
    }

    /// One frame of the app with what people do.
    pub fn frame(&mut self, events: Vec<Event>) {
        self.app.update();
        self.begin(events);
        self.app.world_mut().run_schedule(EguiPrimaryContextPass);
        self.end();
    }

    /// One frame of a page by itself.
    pub fn page(&mut self, content: impl FnOnce(&mut egui::Ui)) {
        self.page_with(Vec::new(), content);
    }

    /// The same, with what people do.
    pub fn page_with(&mut self, events: Vec<Event>, content: impl FnOnce(&mut egui::Ui)) {
        self.begin(events);
        let area = egui::UiBuilder::new().layer_id(egui::LayerId::background()).max_rect(self.screen());
        content(&mut egui::Ui::new(self.context.clone(), "page".into(), area));
        self.end();
    }

    /// Frames until sizes have settled.
    pub fn settle(&mut self) {
        (0..4).for_each(|_| self.frame(Vec::new()));
    }

    pub fn screen(&self) -> Rect {
        Rect::from_min_size(egui::Pos2::ZERO, self.size)
    }

    /// All texts of the last frame.
    pub fn texts(&self) -> Vec<Text> {
        let text = |shape: &ClippedShape| match &shape.shape {
            Shape::Text(text) => Some(Text {
                text: text.galley.text().to_owned(),
                rect: text.visual_bounding_rect(),
                clip: shape.clip_rect,
            }),
            _ => None,
        };
        let all = self.shapes.iter().filter_map(text);
        all.filter(|text| !text.text.trim().is_empty()).collect()
    }

    /// Where `text` stands.
    pub fn find(&self, text: &str) -> Option<Rect> {
        self.texts().into_iter().find(|shown| shown.text == text).map(|shown| shown.rect)
    }

    /// Moves the pointer to `text`, presses and lets go.
    pub fn click(&mut self, text: &str) {
        let at = self.find(text).unwrap_or_else(|| panic!("{text} is not there: {:?}", self.said())).center();
        let button = |pressed| Event::PointerButton {
            pos: at,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: egui::Modifiers::NONE,
        };
        for events in [vec![Event::PointerMoved(at)], vec![button(true)], vec![button(false)]] {
            self.frame(events);
        }
        // What opens does so over some frames.
        (0..3).for_each(|_| self.settle());
    }

    /// Everything that can be read.
    pub fn said(&self) -> Vec<String> {
        self.texts().into_iter().map(|text| text.text).collect()
    }

    /// Texts that are cut at a side, or that lie over each other.
    pub fn cut(&self) -> Vec<String> {
        let texts: Vec<Text> =
            self.texts().into_iter().filter(|text| text.rect.intersect(text.clip).is_positive()).collect();
        let seen = |text: &Text| text.clip.intersect(self.screen());
        let mut faults: Vec<String> = texts
            .iter()
            .filter(|text| {
                let seen = seen(text);
                text.rect.left() < seen.left() - ROUNDING || text.rect.right() > seen.right() + ROUNDING
            })
            .map(|text| format!("{:?} is cut: {:?} in {:?}", text.text, text.rect, seen(text)))
            .collect();
        for (index, text) in texts.iter().enumerate() {
            for other in texts[..index].iter().filter(|other| other.clip == text.clip) {
                let both = text.rect.intersect(other.rect);
                if both.width() > 2.0 * ROUNDING && both.height() > 2.0 * ROUNDING {
                    faults.push(format!("{:?} lies over {:?} at {both:?}", text.text, other.text));
                }
            }
        }
        faults
    }

    /// Everything that can be clicked or dragged, by id: where it is, and what of it can be seen.
    fn widgets(&self, wanted: impl Fn(egui::LayerId) -> bool) -> HashMap<Id, (Rect, Rect)> {
        self.context.viewport(|viewport| {
            let layers = viewport.prev_pass.widgets.layers().filter(|(layer, _)| wanted(**layer));
            let all = layers.flat_map(|(_, widgets)| widgets);
            let live = all.filter(|widget| widget.sense.interactive());
            live.map(|widget| (widget.id, (widget.rect, widget.interact_rect))).collect()
        })
    }

    /// The color of `text`.
    pub fn ink(&self, text: &str) -> Option<egui::Color32> {
        self.shapes.iter().find_map(|shape| match &shape.shape {
            Shape::Text(shown) if shown.galley.text() == text => {
                let vertices = shown.galley.rows.iter().flat_map(|row| &row.visuals.mesh.vertices);
                let faded = |color: egui::Color32| color.gamma_multiply(shown.opacity_factor);
                vertices.map(|vertex| faded(vertex.color)).max_by_key(|color| color.a())
            }
            _ => None,
        })
    }

    /// What no scrolling at `at` brings onto the screen, and the texts that are cut on the way.
    pub fn unreachable(&mut self, at: egui::Pos2) -> Vec<String> {
        self.unreachable_of(at, |_| true)
    }

    /// The same of the window called `name` alone.
    pub fn unreachable_in(&mut self, at: egui::Pos2, name: &str) -> Vec<String> {
        let window = Id::new(name);
        self.unreachable_of(at, |layer| layer.id == window)
    }

    fn unreachable_of(&mut self, at: egui::Pos2, wanted: impl Fn(egui::LayerId) -> bool) -> Vec<String> {
        self.settle();
        let (mut all, mut seen) = (HashMap::new(), Vec::new());
        let mut faults = Vec::new();
        let mut still = 0;
        let wheel = |by: f32| Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: vec2(0.0, by),
            phase: egui::TouchPhase::Move,
            modifiers: egui::Modifiers::NONE,
        };
        self.context.all_styles_mut(|style| style.interaction.tooltip_delay = f32::INFINITY);
        // From the top on.
        self.frame(vec![Event::PointerMoved(at)]);
        for _ in 0..4 {
            self.frame(vec![wheel(1e5)]);
            self.settle();
        }
        while still < 3 {
            let before = all.clone();
            for (id, (rect, visible)) in self.widgets(&wanted) {
                let visible = visible.intersect(self.screen());
                let whole = rect.width() - visible.width() < ROUNDING;
                if whole && visible.height() > (rect.height() - ROUNDING).min(14.0) {
                    seen.push(id);
                }
                all.insert(id, rect);
            }
            faults.extend(self.cut());
            self.frame(vec![wheel(-0.4 * self.size.y)]);
            (0..6).for_each(|_| self.frame(Vec::new()));
            still = if before == all { still + 1 } else { 0 };
        }
        faults.sort();
        faults.dedup();
        let lost = all.iter().filter(|(id, rect)| !seen.contains(id) && rect.is_positive());
        faults.extend(lost.map(|(_, rect)| format!("the widget at {rect:?} cannot be reached")));
        faults
    }
}

/// The arcade with the panel in `world`, learning, without a window.
pub(crate) fn arcade(world: &str) -> Glass {
    let world = WorldChoice::new(world, None).unwrap();
    let spec = world.spec();
    let sim = SimConfig { arenas: 4, seed: 1, stream: Stream::Environment };
    let assignment = ControllerAssignment::learn_against_script(&spec);
    let policy = LearningPolicy(untrained(spec.action.len()));
    let mut app = App::new();
    app.add_plugins(sim::plugin).init_resource::<Pace>();
    world.add_to(&mut app, sim);
    app.add_plugins(AgentPlugin { spec: spec.clone(), seed: 1, assignment, policy })
        .insert_resource(LiveLearner::start(LearnerSetup::new(spec, LearnerConfig::default())))
        .add_plugins((LivePlugin, InsightPlugin))
        .init_resource::<crate::insight::seating::Seating>()
        .init_resource::<crate::view::Screen>()
        .init_resource::<crate::view::Notice>()
        .init_resource::<crate::view::record::Pictures>()
        .add_message::<AppExit>()
        .add_plugins((crate::view::controls::plugin, crate::view::modes::plugin, super::sections));
    app.finish();
    Glass::new(app, vec2(1280.0, 800.0))
}

/// Lets `steps` agent steps pass.
pub(crate) fn play(glass: &mut Glass, steps: usize) {
    (0..steps).for_each(|_| run_agent_step(glass.app.world_mut()));
    glass.settle();
}

/// Lets every curve have been measured.
pub(crate) fn measure(glass: &mut Glass) {
    let mut history = glass.app.world_mut().resource_mut::<History>();
    let history = &mut *history;
    let all = [
        &mut history.episode_return,
        &mut history.critic_loss,
        &mut history.temperature,
        &mut history.entropy,
        &mut history.target_entropy,
        &mut history.gradient_steps_per_second,
        &mut history.env_steps_per_second,
    ];
    for series in all {
        series.0.extend((0..50).map(|step| [f64::from(step), f64::from(step % 7)]));
    }
    glass.settle();
}

/// The middle of a page.
pub(crate) fn middle(size: egui::Vec2) -> egui::Pos2 {
    pos2(size.x / 2.0, size.y / 2.0)
}
