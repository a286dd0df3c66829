//! Finds and opens GPUs through burn's wgpu. Whether one is worth using is decided one level up.

use std::sync::Mutex;

use burn::tensor::{Device, DeviceKind, DeviceType};

use crate::mdp::Rng;
use crate::sac::{AutodiffSac, Inputs, SacConfig, SacError, SacUpdate};

/// Lets `gpu` use a software renderer, to try the GPU path where there is no GPU.
const ALLOW_SOFTWARE: &str = "ENTROPY_ARCADE_SOFTWARE_GPU";

/// An opened adapter.
#[derive(Debug, Clone)]
pub struct Gpu {
    device: Device,
    /// As the driver names it.
    adapter: String,
    /// Graphics interface it is reached through.
    interface: String,
    software: bool,
}

/// The adapter in use: burn opens each only once per process.
static OPENED: Mutex<Option<Gpu>> = Mutex::new(None);

/// Whether the environment allows software renderers.
pub fn software_allowed() -> bool {
    std::env::var_os(ALLOW_SOFTWARE).is_some_and(|value| value == "1")
}

/// Whether there may be a GPU at all: whether the kernel has a device file for one. Asking the drivers instead takes
/// longer, and without a desktop some of them complain on stderr.
pub fn hardware() -> bool {
    const FILES: [&str; 5] = ["dri", "nvidia", "dxg", "kgsl", "mali"];
    let Ok(files) = std::fs::read_dir("/dev") else { return true };
    let known = |name: &str| FILES.iter().any(|file| name.starts_with(file));
    !cfg!(target_os = "linux") || files.flatten().any(|file| file.file_name().to_str().is_some_and(known))
}

/// Opens the best GPU: discrete, then integrated, then virtual. An adapter that does not say
/// which it is cannot be named in burn and is left alone.
///
/// Listing asks the drivers for kinds only and opens nothing; no device is ever made on a
/// software renderer unless `allow_software`.
///
/// # Errors
/// Why there is none, in half a sentence.
pub fn open(allow_software: bool) -> Result<Gpu, String> {
    let mut opened = OPENED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(gpu) = opened.as_ref().filter(|gpu| allow_software || !gpu.software) {
        return Ok(gpu.clone());
    }
    if !allow_software && !hardware() {
        return Err("no GPU found".to_string());
    }
    // A broken driver may make wgpu panic; without any driver the list is just empty.
    let listed = std::panic::catch_unwind(|| Device::enumerate(DeviceType::Wgpu))
        .map_err(|_| "listing graphics adapters failed".to_string())?;
    let listed: Vec<Device> = listed.into_iter().collect();
    let mut why = match listed.contains(&Device::wgpu(DeviceKind::Cpu)) {
        true => "only a software renderer found".to_string(),
        false => "no GPU adapter found".to_string(),
    };
    let mut kinds = vec![DeviceKind::DiscreteGpu(0), DeviceKind::IntegratedGpu(0), DeviceKind::VirtualGpu(0)];
    if allow_software {
        kinds.push(DeviceKind::Cpu);
    }
    for kind in kinds {
        if !listed.contains(&Device::wgpu(kind.clone())) {
            continue;
        }
        let options = Device::wgpu_options().device_kind(kind.clone());
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| options.init_with_setup()));
        match outcome {
            Ok(Ok((device, setup))) => {
                let info = setup.adapter.get_info();
                let name = info.name.to_lowercase();
                // OpenGL drivers do not always own up to their kind.
                let software = kind == DeviceKind::Cpu
                    || ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "basic render"]
                        .iter()
                        .any(|renderer| name.contains(renderer));
                if software && !allow_software {
                    continue;
                }
                let interface = info.backend.to_string();
                let gpu = Gpu { device, adapter: info.name, interface, software };
                *opened = Some(gpu.clone());
                return Ok(gpu);
            }
            Ok(Err(error)) => why = format!("opening the GPU failed ({error})"),
            Err(_) => why = "opening the GPU failed".to_string(),
        }
    }
    Err(why)
}

impl Gpu {
    /// For people, e.g. `NVIDIA H100 (vulkan)`.
    pub fn name(&self) -> String {
        format!("{} ({})", self.adapter, self.interface)
    }

    /// Fresh networks on this GPU.
    ///
    /// # Errors
    /// [`SacError::Config`] for a configuration out of range.
    pub fn sac(
        &self,
        config: &SacConfig,
        inputs: Inputs,
        actions: usize,
        rng: &mut Rng,
    ) -> Result<Box<dyn SacUpdate>, SacError> {
        Ok(Box::new(AutodiffSac::new(config.clone(), inputs, actions, rng, self.device.clone())?))
    }
}
