//! Finds and opens GPUs through burn's wgpu. Whether one is worth using is decided in the parent module.

use std::sync::Mutex;

use burn::tensor::{Device, DeviceKind, DeviceType};

use crate::algo::Place;
use crate::nn::Card;

/// Lets `gpu` use a software renderer, to test the GPU path without a GPU.
const ALLOW_SOFTWARE: &str = "ENTROPY_ARCADE_SOFTWARE_GPU";

/// An opened adapter.
#[derive(Debug, Clone)]
pub struct Gpu {
    device: Device,
    card: Card,
    /// Name given by the driver.
    adapter: String,
    /// Its graphics API.
    interface: String,
    software: bool,
}

/// The adapter in use: burn opens each only once per process.
static OPENED: Mutex<Option<Gpu>> = Mutex::new(None);

/// Whether the environment variable allows software renderers.
pub fn software_allowed() -> bool {
    std::env::var_os(ALLOW_SOFTWARE).is_some_and(|value| value == "1")
}

/// Whether there may be a GPU: whether the kernel has a device file for one. Querying the drivers instead is
/// slower, and without a desktop some of them print errors.
pub fn hardware() -> bool {
    const FILES: &[&str] = &["dri", "nvidia", "dxg", "kgsl", "mali"];
    let Ok(files) = std::fs::read_dir("/dev") else { return true };
    let known = |name: &str| FILES.iter().any(|file| name.starts_with(file));
    !cfg!(target_os = "linux") || files.flatten().any(|file| file.file_name().to_str().is_some_and(known))
}

/// Opens the best GPU: discrete, then integrated, then virtual. Adapters of unknown kind cannot be selected
/// in burn and are skipped.
///
/// Listing adapters opens none; no device is created on a software renderer unless `allow_software`.
///
/// # Errors
/// Why there is none, as a phrase.
pub fn open(allow_software: bool) -> Result<Gpu, String> {
    let mut opened = OPENED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(gpu) = opened.as_ref().filter(|gpu| allow_software || !gpu.software) {
        return Ok(gpu.clone());
    }
    if !allow_software && !hardware() {
        return Err("no GPU found".to_string());
    }
    // A broken driver may make wgpu panic; without any driver the list is empty.
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
                // OpenGL drivers do not always report software rendering.
                let software = kind == DeviceKind::Cpu
                    || ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "basic render"]
                        .iter()
                        .any(|renderer| name.contains(renderer));
                if software && !allow_software {
                    continue;
                }
                let interface = info.backend.to_string();
                let card = Card::new(&setup);
                let gpu = Gpu { device, card, adapter: info.name, interface, software };
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
    /// The card itself.
    pub fn card(&self) -> Card {
        self.card.clone()
    }

    /// For display, e.g. `NVIDIA H100 (vulkan)`.
    pub fn name(&self) -> String {
        format!("{} ({})", self.adapter, self.interface)
    }

    /// Where an algorithm runs on it.
    pub fn place(&self) -> Place {
        Place::Card(self.device.clone(), self.card.clone())
    }
}
