//! One step against numbers worked out by hand, saving and loading, and what a bad file does.

use super::*;
use crate::algo::report::{
    ACTION_PROBABILITIES, ACTOR_GRADIENT_NORM, ACTOR_LOSS, ACTOR_PARAMETER_NORM, CRITIC_GRADIENT_NORM,
    CRITIC_LOSS, CRITIC_PARAMETER_NORM, ENTROPY, Q, Q_STD, TARGET, TD_ERROR, TEMPERATURE, TEMPERATURE_LOSS,
    TWIN_DISAGREEMENT,
};
use crate::algo::sac::{ActorGradient, Backup, FusedSac, SacUpdate, TargetUpdate, Temperature, ValueNetwork};
use crate::mdp::{Stream, TransitionBatch, rng};
use crate::nn::{Head, HostTensor, NetworkError, TensorMap};

const DEVICE: fn() -> Device = Device::flex;

fn sac(config: SacConfig) -> AutodiffSac {
    AutodiffSac::new(config, 2, 3, &mut rng(1, Stream::Weights, 0), DEVICE()).unwrap()
}

fn small() -> SacConfig {
    SacConfig { hidden: vec![5, 4], ..SacConfig::default() }
}

fn batch() -> TransitionBatch {
    TransitionBatch {
        batch: 2,
        features: 2,
        observations: vec![0.5, -1.0, 0.25, 1.0],
        next_observations: vec![1.0, 0.5, -0.5, 0.0],
        actions: vec![2, 0].into(),
        n_step_returns: vec![1.0, -1.0],
        discounts: vec![0.99, 0.9],
        terminated: vec![0.0, 1.0],
        weights: vec![1.0, 0.5],
        behaviour_entropies: vec![0.0; 2],
        demonstrated: Vec::new(),
        indices: vec![0, 1],
        sampled_actions: vec![],
        noise: Default::default(),
    }
}

/// One feature that is 1, two actions, no hidden layer: everything below is worked out on paper.
#[test]
fn one_step_by_hand() {
    let config = SacConfig {
        hidden: vec![],
        initial_temperature: 0.5,
        temperature: Temperature::Learned { target_entropy_fraction: 0.5 },
        target_update: TargetUpdate::Soft { tau: 0.5 },
        actor_learning_rate: 0.1,
        critic_learning_rate: 0.01,
        temperature_learning_rate: 0.001,
        ..SacConfig::default()
    };
    let mut generator = rng(1, Stream::Weights, 0);
    let fused = FusedSac::new(config.clone(), 1, 2, &mut generator).unwrap();
    let autodiff = AutodiffSac::new(config, 1, 2, &mut generator, DEVICE()).unwrap();
    let both: [Box<dyn SacUpdate>; 2] = [Box::new(fused), Box::new(autodiff)];
    let mut tensors = TensorMap::new();
    let mut set = |network: &str, weight: [f32; 2]| {
        tensors.insert(
            format!("{network}.layers.0.weight"),
            HostTensor { shape: vec![2, 1], data: weight.to_vec() },
        );
        tensors.insert(format!("{network}.layers.0.bias"), HostTensor { shape: vec![2], data: vec![0.0; 2] });
    };
    set("actor", [0.0, 0.0]); // uniform
    set("critic1", [1.0, 3.0]);
    set("critic2", [2.0, 5.0]);
    set("target_critic1", [1.0, 4.0]);
    set("target_critic2", [3.0, 2.0]);
    tensors.insert("log_alpha".into(), HostTensor { shape: vec![1], data: vec![0.5_f32.ln()] });
    let batch = TransitionBatch {
        batch: 1,
        features: 1,
        observations: vec![1.0],
        next_observations: vec![1.0],
        actions: vec![1].into(),
        n_step_returns: vec![0.25],
        discounts: vec![0.5],
        terminated: vec![0.0],
        weights: vec![1.0],
        behaviour_entropies: vec![0.0],
        demonstrated: Vec::new(),
        indices: vec![0],
        sampled_actions: vec![],
        noise: Default::default(),
    };
    let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-5, "{a} is not {b}");
    let norm = |values: [f32; 3]| values.iter().map(|value| value * value).sum::<f32>().sqrt();
    for mut sac in both {
        sac.import(&tensors, 0).unwrap();
        let report = sac.update(&batch, true).unwrap().unwrap();
        let value = |metric| report.get(metric).unwrap() as f32;

        // min(targets) = [1, 2], mean 1.5; entropy ln 2; y = 0.25 + 0.5 (1.5 + 0.5 ln 2)
        let ln2 = 2.0_f32.ln();
        let y = 0.25 + 0.5 * (1.5 + 0.5 * ln2);
        near(value(TARGET), y);
        near(value(CRITIC_LOSS), (3.0 - y).powi(2) + (5.0 - y).powi(2));
        near(value(TD_ERROR), 4.0 - y);
        near(value(Q), 4.0);
        near(value(Q_STD), 0.0);
        near(value(TWIN_DISAGREEMENT), 2.0);
        // Of weight and bias alike: 2 (Q − y).
        near(value(CRITIC_GRADIENT_NORM), 2.0 * (4.0 - y) * 2.0_f32.sqrt());
        // ½ (f_j − mean f) with f = [0.5 ln ½ − 1, 0.5 ln ½ − 2.98]: ±0.495 in two weights and two biases.
        near(value(ACTOR_GRADIENT_NORM), 0.99);
        near(value(ACTOR_PARAMETER_NORM), 0.2);
        near(value(CRITIC_PARAMETER_NORM), (norm([1.0, 2.99, -0.01]) + norm([2.0, 4.99, -0.01])) / 2.0);
        assert_eq!(report.each(ACTION_PROBABILITIES), Some(&[0.5, 0.5][..]));
        near(value(ENTROPY), ln2);
        near(value(TEMPERATURE), 0.5);
        near(value(TEMPERATURE_LOSS), 0.5 * (ln2 - 0.5 * ln2));
        // Adam's first step is lr against the gradient's sign: Q of the action taken goes down by 0.01
        // in weight and bias; the actor then sees min Q = [1, 2.98].
        near(value(ACTOR_LOSS), -0.5 * ln2 - (1.0 + 2.98) / 2.0);

        let after = sac.export().unwrap();
        let pair = |name: &str| (after[name].data[0], after[name].data[1]);
        let (untouched, taken) = pair("critic1.layers.0.weight");
        near(untouched, 1.0);
        near(taken, 2.99);
        near(pair("critic2.layers.0.bias").1, -0.01);
        near(pair("target_critic1.layers.0.weight").1, (4.0 + 2.99) / 2.0);
        near(pair("actor.layers.0.weight").0, -0.1);
        near(pair("actor.layers.0.weight").1, 0.1);
        near(after["log_alpha"].data[0], 0.5_f32.ln() - 0.001);
    }
}

