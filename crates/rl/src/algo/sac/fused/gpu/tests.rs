//! The step in compute shaders against the one on the CPU: on a software renderer where there is no graphics card, and
//! skipped where there is neither.

use super::*;
use crate::algo::sac::autodiff::agreement::continuous::random_continuous_case;
use crate::algo::sac::autodiff::agreement::{Case, compare, random_case};
use crate::algo::sac::{SacUpdate, TargetUpdate};
use crate::mdp::{Stream, TransitionBatch, rng};
use crate::nn::{ConvLayer, Encoder};

/// Random configurations compared.
const CASES: usize = 250;

/// The card to test on, if there is one.
fn card() -> Option<Card> {
    match crate::learner::device::card(true) {
        Ok(card) => Some(card),
        Err(why) => {
            println!("skipped: {why}, nor a software renderer");
            None
        }
    }
}

/// Random combinations of what it knows.
fn known() -> impl Iterator<Item = (SacConfig, Case)> {
    (0..).map(random_case).map(|(config, case)| {
        let encoder = match config.encoder {
            Encoder::Conv { layers } => {
                let wide = |own: ConvLayer| ConvLayer { channels: 16 * (own.channels - 2), ..own };
                Encoder::Conv { layers: layers.into_iter().map(wide).collect() }
            }
            other => other,
        };
        (SacConfig { encoder, ..config }, case)
    })
}

/// The same with continuous actions.
fn known_continuous() -> impl Iterator<Item = (SacConfig, Case)> {
    (0..).map(random_continuous_case).filter(|(_, case)| case.inputs().grid.is_none()).map(
        |(config, case)| {
            let (layer_norm, shared_std, value_network) = Default::default();
            let actor_gradient = ActorGradient::Expected;
            (SacConfig { layer_norm, shared_std, value_network, actor_gradient, ..config }, case)
        },
    )
}

#[test]
fn the_step_on_a_card_is_the_one_on_the_cpu_whatever_is_combined() {
    agree(known().take(CASES));
}

#[test]
fn so_it_is_for_continuous_actions() {
    agree(known_continuous().take(150));
}

