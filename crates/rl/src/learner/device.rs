//! Chooses where gradient steps run: on the CPU with hand-written code, or on a GPU in compute shaders or through burn.
//!
//! Small networks may be faster on a CPU, so `auto` measures instead of guessing. Software renderers (lavapipe,
//! SwiftShader, WARP) report themselves as graphics adapters but are slow CPUs: they are never chosen. A device lost during
//! training is handled by the learner thread.

#[cfg(feature = "gpu")]
mod gpu;
#[cfg(not(feature = "gpu"))]
#[path = "device/no_gpu.rs"]
mod gpu;
mod trial;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::algo::{Algorithm, AlgorithmConfig, Place, TrainError};
use crate::mdp::{EnvironmentSpec, Stream, rng};
use crate::nn::NetworkError;
#[cfg(feature = "gpu")]
pub use crate::nn::{Card, Counts};
use trial::Trial;

/// Maximum duration of the timed part of one candidate's trial, unless its last round takes longer.
const TRIAL: Duration = Duration::from_millis(500);
/// Largest number of timed updates between two policies in a trial, as in a watched run.
const LONGEST_ROUND: usize = 20;

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

/// Whether `auto` would query graphics drivers for a GPU.
pub fn asks_drivers() -> bool {
    gpu::hardware() || gpu::software_allowed()
}

/// The card that `gpu` learns on; with `software` a software renderer where there is none.
///
/// # Errors
/// Why there is none, as a phrase.
#[cfg(feature = "gpu")]
pub fn card(software: bool) -> Result<Card, String> {
    gpu::open(software).map(|gpu| gpu.card())
}

/// Why there is no learner on the requested device.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LearnerDeviceError {
    /// A GPU was requested and none is usable.
    #[error("no GPU to learn on: {0}; choose device `auto` or `cpu`, or install the GPU's driver")]
    NoGpu(String),
    /// The networks could not be created.
    #[error(transparent)]
    Algorithm(#[from] TrainError),
}

/// Fresh networks, drawn from `seed`, on the chosen device, and one sentence naming the device and the
/// reason. `batch` is the batch size and `ranked` says whether priorities are read after every step; both
/// only affect the trial.
///
/// The first use of a GPU opens it and compiles kernels, which takes seconds. Call this before or after
/// another thread initializes graphics, not meanwhile: Vulkan loaders do not handle instances created and
/// destroyed concurrently.
///
/// # Errors
/// [`LearnerDeviceError::NoGpu`] if a GPU is required and there is none, it fails, or the program was built
/// without the feature `gpu`; [`LearnerDeviceError::Algorithm`] for an invalid configuration.
pub fn choose(
    choice: DeviceChoice,
    config: &AlgorithmConfig,
    spec: &EnvironmentSpec,
    batch: usize,
    ranked: bool,
    seed: u64,
) -> Result<(Box<dyn Algorithm>, String), LearnerDeviceError> {
    config.validate()?;
    let fresh = |place| config.build(spec, place, &mut rng(seed, Stream::Weights, 0));
    let cpu = || fresh(Place::Cpu);
    let on_cpu = |why: String| -> Result<(Box<dyn Algorithm>, String), LearnerDeviceError> {
        let algorithm = cpu()?;
        let why = format!("{}: {why}", algorithm.device());
        Ok((algorithm, why))
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
    // Created once for the trial, which trains it on random data, and once for use.
    let on_gpu = || guarded(|| fresh(gpu.place()));
    let data = Trial::new(config.sample_spec(), spec, batch, seed);
    let gpu_speed =
        on_gpu().and_then(|mut algorithm| guarded(|| updates_per_second(&mut *algorithm, &data, ranked)));
    match (choice, gpu_speed) {
        (DeviceChoice::Auto, Err(error)) => on_cpu(format!("{name} failed its trial ({error})")),
        (DeviceChoice::Auto, Ok(gpu_speed)) => {
            let cpu_speed = updates_per_second(&mut *cpu()?, &data, ranked)?;
            if gpu_speed > cpu_speed {
                let why = format!("{gpu_speed:.0} updates/s against {cpu_speed:.0} on the CPU");
                match on_gpu() {
                    Ok(algorithm) => Ok((algorithm, format!("{name}: {why}"))),
                    Err(error) => on_cpu(format!("{name} failed after its trial ({error})")),
                }
            } else {
                on_cpu(format!("{cpu_speed:.0} updates/s against {gpu_speed:.0} on {name}"))
            }
        }
        (_, Err(error)) => Err(LearnerDeviceError::NoGpu(format!("{name} failed its trial ({error})"))),
        (_, Ok(speed)) => Ok((on_gpu()?, format!("{name}: as configured, {speed:.0} updates/s"))),
    }
}

/// Runs `work` and turns a panic, which is how burn reports GPU failures, into an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, TrainError>) -> Result<T, TrainError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = (panic.downcast_ref::<String>().map(String::as_str))
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("it panicked");
        Err(NetworkError::Device(text.lines().next().unwrap_or_default().to_string()).into())
    })
}

