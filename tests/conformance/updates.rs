//! Holds the implementations of the gradient step to the published vectors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use entropy_arcade::algo::TrainError;
use entropy_arcade::algo::report::{
    ACTOR_GRADIENT_NORM, ACTOR_LOSS, CRITIC_LOSS, TEMPERATURE, TEMPERATURE_LOSS, VALUE_LOSS,
};
use entropy_arcade::algo::sac::{Actions, AutodiffSac, FusedSac, GpuSac, SacConfig, SacUpdate};
use entropy_arcade::mdp::{
    ActionBatch, ActionDimension, ActionNoise, ActionSpace, Rng, Stream, TransitionBatch, rng,
};
use entropy_arcade::metrics::Metrics;
use entropy_arcade::nn::{HostTensor, TensorMap};
use serde_json::{Value, json};

use super::{Files, folders, say};

/// What the cases here are called.
pub const KINDS: &[&str] = &["sac_discrete_update", "sac_continuous_update"];

/// The shipped cases that must run on every implementation: coverage cannot shrink unnoticed.
const COVERED: &[&str] = &[
    "continuous_bounds",
    "continuous_clipped",
    "continuous_double",
    "continuous_fixed_clamped",
    "continuous_mean_hard",
    "continuous_reinforce",
    "continuous_single",
    "continuous_value_network",
    "discrete_adam_eps",
    "discrete_clipped",
    "discrete_double",
    "discrete_dueling",
    "discrete_entropy_penalty",
    "discrete_fixed_temperature",
    "discrete_grad_clip",
    "discrete_hard_target",
    "discrete_huber",
    "discrete_mean",
    "discrete_no_target_entropy",
    "discrete_nstep_discount",
    "discrete_q_clip",
    "discrete_reinforce",
    "discrete_sdsac",
    "discrete_single",
    "discrete_value_network",
    "discrete_weights",
];

/// Makes an implementation from configuration, features, actions and a generator.
type Factory = dyn Fn(SacConfig, usize, Actions, &mut Rng) -> Result<Box<dyn SacUpdate>, TrainError>;

pub struct Case {
    pub name: String,
    pub description: Value,
    pub tensors: TensorMap,
    pub integers: BTreeMap<String, Vec<i64>>,
}

impl Case {
    pub fn load(folder: &Path) -> Self {
        let files = Files::read(folder);
        let name = files.name();
        let Files { description, floats, integers } = files;
        let tensor = |(name, (shape, data))| (name, HostTensor { shape, data });
        Self { name, description, tensors: floats.into_iter().map(tensor).collect(), integers }
    }

    /// The case's configuration, or which of its options is not implemented.
    fn config(&self) -> Result<(SacConfig, usize, Actions), String> {
        let config = serde_json::from_value(self.settings()?).unwrap();
        Ok((config, self.extent("obs"), self.actions()))
    }

    /// Discrete actions, or a box.
    pub fn actions(&self) -> Actions {
        let count = self.extent("actions");
        if self.description["config"]["algorithm"] != json!("sac_continuous") {
            return count.into();
        }
        let bounds = &self.description["config"]["action_bounds"];
        let bound = |side: &str, j: usize, without: f32| {
            bounds[side][j].as_f64().map_or(without, |bound| bound as f32)
        };
        let dimension = |j: usize| ActionDimension {
            name: format!("a{j}"),
            low: bound("low", j, -1.0),
            high: bound("high", j, 1.0),
        };
        Actions::from(&ActionSpace::Continuous((0..count).map(dimension).collect()))
    }

    /// Refuses a target entropy that is not `−A + Σ_j ln half_j`, which is what a fraction of one half stands for.
    fn check_target_entropy(&self) -> Result<(), String> {
        let Actions::Continuous(dimensions) = self.actions() else { return Ok(()) };
        let expected: f64 =
            dimensions.iter().map(|own| (f64::from(own.high - own.low) / 2.0).ln() - 1.0).sum();
        let found = self.description["config"]["temperature"]["target_entropy"].as_f64();
        match found {
            Some(found) if (found - expected).abs() > 1e-6 => Err(format!("a target entropy of {found}")),
            _ => Ok(()),
        }
    }

    /// A number of the case's `shapes`.
    pub fn extent(&self, name: &str) -> usize {
        self.description["shapes"][name].as_u64().unwrap() as usize
    }