fn agree(cases: impl Iterator<Item = (SacConfig, Case)>) {
    let Some(card) = card() else { return };
    let wrong: Vec<String> = cases
        .filter_map(|(config, case)| {
            let (inputs, actions) = (case.inputs(), case.actions());
            assert!(GpuSac::knows(&config, inputs, &actions));
            let ours = GpuSac::new(config.clone(), inputs, actions, &mut case.generator(), card.clone());
            compare(&mut ours.unwrap(), &config, case)
                .map(|wrong| format!("{wrong}\n    {case:?}\n    {config:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} disagree:\n{}", wrong.len(), wrong.join("\n"));
}

fn batch(size: usize, seed: u64) -> TransitionBatch {
    super::super::tests::batch(size, 5, 3, seed)
}

fn both(config: &SacConfig, card: &Card) -> (GpuSac, FusedSac) {
    let fresh = || rng(3, Stream::Weights, 0);
    let ours = GpuSac::new(config.clone(), 5, 3, &mut fresh(), card.clone()).unwrap();
    (ours, FusedSac::new(config.clone(), 5, 3, &mut fresh()).unwrap())
}

/// Largest difference of all they export.
fn distance(ours: &GpuSac, theirs: &FusedSac) -> f32 {
    let (ours, theirs) = (ours.export().unwrap(), theirs.export().unwrap());
    assert!(ours.keys().eq(theirs.keys()));
    let pairs = ours.values().zip(theirs.values()).flat_map(|(a, b)| a.data.iter().zip(&b.data));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// More steps than a submission holds, and batches long enough that several workgroups sum one gradient; then a change of
/// settings and of the batch's size in the middle.
#[test]
fn submissions_long_batches_and_changed_settings_leave_the_same_networks() {
    let Some(card) = card() else { return };
    let config = SacConfig { hidden: vec![40, 70], adam_epsilon: 0.01, ..SacConfig::default() };
    let (mut ours, mut theirs) = both(&config, &card);
    let step = |ours: &mut GpuSac, theirs: &mut FusedSac, size: usize, seed: u64| {
        let batch = batch(size, seed);
        assert!(ours.update(&batch, false).unwrap().is_none());
        theirs.update(&batch, false).unwrap();
    };
    (0..37).for_each(|seed| step(&mut ours, &mut theirs, 7, seed));
    let mut errors = Vec::new();
    for seed in 37..41 {
        step(&mut ours, &mut theirs, 1300, seed);
        errors.extend_from_slice(&theirs.td_errors().unwrap());
    }
    let found = ours.recent_td_errors(4).unwrap();
    assert_eq!(found.len(), errors.len());
    assert!(found.iter().zip(&errors).all(|(a, b)| (a - b).abs() < 1e-4));
    assert_eq!(*ours.td_errors().unwrap(), found[3 * 1300..]);
    assert!(distance(&ours, &theirs) < 1e-4, "{}", distance(&ours, &theirs));
    let changed = SacConfig {
        target_update: TargetUpdate::Hard { interval: 3 },
        q_clip: Some(0.2),
        critic_learning_rate: 0.004,
        ..config
    };
    ours.set_config(changed.clone()).unwrap();
    theirs.set_config(changed).unwrap();
    (41..50).for_each(|seed| step(&mut ours, &mut theirs, 33, seed));
    assert!(distance(&ours, &theirs) < 1e-4, "{}", distance(&ours, &theirs));
    assert_eq!(ours.gradient_steps(), 50);
    let found = ours.export_actor().unwrap();
    assert!(found.iter().all(|(name, own)| ours.export().unwrap()[name] == *own));
}

/// Nothing is read back and all steps of a submission share a pass.
#[test]
fn a_step_costs_few_dispatches_and_no_reads() {
    let Some(card) = card() else { return };
    let (mut ours, _) = both(&SacConfig::default(), &card.counted_apart());
    ours.update(&batch(64, 0), true).unwrap();
    let before = ours.card.counts();
    (0..64).for_each(|seed| drop(ours.update(&batch(64, seed), false).unwrap()));
    let after = ours.card.counts();
    let per_step = |count: u64| count as f64 / 64.0;
    assert_eq!(after.reads, before.reads);
    assert!(per_step(after.dispatches - before.dispatches) <= 20.0, "{before:?} {after:?}");
    assert!(per_step(after.submissions - before.submissions) <= 1.0 / 16.0, "{before:?} {after:?}");
}

/// Steps that still wait for their submission come before what is imported after them.
#[test]
fn an_import_replaces_what_steps_before_it_have_learned() {
    let Some(card) = card() else { return };
    let (mut ours, _) = both(&SacConfig { hidden: vec![9], ..SacConfig::default() }, &card);
    let fresh = ours.export().unwrap();
    (0..3).for_each(|seed| drop(ours.update(&batch(6, seed), false).unwrap()));
    ours.import(&fresh, 0).unwrap();
    assert_eq!((ours.export().unwrap(), ours.gradient_steps()), (fresh, 0));
}

/// An estimator that the shaders do not know is refused between two steps, too.
#[test]
fn settings_that_the_shaders_do_not_know_are_refused_and_change_nothing() {
    let Some(card) = card() else { return };
    let (config, case) = known_continuous().next().unwrap();
    let fresh = GpuSac::new(config.clone(), case.inputs(), case.actions(), &mut case.generator(), card);
    let mut ours = fresh.unwrap();
    let reinforce = ActorGradient::Reinforce { samples: 1 };
    let changed = SacConfig { actor_gradient: reinforce, ..config.clone() };
    let error = ours.set_config(changed).unwrap_err().to_string();
    assert!(error.starts_with("sac.actor_gradient = ") && error.lines().count() == 1, "{error}");
    assert_eq!(*ours.config(), config);
}

/// A failed import changes nothing.
#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let Some(card) = card() else { return };
    let (mut ours, _) = both(&SacConfig { hidden: vec![9], ..SacConfig::default() }, &card);
    ours.update(&batch(6, 1), false).unwrap();
    let held = ours.export().unwrap();
    let mut cut = held.clone();
    cut.remove("critic2.layers.0.weight");
    assert!(ours.import(&cut, 5).unwrap_err().to_string().contains("critic2.layers.0.weight"));
    assert_eq!(ours.export().unwrap(), held);
    assert!(ours.update(&batch(0, 1), false).is_err());
    assert!(ours.set_config(SacConfig { gamma: 2.0, ..ours.config().clone() }).is_err());
    assert_eq!((ours.export().unwrap(), ours.gradient_steps()), (held, 1));
}