/// Gradient steps per second of `algorithm` on `data`, in the last of a few rounds, with the policy and, if `ranked`, the
/// priorities read about as often as training does. The first steps are not timed: they compile kernels and allocate
/// memory.
fn updates_per_second(algorithm: &mut dyn Algorithm, data: &Trial, ranked: bool) -> Result<f64, TrainError> {
    for _ in 0..3 {
        data.update(algorithm, true)?;
    }
    let start = Instant::now();
    let (mut rate, mut round) = (0.0, 1);
    while start.elapsed() < TRIAL {
        let begun = Instant::now();
        let mut unranked = 0;
        for step in 1..=round {
            // A report reads from the device and so synchronizes it.
            data.update(algorithm, step == round)?;
            unranked += 1;
            if ranked && (unranked == algorithm.priorities_at_once() || step == round) {
                algorithm.recent_priorities(unranked)?;
                unranked = 0;
            }
        }
        algorithm.policy()?;
        rate = round as f64 / begun.elapsed().as_secs_f64();
        round = (4 * round).min(LONGEST_ROUND);
    }
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algo::SampleSpec;
    use crate::algo::report::CRITIC_LOSS;
    use crate::algo::sac::SacConfig;
    use crate::mdp::{ActionSpace, ObservationSpace};

    const SIZE: (usize, usize, usize, u64) = (8, 4, 64, 1);

    fn small() -> AlgorithmConfig {
        SacConfig { hidden: vec![32, 32], ..SacConfig::default() }.into()
    }

    fn spec() -> EnvironmentSpec {
        let (features, actions, ..) = SIZE;
        let names = |count: usize| (0..count).map(|index| index.to_string()).collect::<Vec<_>>();
        let actions = names(actions);
        EnvironmentSpec {
            name: "x".into(),
            summary: String::new(),
            observation: ObservationSpace { vector: names(features), grid: None },
            action: ActionSpace::discrete(&actions.iter().map(String::as_str).collect::<Vec<_>>()),
            ticks_per_step: 1,
            tick_seconds: 0.1,
            episode_limit: 5,
            teams: vec![0],
            rewards: Vec::new(),
        }
    }

    fn choose_small(choice: DeviceChoice) -> Result<(Box<dyn Algorithm>, String), LearnerDeviceError> {
        let (.., batch, seed) = SIZE;
        choose(choice, &small(), &spec(), batch, true, seed)
    }

    #[test]
    fn cpu_is_always_there() {
        let (_, why) = choose_small(DeviceChoice::Cpu).unwrap();
        assert!(why.starts_with("cpu (fused): "), "{why}");
    }

    #[test]
    fn auto_finds_a_device_and_leaves_no_trace_of_its_trial() {
        let (algorithm, why) = choose_small(DeviceChoice::Auto).unwrap();
        println!("{why}");
        let fresh = choose_small(DeviceChoice::Cpu).unwrap().0.export().unwrap();
        assert_eq!(algorithm.export().unwrap(), fresh, "weights, moments and temperature are as drawn");
    }

    /// On a software renderer if there is no GPU.
    #[test]
    fn a_gradient_step_on_a_gpu_is_the_one_on_the_cpu() {
        let (.., batch, seed) = SIZE;
        let gpu = match gpu::open(true) {
            Ok(gpu) => gpu,
            Err(why) => return println!("skipped: {why}, nor a software renderer"),
        };
        println!("on {}", gpu.name());
        let fresh = || rng(seed, Stream::Weights, 0);
        let mut there = small().build(&spec(), gpu.place(), &mut fresh()).unwrap();
        let mut here = small().build(&spec(), Place::Cpu, &mut fresh()).unwrap();
        let data = Trial::new(SampleSpec::Transitions, &spec(), batch, seed);
        for step in 1..=3 {
            let [there, here] = [data.update(&mut *there, true), data.update(&mut *here, true)]
                .map(|report| report.unwrap().unwrap().get(CRITIC_LOSS).unwrap());
            assert!((there - here).abs() < 1e-3 * here.abs(), "step {step}: {there} and {here}");
        }
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
        let error = guarded(|| -> Result<(), TrainError> { panic!("lost\nthe device") }).unwrap_err();
        assert_eq!(error, NetworkError::Device("lost".to_string()).into());
    }

    #[test]
    fn names_are_lowercase() {
        assert_eq!(serde_json::to_string(&DeviceChoice::Gpu).unwrap(), "\"gpu\"");
    }
}