#[test]
fn saving_and_loading_continues_exactly() {
    let gumbel = ActorGradient::Gumbel { samples: 2, relaxation: 0.7 };
    let value_network = Some(ValueNetwork::default());
    let configs = [
        small(),
        SacConfig { critic_head: Head::Dueling, value_network, actor_gradient: gumbel, ..small() },
        SacConfig { layer_norm: true, actor_gradient: ActorGradient::Reinforce { samples: 3 }, ..small() },
    ];
    for config in configs {
        let mut original = sac(config.clone());
        for _ in 0..3 {
            original.update(&batch(), false).unwrap();
        }
        let saved = original.export().unwrap();
        assert_eq!(saved.contains_key("update_seed"), config.actor_gradient != ActorGradient::Expected);
        // Another seed: everything that matters must come out of the saved tensors.
        let mut loaded =
            AutodiffSac::new(config.clone(), 2, 3, &mut rng(2, Stream::Weights, 0), DEVICE()).unwrap();
        loaded.import(&saved, 3).unwrap();
        assert_eq!(loaded.export().unwrap(), saved);
        assert_eq!(loaded.gradient_steps(), 3);

        loaded.set_config(config).unwrap();
        let reports = [&mut original, &mut loaded].map(|sac| sac.update(&batch(), true).unwrap());
        assert_eq!(reports[0], reports[1]);
        assert_eq!(loaded.export().unwrap(), original.export().unwrap());
        let actor = original.export_actor().unwrap();
        assert!(actor.keys().all(|name| name.starts_with("actor.")));
    }
}

#[test]
fn a_bad_file_changes_nothing() {
    let mut sac = sac(small());
    let before = sac.export().unwrap();
    for name in ["log_alpha", "target_critic2.layers.1.bias", "optimizer.critic1.layers.2.weight.v"] {
        let mut tensors = sac.export().unwrap();
        tensors.get_mut("actor.layers.0.bias").unwrap().data[0] = 9.0;
        tensors.get_mut(name).unwrap().shape = vec![7];
        let Err(TrainError::Network(NetworkError::Tensor { name: wrong, .. })) = sac.import(&tensors, 1)
        else {
            panic!("accepted")
        };
        assert_eq!(wrong, name);
        assert_eq!(sac.export().unwrap(), before);
    }
    assert_eq!(sac.gradient_steps(), 0);
}

#[test]
fn seeds_repeat_and_targets_start_as_copies() {
    let first = sac(small()).export().unwrap();
    assert_eq!(first, sac(small()).export().unwrap());
    let mut other = rng(2, Stream::Weights, 0);
    let other = AutodiffSac::new(small(), 2, 3, &mut other, DEVICE()).unwrap().export().unwrap();
    assert_ne!(first, other);
    assert_eq!(first["critic2.layers.1.weight"], first["target_critic2.layers.1.weight"]);
    assert_ne!(first["critic1.layers.1.weight"], first["critic2.layers.1.weight"]);
    assert_eq!(first["actor.layers.0.weight"].shape, [5, 2]);
    assert!(first["actor.layers.0.weight"].data.iter().all(|weight| weight.abs() <= 0.5_f32.sqrt()));
}

#[test]
fn settings_that_need_other_networks_are_refused() {
    let mut sac = sac(small());
    assert!(sac.set_config(SacConfig { hidden: vec![6], ..small() }).is_err());
    assert!(sac.set_config(SacConfig { backup: Backup::Single, ..small() }).is_err());
    assert!(sac.set_config(SacConfig { backup: Backup::Mean, gamma: 0.9, ..small() }).is_ok());
}

#[test]
fn a_loss_that_is_not_finite_is_named() {
    let mut sac = sac(small());
    let poisoned = TransitionBatch { n_step_returns: vec![f32::NAN, 0.0], ..batch() };
    let error = sac.update(&poisoned, true).unwrap_err();
    assert_eq!(error, TrainError::NotFinite { what: "critic loss", gradient_steps: 1 });
}

#[test]
fn a_batch_that_does_not_fit_is_refused() {
    let mut sac = sac(small());
    for wrong in [
        TransitionBatch::default(),
        TransitionBatch { actions: vec![0, 3].into(), ..batch() },
        TransitionBatch { weights: vec![1.0], ..batch() },
    ] {
        assert!(matches!(sac.update(&wrong, false), Err(TrainError::Batch { .. })));
    }
    assert_eq!(sac.gradient_steps(), 0);
}
