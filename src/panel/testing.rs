//! Test harness: the interface without a window. It runs frames, finds texts and widgets, and checks that all of them can
//! be reached.

use std::collections::HashMap;
use std::time::Duration;

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
use crate::metrics::run::SUCCESS;
use crate::sim::pace::Pace;
use crate::sim::{self, SimConfig, run_agent_step};
use crate::view::preferences::MIN_INTERFACE_SIZE;
use crate::worlds::WorldChoice;

/// Seconds between two frames.
const FRAME: f64 = 0.1;
/// Tolerance for rounding to pixels.
const ROUNDING: f32 = 1.5;

/// Window sizes in logical pixels: from 640 × 480 to 3840 × 2160 at every interface size.
pub(crate) fn window_sizes() -> Vec<egui::Vec2> {
    let windows = [(640, 480), (700, 500), (1024, 600), (1280, 720), (1280, 800), (1920, 1080), (3840, 2160)];
    let mut sizes = vec![vec2(MIN_INTERFACE_SIZE.x, MIN_INTERFACE_SIZE.y)];
    for (width, height) in windows {
        for scale in [0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5] {
            let size = vec2(width as f32, height as f32) / scale;
            // The view limits the interface size so that windows are never smaller.
            if size.x >= MIN_INTERFACE_SIZE.x && size.y >= MIN_INTERFACE_SIZE.y && !sizes.contains(&size) {
                sizes.push(size);
            }
        }
    }
    sizes
}

/// A text as drawn.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub text: String,
    pub rect: Rect,
    /// Clip rectangle.
    pub clip: Rect,
}

/// An app whose interface is drawn without a window.
pub(crate) struct UiHarness {
    pub app: App,
    context: egui::Context,
    size: egui::Vec2,
    time: f64,
    shapes: Vec<ClippedShape>,
}

impl UiHarness {
    /// Shows the interface of `app`.
    pub fn new(mut app: App, size: egui::Vec2) -> Self {
        let mut component = EguiContext::default();
        let context = component.get_mut().clone();
        app.init_resource::<EguiUserTextures>().init_schedule(EguiPrimaryContextPass);
        app.world_mut().spawn((component, PrimaryEguiContext));
        app.world_mut().spawn((Window::default(), PrimaryWindow));
        let mut harness = Self { app, context, size, time: 0.0, shapes: Vec::new() };
        theme::style(&harness.context);
        harness.resize(size);
        harness
    }

    /// Shows an empty app.
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

    /// One frame of the app with input `events`.
    pub fn frame(&mut self, events: Vec<Event>) {
        if let Some(mut time) = self.app.world_mut().get_resource_mut::<Time<Real>>() {
            time.update_with_duration(Duration::from_secs_f64(FRAME));
        }
        self.app.update();
        self.begin(events);
        self.app.world_mut().run_schedule(EguiPrimaryContextPass);
        self.end();
    }

    /// One frame of `content` alone.
    pub fn page(&mut self, content: impl FnOnce(&mut egui::Ui)) {
        self.page_with(Vec::new(), content);
    }

    /// One frame of `content` alone with input `events`.
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

    /// Rectangle of `text`.
    pub fn find(&self, text: &str) -> Option<Rect> {
        self.texts().into_iter().find(|shown| shown.text == text).map(|shown| shown.rect)
    }

    /// Moves the pointer to `text` and clicks.
    pub fn click(&mut self, text: &str) {
        let at = self
            .find(text)
            .unwrap_or_else(|| panic!("{text} is not there: {:?}", self.visible_texts()))
            .center();
        let button = |pressed| Event::PointerButton {
            pos: at,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: egui::Modifiers::NONE,
        };
        for events in [vec![Event::PointerMoved(at)], vec![button(true)], vec![button(false)]] {
            self.frame(events);
        }
        // Opening is animated over some frames.
        (0..3).for_each(|_| self.settle());
    }

    /// Contents of all texts of the last frame.
    pub fn visible_texts(&self) -> Vec<String> {
        self.texts().into_iter().map(|text| text.text).collect()
    }

    /// Texts that are cut off at a side or overlap.
    pub fn clipped(&self) -> Vec<String> {
        let texts: Vec<Text> =
            self.texts().into_iter().filter(|text| text.rect.intersect(text.clip).is_positive()).collect();
        let visible = |text: &Text| text.clip.intersect(self.screen());
        let mut faults: Vec<String> = texts
            .iter()
            .filter(|text| {
                let visible = visible(text);
                text.rect.left() < visible.left() - ROUNDING || text.rect.right() > visible.right() + ROUNDING
            })
            .map(|text| format!("{:?} is cut off: {:?} in {:?}", text.text, text.rect, visible(text)))
            .collect();
        for (index, text) in texts.iter().enumerate() {
            for other in texts[..index].iter().filter(|other| other.clip == text.clip) {
                let both = text.rect.intersect(other.rect);
                if both.width() > 2.0 * ROUNDING && both.height() > 2.0 * ROUNDING {
                    faults.push(format!("{:?} overlaps {:?} at {both:?}", text.text, other.text));
                }
            }
        }
        faults
    }