    /// The settings that it has in common with sequences.
    pub fn settings(&self) -> Result<Value, String> {
        let config = &self.description["config"];
        let optimizer = &config["optimizer"];
        if (&optimizer["beta1"], &optimizer["beta2"]) != (&json!(0.9), &json!(0.999)) {
            return Err("Adam's betas".to_owned());
        }
        let networks = self.description["networks"].as_object().unwrap();
        let [hidden, critic_hidden] = ["actor", "critic1"].map(|name| &networks[name]["hidden"]);
        if networks.iter().any(|(name, network)| name != "actor" && network["hidden"] != *critic_hidden) {
            return Err("critics and value networks of different widths".to_owned());
        }
        let temperature = match config["temperature"]["mode"].as_str().unwrap() {
            "fixed" => json!({"mode": "fixed"}),
            mode => {
                self.check_target_entropy()?;
                let fraction = config["temperature"]["target_entropy_fraction"].as_f64().unwrap_or(0.5);
                json!({"mode": mode, "target_entropy_fraction": fraction})
            }
        };
        let log_std_bounds = match &networks["actor"]["log_std_bounds"] {
            Value::Null => json!(SacConfig::default().log_std_bounds),
            bounds => bounds.clone(),
        };
        let rates = &optimizer["lr"];
        let head = if config["dueling"] == json!(true) { "dueling" } else { "linear" };
        let value_network = match config["value_network"] == json!(true) {
            true => json!({"learning_rate": rates["value"]}),
            false => Value::Null,
        };
        let actor_gradient = match config["actor_gradient"].as_str().unwrap() {
            "reinforce" => json!({"mode": "reinforce", "samples": self.description["shapes"]["samples"]}),
            "reparametrised" => json!({"mode": "expected"}),
            mode => json!({"mode": mode}),
        };
        Ok(json!({
            "hidden": hidden,
            "critic_hidden": critic_hidden,
            "backup": config["backup"],
            "entropy_in_target": config["entropy_in_target"],
            "critic_head": head,
            "value_network": value_network,
            "critic_loss": config["critic_loss"],
            "q_clip": config["q_clip"],
            "actor_gradient": actor_gradient,
            "entropy_penalty": config["entropy_penalty"],
            "target_update": config["target_update"],
            "temperature": temperature,
            "initial_temperature": self.tensors["init.log_alpha"].data[0].exp(),
            "actor_learning_rate": rates["actor"],
            "critic_learning_rate": rates["critic"],
            "temperature_learning_rate": rates["temperature"],
            "adam_epsilon": optimizer["eps"],
            "grad_clip": config["grad_clip"],
            "reward_scale": config["reward_scale"].as_f64().unwrap_or(1.0),
            "log_std_bounds": log_std_bounds,
        }))
    }

    /// A column of zeros and ones, stored as either type.
    pub fn flags(&self, name: &str) -> Vec<f32> {
        match self.integers.get(name) {
            Some(values) => values.iter().map(|value| *value as f32).collect(),
            None => self.tensors[name].data.clone(),
        }
    }

    fn batch(&self, step: u64) -> TransitionBatch {
        let floats = |field: &str| self.tensors[&format!("batch{step}.{field}")].data.clone();
        let actions = |field: &str| -> Option<Vec<u16>> {
            let values = self.integers.get(&format!("batch{step}.{field}"))?;
            Some(values.iter().map(|action| u16::try_from(*action).unwrap()).collect())
        };
        let size = self.extent("batch");
        let given = |field: &str| {
            self.tensors.get(&format!("batch{step}.{field}")).map_or(Vec::new(), |own| own.data.clone())
        };
        let behaviour_entropies = self.tensors.get(&format!("batch{step}.behaviour_entropy"));
        TransitionBatch {
            demonstrated: Vec::new(),
            batch: size,
            features: self.extent("obs"),
            observations: floats("obs"),
            next_observations: floats("next_obs"),
            actions: self.action_batch(&format!("batch{step}.action"), size),
            n_step_returns: floats("n_step_return"),
            discounts: floats("discount"),
            terminated: self.flags(&format!("batch{step}.terminated")),
            weights: floats("weight"),
            behaviour_entropies: behaviour_entropies.map_or(vec![0.0; size], |tensor| tensor.data.clone()),
            indices: vec![0; size],
            sampled_actions: actions("sampled_actions").unwrap_or_default(),
            noise: ActionNoise {
                here: given("noise"),
                next: given("next_noise"),
                sampled: given("action_noise"),
            },
        }
    }

