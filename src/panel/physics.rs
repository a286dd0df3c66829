//! Physics: gravity, slope and friction, which a person can change while agents learn.

use bevy::prelude::*;
use bevy_egui::egui::{self, Ui};

use super::section::{AddPanelSection as _, order};
use super::widgets::{folding, row};
use crate::sim::arena::EnvironmentHooks;
use crate::sim::{CONDITION_RANGE, Conditions, STEEPEST};

/// Adds the section.
pub(super) fn plugin(app: &mut App) {
    app.add_panel_section(order::PHYSICS, physics);
}

/// The section; nothing in worlds in which nothing falls.
fn physics(
    InMut(ui): InMut<Ui>,
    hooks: Option<Res<EnvironmentHooks>>,
    conditions: Option<ResMut<Conditions>>,
) {
    let Some(mut conditions) = conditions.filter(|_| hooks.is_some_and(|hooks| hooks.has_gravity)) else {
        return;
    };
    let mut next = *conditions;
    folding(ui, "Physics", false, |ui| sliders(ui, &mut next));
    // Written only on change, for change detection.
    conditions.set_if_neq(next);
}

fn sliders(ui: &mut Ui, conditions: &mut Conditions) {
    let all = "In all arenas, from their next step on.";
    let explanation = format!("Gravity as a multiple of the world's own. {all}");
    row(ui, "gravity", &explanation, |ui| {
        ui.add(multiple(&mut conditions.gravity)).on_hover_text(&explanation);
    });
    let explanation =
        format!("Slope of the ground, positive uphill to the right: gravity turns, the ground stays. {all}");
    row(ui, "slope", &explanation, |ui| {
        let mut degrees = conditions.slope.to_degrees();
        let steepest = STEEPEST.to_degrees().floor();
        let slider = egui::Slider::new(&mut degrees, -steepest..=steepest).fixed_decimals(0).suffix("°");
        if ui.add(slider).on_hover_text(&explanation).changed() {
            conditions.slope = degrees.to_radians();
        }
    });
    let explanation = format!("Friction of all surfaces as a multiple of their own. {all}");
    row(ui, "friction", &explanation, |ui| {
        ui.add(multiple(&mut conditions.friction)).on_hover_text(&explanation);
    });
    let changed = *conditions != Conditions::default();
    let reset = ui.add_enabled(changed, egui::Button::new("Usual physics"));
    if reset.on_hover_text("Gravity, slope and friction of the world as it is published.").clicked() {
        *conditions = Conditions::default();
    }
}

/// A slider of a multiple.
fn multiple(value: &mut f32) -> egui::Slider<'_> {
    let [least, most] = CONDITION_RANGE;
    let slider = egui::Slider::new(value, least..=most).logarithmic(true);
    slider.custom_formatter(|value, _| format!("{value:.2}×"))
}