    /// All interactive widgets by id, with their rectangles and visible rectangles.
    fn widgets(&self, wanted: impl Fn(egui::LayerId) -> bool) -> HashMap<Id, (Rect, Rect)> {
        self.context.viewport(|viewport| {
            let layers = viewport.prev_pass.widgets.layers().filter(|(layer, _)| wanted(**layer));
            let all = layers.flat_map(|(_, widgets)| widgets);
            let interactive = all.filter(|widget| widget.sense.interactive());
            interactive.map(|widget| (widget.id, (widget.rect, widget.interact_rect))).collect()
        })
    }

    /// Color of `text`.
    pub fn text_color(&self, text: &str) -> Option<egui::Color32> {
        self.shapes.iter().find_map(|shape| match &shape.shape {
            Shape::Text(shown) if shown.galley.text() == text => {
                let vertices = shown.galley.rows.iter().flat_map(|row| &row.visuals.mesh.vertices);
                let faded = |color: egui::Color32| color.gamma_multiply(shown.opacity_factor);
                vertices.map(|vertex| faded(vertex.color)).max_by_key(|color| color.a())
            }
            _ => None,
        })
    }

    /// Faults found while scrolling at `at`: widgets that never become visible, and clipped texts.
    pub fn unreachable(&mut self, at: egui::Pos2) -> Vec<String> {
        self.unreachable_of(at, |_| true)
    }

    /// The same for the window `name` only.
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
        // Start at the top.
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
            faults.extend(self.clipped());
            self.frame(vec![wheel(-0.4 * self.size.y)]);
            (0..6).for_each(|_| self.frame(Vec::new()));
            still = if before == all { still + 1 } else { 0 };
        }
        faults.sort();
        faults.dedup();
        let hidden = all.iter().filter(|(id, rect)| !seen.contains(id) && rect.is_positive());
        faults.extend(hidden.map(|(_, rect)| format!("the widget at {rect:?} cannot be reached")));
        faults
    }
}

/// The arcade with the panel and a learner in `world`, without a window.
pub(crate) fn arcade(world: &str) -> UiHarness {
    let world = WorldChoice::new(world, None).unwrap();
    let spec = world.spec();
    let sim = SimConfig { arenas: 4, seed: 1, stream: Stream::Environment };
    let assignment = ControllerAssignment::learn_against_script(&spec);
    let policy = LearningPolicy(untrained(&spec.action));
    let mut app = App::new();
    app.add_plugins(sim::plugin).init_resource::<Pace>();
    world.add_to(&mut app, sim);
    app.add_plugins(AgentPlugin::new(spec.clone(), assignment, policy).with_seed(1))
        .insert_resource(LiveLearner::start(LearnerSetup::new(spec, LearnerConfig::default())))
        .add_plugins((LivePlugin, InsightPlugin))
        .init_resource::<crate::insight::takeover::Takeovers>()
        .init_resource::<crate::view::ScreenLayout>()
        .init_resource::<crate::view::Toast>()
        .init_resource::<crate::view::record::ScreenshotFolder>()
        .add_message::<AppExit>()
        .add_message::<crate::view::screens::Leave>()
        .add_plugins((crate::view::controls::plugin, crate::view::modes::plugin, super::sections));
    crate::insight::add_keys(&mut app);
    app.finish();
    UiHarness::new(app, vec2(1280.0, 800.0))
}

/// Runs `steps` agent steps.
pub(crate) fn run_steps(harness: &mut UiHarness, steps: usize) {
    (0..steps).for_each(|_| run_agent_step(harness.app.world_mut()));
    harness.settle();
}

/// Adds points to every curve.
pub(crate) fn fill_history(harness: &mut UiHarness) {
    let mut history = harness.app.world_mut().resource_mut::<History>();
    // The status line depends on successes, which are 0 or 1.
    let keys = history.curves().map(|(key, _)| key.to_owned()).filter(|key| key != SUCCESS.key);
    let keys: Vec<_> = keys.collect();
    for key in keys {
        (0..50).for_each(|step| history.push(&key, step, (step % 7) as f64));
    }
    harness.settle();
}

/// Center of a window of `size`.
pub(crate) fn center(size: egui::Vec2) -> egui::Pos2 {
    pos2(size.x / 2.0, size.y / 2.0)
}