    /// `rows` actions called `name`; what stands in masked transitions may be none.
    pub fn action_batch(&self, name: &str, rows: usize) -> ActionBatch {
        match self.integers.get(name) {
            Some(values) => values
                .iter()
                .map(|action| u16::try_from(*action).unwrap_or(u16::MAX))
                .collect::<Vec<_>>()
                .into(),
            None => ActionBatch { rows, discrete: Vec::new(), continuous: self.tensors[name].data.clone() },
        }
    }

    /// The tensors called `init.…` under their own names.
    pub fn initial(&self) -> TensorMap {
        let own = |(name, tensor): (&String, &HostTensor)| {
            Some((name.strip_prefix("init.")?.to_owned(), tensor.clone()))
        };
        self.tensors.iter().filter_map(own).collect()
    }
}

/// Compares values with a case's expectations.
pub struct Check<'a> {
    case: &'a Case,
    /// Tolerance of every expected tensor.
    pending: BTreeMap<&'a str, &'a str>,
    compared: BTreeSet<&'a str>,
    /// Largest error as a fraction of its tolerance, and where.
    worst: (f64, String),
    failures: Vec<String>,
}

impl<'a> Check<'a> {
    pub fn new(case: &'a Case) -> Self {
        let expected = case.description["expected"].as_array().unwrap();
        let text = |entry: &'a Value, key: &str| entry[key].as_str().unwrap();
        Self {
            case,
            pending: expected.iter().map(|entry| (text(entry, "name"), text(entry, "tolerance"))).collect(),
            compared: BTreeSet::new(),
            worst: (0.0, String::new()),
            failures: Vec::new(),
        }
    }

    /// Compares `values` if the case expects something called `name`.
    pub fn see(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let Some((&name, &tolerance)) = self.pending.get_key_value(name) else { return };
        self.compared.insert(name);
        if let Some(expected) = self.case.integers.get(name) {
            if !values.iter().map(|value| *value as i64).eq(expected.iter().copied()) {
                self.failures.push(format!("{name} = {values:?}, expected {expected:?}"));
            }
            return;
        }
        let expected = &self.case.tensors[name];
        if expected.shape != shape || values.len() != expected.data.len() {
            self.failures.push(format!("{name}: shape {shape:?}, expected {:?}", expected.shape));
            return;
        }
        let (relative, absolute) = if tolerance == "step1" { (1e-4, 1e-5) } else { (1e-3, 1e-4) };
        for (index, (&found, &expected)) in values.iter().zip(&expected.data).enumerate() {
            let (found, expected) = (f64::from(found), f64::from(expected));
            let error = (found - expected).abs() / (absolute + relative * expected.abs());
            if error.is_nan() || error > 1.0 {
                self.failures
                    .push(format!("{name}[{index}] = {found}, expected {expected}: {error:.2} tolerances"));
            }
            if error > self.worst.0 {
                self.worst = (error, name.to_owned());
            }
        }
    }

    /// Compares everything `sac` exports after `step`.
    pub fn see_parameters(&mut self, sac: &dyn SacUpdate, step: u64) {
        for (name, tensor) in sac.export().unwrap() {
            self.see(&format!("after{step}.{name}"), &tensor.shape, &tensor.data);
        }
    }

    /// What the case expects and nothing was compared with, as a failure.
    pub fn unseen(&self) -> Option<String> {
        let unseen: Vec<_> = self.pending.keys().filter(|name| !self.compared.contains(*name)).collect();
        (!unseen.is_empty()).then(|| format!("{} never compared: {unseen:?}", self.case.name))
    }

    /// Prints a line, and adds the failures to `failures`.
    pub fn conclude(self, implementation: &str, failures: &mut Vec<String>) {
        let Self { case, compared, worst, failures: found, .. } = self;
        let verdict = if found.is_empty() { "ok" } else { "FAILED" };
        say(&format!(
            "{:28} {verdict}, {} tensors of {implementation}, largest error {:.3} tolerances ({})",
            case.name,
            compared.len(),
            worst.0,
            worst.1
        ));
        failures.extend(found.into_iter().map(|failure| format!("{} {failure}", case.name)));
    }
}

/// Every quantity the specification names, through the trace of the hand-written step.
fn check_traced(case: &Case, failures: &mut Vec<String>) -> Result<(), String> {
    let (config, features, actions) = case.config()?;
    let mut sac = FusedSac::new(config, features, actions, &mut rng(0, Stream::Weights, 0))
        .map_err(|error| error.to_string())?;
    sac.import(&case.initial(), 0).unwrap();
    let mut check = Check::new(case);
    for step in 1..=3 {
        let mut record = |name: &str, shape: &[usize], values: &[f32]| {
            check.see(&format!("step{step}.{name}"), shape, values)
        };
        sac.update_traced(&case.batch(step), true, &mut record).unwrap();
        check.see_parameters(&sac, step);
    }
    failures.extend(check.unseen());
    check.conclude("traced", failures);
    Ok(())
}

