//! Chooses where gradient steps run: by hand on the CPU, or through burn on a GPU.
//!
//! Small networks are faster on a CPU than behind a GPU's launch costs, so `auto` measures instead
//! of guessing. Software renderers (lavapipe, SwiftShader, WARP) report themselves as graphics
//! adapters but are slow CPUs: they are never chosen. The gradient step itself is `sac`'s matter,
//! catching a device lost while learning the learner thread's.

#[cfg(feature = "gpu")]
mod gpu;
#[cfg(not(feature = "gpu"))]
#[path = "device/no_gpu.rs"]
mod gpu;

use std::time::{Duration, Instant};

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use crate::mdp::{Stream, TransitionBatch, rng};
use crate::sac::{FusedSac, Inputs, SacConfig, SacError, SacUpdate};

/// Longest time the timed part of one candidate's trial takes, unless a single round is longer.
const TRIAL: Duration = Duration::from_millis(500);
/// Timed updates of a trial at most, and after how many the device is waited for.
const TRIAL_UPDATES: (u32, u32) = (20, 5);

/// Where to learn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// A GPU if there is one and it is measurably faster for this network, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU, or an error.
    Gpu,
}

/// Whether a learner that is free to choose would ask graphics drivers for a GPU.
pub fn asks_drivers() -> bool {
    gpu::hardware() || gpu::software_allowed()
}

/// Why there is no learner on the requested device.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LearnerDeviceError {
    /// A GPU was asked for and none can be used.
    #[error("no GPU to learn on: {0}; choose device `auto` or `cpu`, or install the GPU's driver")]
    NoGpu(String),
    /// The networks could not be made.
    #[error(transparent)]
    Sac(#[from] SacError),
}

/// A learner of fresh networks, drawn from `seed`, on the chosen device, and one sentence that says
/// which device it is and why. `batch` is the batch size it will see, and `ranked` says whether somebody
/// reads every step's TD errors; both are for the trial.
///
/// The first use of a GPU opens it and compiles kernels, which takes seconds. Call this before or
/// after, not while, another thread sets up graphics: Vulkan loaders dislike instances that come
/// and go at once.
///
/// # Errors
/// [`LearnerDeviceError::NoGpu`] when a GPU is required and there is none, it fails, or the
/// program was built without the feature `gpu`; [`LearnerDeviceError::Sac`] for a bad configuration.
pub fn choose(
    choice: DeviceChoice,
    config: &SacConfig,
    inputs: impl Into<Inputs>,
    actions: usize,
    batch: usize,
    ranked: bool,
    seed: u64,
) -> Result<(Box<dyn SacUpdate>, String), LearnerDeviceError> {
    config.validate()?;
    let inputs = inputs.into();
    let cpu = || FusedSac::new(config.clone(), inputs, actions, &mut rng(seed, Stream::Weights, 0));
    let on_cpu = |why: String| -> Result<(Box<dyn SacUpdate>, String), LearnerDeviceError> {
        Ok((Box::new(cpu()?), format!("cpu (fused): {why}")))
    };
    if choice == DeviceChoice::Cpu {
        return on_cpu("as configured".to_string());
    }
    let gpu = match gpu::open(choice == DeviceChoice::Gpu && gpu::software_allowed()) {
        Ok(gpu) => gpu,
        Err(why) if choice == DeviceChoice::Auto => return on_cpu(why),
        Err(why) => return Err(LearnerDeviceError::NoGpu(why)),
    };
    let name = gpu.name();
    // Made once for the trial, whose random data spoils it, and once for use.
    let on_gpu = || guarded(|| gpu.sac(config, inputs, actions, &mut rng(seed, Stream::Weights, 0)));
    let data = random_batch(inputs.features(), actions, batch, seed);
    let gpu_speed = on_gpu().and_then(|mut sac| guarded(|| updates_per_second(sac.as_mut(), &data, ranked)));
    match (choice, gpu_speed) {
        (DeviceChoice::Auto, Err(error)) => on_cpu(format!("{name} failed its trial ({error})")),
        (DeviceChoice::Auto, Ok(gpu_speed)) => {
            let cpu_speed = updates_per_second(&mut cpu()?, &data, ranked)?;
            if gpu_speed > cpu_speed {
                let why = format!("{gpu_speed:.0} updates/s against {cpu_speed:.0} on the CPU");
                Ok((on_gpu()?, format!("{name}: {why}")))
            } else {
                on_cpu(format!("{cpu_speed:.0} updates/s against {gpu_speed:.0} on {name}"))
            }
        }
        (_, Err(error)) => Err(LearnerDeviceError::NoGpu(format!("{name} failed its trial ({error})"))),
        (_, Ok(speed)) => Ok((on_gpu()?, format!("{name}: as configured, {speed:.0} updates/s"))),
    }
}

/// Runs `work` and turns a panic of burn, which is how a GPU's failures show, into an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, SacError>) -> Result<T, SacError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = (panic.downcast_ref::<String>().map(String::as_str))
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("it panicked");
        Err(SacError::Device(text.lines().next().unwrap_or_default().to_string()))
    })
}