/// Reported figures and parameters, through the trait alone: for any implementation.
fn check_reported(case: &Case, make: &Factory, failures: &mut Vec<String>) -> Result<(), String> {
    let (config, features, actions) = case.config()?;
    let mut sac = make(config, features, actions, &mut rng(0, Stream::Weights, 0))
        .map_err(|error| error.to_string())?;
    check_steps(case, &mut *sac, |sac, step| sac.update(&case.batch(step), true), failures);
    Ok(())
}

/// Reported figures and parameters of three steps from the case's initial parameters.
pub fn check_steps(
    case: &Case,
    sac: &mut dyn SacUpdate,
    update: impl Fn(&mut dyn SacUpdate, u64) -> Result<Option<Metrics>, TrainError>,
    failures: &mut Vec<String>,
) {
    sac.import(&case.initial(), 0).unwrap();
    let mut check = Check::new(case);
    for step in 1..=3 {
        let report = update(sac, step).unwrap().unwrap();
        for (name, metric) in [
            ("alpha", TEMPERATURE),
            ("loss.critic", CRITIC_LOSS),
            ("loss.value", VALUE_LOSS),
            ("loss.actor", ACTOR_LOSS),
            ("loss.temperature", TEMPERATURE_LOSS),
            ("grad_norm.actor", ACTOR_GRADIENT_NORM),
        ] {
            let value = report.get(metric).unwrap_or(0.0) as f32;
            check.see(&format!("step{step}.{name}"), &[1], &[value]);
        }
        let td_errors = sac.td_errors().unwrap();
        check.see(&format!("step{step}.priority"), &[td_errors.len()], &td_errors);
        check.see_parameters(sac, step);
    }
    let device = sac.device();
    check.conclude(&device, failures);
}

/// Runs `check` on every case and asserts that none fails or is left out, and that [`COVERED`] is covered.
fn run(check: impl Fn(&Case, &mut Vec<String>) -> Result<(), String>) {
    let (folders, shipped) = folders();
    let (mut covered, mut failures) = (Vec::new(), Vec::new());
    let known = |case: &Case| KINDS.iter().any(|kind| case.description["kind"] == *kind);
    for case in folders.iter().map(|folder| Case::load(folder)).filter(known) {
        if let Err(option) = check(&case, &mut failures) {
            failures.push(format!("{} not covered: {option}", case.name));
        }
        covered.push(case.name);
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    if shipped {
        assert_eq!(covered, COVERED);
    }
}

#[test]
fn fused_traces_the_published_values() {
    run(check_traced);
}

#[test]
fn fused_reports_the_published_values() {
    run(|case, failures| {
        let make = |config, features, actions, rng: &mut Rng| -> Result<Box<dyn SacUpdate>, TrainError> {
            Ok(Box::new(FusedSac::new(config, features, actions, rng)?))
        };
        check_reported(case, &make, failures)
    });
}

#[test]
fn autodiff_reports_the_published_values() {
    run(|case, failures| {
        let make = |config, features, actions, rng: &mut Rng| -> Result<Box<dyn SacUpdate>, TrainError> {
            let device = burn::tensor::Device::flex();
            Ok(Box::new(AutodiffSac::new(config, features, actions, rng, device)?))
        };
        check_reported(case, &make, failures)
    });
}

/// Those cases that compute shaders know, on a software renderer where there is no graphics card.
#[test]
fn the_gpu_reports_the_published_values() {
    let card = match entropy_arcade::learner::device::card(true) {
        Ok(card) => card,
        Err(why) => return println!("skipped: {why}, nor a software renderer"),
    };
    let known = std::cell::Cell::new(0);
    run(|case, failures| {
        let (config, features, actions) = case.config()?;
        if !GpuSac::knows(&config, features.into(), &actions) {
            return Ok(());
        }
        known.set(known.get() + 1);
        let own = card.clone();
        let make =
            move |config, features, actions, rng: &mut Rng| -> Result<Box<dyn SacUpdate>, TrainError> {
                Ok(Box::new(GpuSac::new(config, features, actions, rng, own.clone())?))
            };
        check_reported(case, &make, failures)
    });
    assert!(known.get() > 5, "compute shaders know {} cases", known.get());
}