/// Gradient steps per second of `sac` on `batch`, with TD errors read after each if `ranked`, after a few that
/// do not count because kernels are compiled and memory is allocated in them.
fn updates_per_second(
    sac: &mut dyn SacUpdate,
    batch: &TransitionBatch,
    ranked: bool,
) -> Result<f64, SacError> {
    for _ in 0..3 {
        sac.update(batch, true)?;
    }
    let (most, round) = TRIAL_UPDATES;
    let start = Instant::now();
    let mut updates = 0;
    while updates < most && start.elapsed() < TRIAL {
        updates += 1;
        // A report reads from the device and so waits for it.
        sac.update(batch, updates % round == 0)?;
        if ranked {
            sac.td_errors()?;
        }
    }
    sac.update(batch, true)?;
    Ok(f64::from(updates + 1) / start.elapsed().as_secs_f64())
}

/// A batch of noise: features and returns uniform in ±1, one transition in 20 terminal.
fn random_batch(features: usize, actions: usize, batch: usize, seed: u64) -> TransitionBatch {
    let mut rng = rng(seed, Stream::Replay, u64::MAX);
    let mut noise = |count: usize| -> Vec<f32> {
        (0..count).map(|_| (rng.next_u32() >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0).collect()
    };
    TransitionBatch {
        batch,
        features,
        observations: noise(batch * features),
        next_observations: noise(batch * features),
        actions: (0..batch).map(|row| (row % actions) as u16).collect(),
        n_step_returns: noise(batch),
        discounts: vec![0.99; batch],
        terminated: (0..batch).map(|row| f32::from(u8::from(row % 20 == 0))).collect(),
        weights: vec![1.0; batch],
        behaviour_entropies: vec![0.0; batch],
        indices: (0..batch as u32).collect(),
        sampled_actions: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (usize, usize, usize, u64) = (8, 4, 64, 1);

    fn choose_small(choice: DeviceChoice) -> Result<(Box<dyn SacUpdate>, String), LearnerDeviceError> {
        let (features, actions, batch, seed) = SIZE;
        let config = SacConfig { hidden: vec![32, 32], ..SacConfig::default() };
        choose(choice, &config, features, actions, batch, true, seed)
    }

    #[test]
    fn cpu_is_always_there() {
        let (sac, why) = choose_small(DeviceChoice::Cpu).unwrap();
        assert_eq!(sac.gradient_steps(), 0);
        assert!(why.starts_with("cpu (fused): "), "{why}");
    }

    #[test]
    fn auto_finds_a_device_and_leaves_no_trace_of_its_trial() {
        let (sac, why) = choose_small(DeviceChoice::Auto).unwrap();
        println!("{why}");
        assert_eq!(sac.gradient_steps(), 0);
        let fresh = choose_small(DeviceChoice::Cpu).unwrap().0.export().unwrap();
        assert_eq!(sac.export().unwrap(), fresh, "weights, moments and temperature are as drawn");
    }

    /// On a software renderer where there is no GPU.
    #[test]
    fn a_gradient_step_on_a_gpu_is_the_one_on_the_cpu() {
        let (features, actions, batch, seed) = SIZE;
        let config = SacConfig { hidden: vec![32, 32], ..SacConfig::default() };
        let gpu = match gpu::open(true) {
            Ok(gpu) => gpu,
            Err(why) => return println!("skipped: {why}, nor a software renderer"),
        };
        println!("on {}", gpu.name());
        let fresh = || rng(seed, Stream::Weights, 0);
        let mut there = gpu.sac(&config, features.into(), actions, &mut fresh()).unwrap();
        let mut here = FusedSac::new(config, features, actions, &mut fresh()).unwrap();
        let data = random_batch(features, actions, batch, seed);
        for step in 1..=3 {
            let [there, here] = [there.update(&data, true), here.update(&data, true)]
                .map(|report| report.unwrap().unwrap().critic_loss);
            assert!((there - here).abs() < 1e-3 * here.abs(), "step {step}: {there} and {here}");
        }
        assert_eq!(there.gradient_steps(), 3);
    }

    #[test]
    fn without_a_gpu_the_remedy_is_named() {
        match choose_small(DeviceChoice::Gpu) {
            Ok((_, why)) => println!("skipped: there is one, {why}"),
            Err(error) => {
                assert!(error.to_string().contains("choose device `auto` or `cpu`"));
                assert_eq!(error.to_string().lines().count(), 1);
            }
        }
    }

    #[test]
    fn panics_become_errors_of_one_line() {
        let error = guarded(|| -> Result<(), SacError> { panic!("lost\nthe device") }).unwrap_err();
        assert_eq!(error, SacError::Device("lost".to_string()));
    }

    #[test]
    fn names_are_lowercase() {
        assert_eq!(serde_json::to_string(&DeviceChoice::Gpu).unwrap(), "\"gpu\"");
    }
}
