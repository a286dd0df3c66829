//! The card: its device and queue, its compiled kernels, and counts of what was asked of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::wgpu::{WgpuSetup, wgpu};

use super::Kernel;
use crate::nn::NetworkError;

/// What precedes the source of every kernel.
const PRELUDE: &str = include_str!("prelude.wgsl");

/// A graphics card that programs run on. Copies share their compiled kernels.
#[derive(Debug, Clone)]
pub struct Card {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) bindings: wgpu::BindGroupLayout,
    pipelines: Arc<Mutex<BTreeMap<&'static str, wgpu::ComputePipeline>>>,
    pub(super) counts: Arc<Counters>,
    name: String,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) steps: AtomicU64,
    pub(super) dispatches: AtomicU64,
    pub(super) passes: AtomicU64,
    pub(super) submissions: AtomicU64,
    pub(super) reads: AtomicU64,
}

/// How often something was done on a card since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Gradient steps.
    pub steps: u64,
    /// Kernels started.
    pub dispatches: u64,
    /// Compute passes.
    pub passes: u64,
    /// Command buffers handed over.
    pub submissions: u64,
    /// Transfers to the host that were waited for.
    pub reads: u64,
}

impl Card {
    /// The card of `setup`.
    pub fn new(setup: &WgpuSetup) -> Self {
        let entry = |binding, ty, has_dynamic_offset| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
            count: None,
        };
        let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
        let bindings = setup.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("program"),
            entries: &[
                entry(0, storage(false), false),
                entry(1, storage(true), false),
                entry(2, wgpu::BufferBindingType::Uniform, true),
                entry(3, wgpu::BufferBindingType::Uniform, true),
            ],
        });
        Self {
            device: setup.device.clone(),
            queue: setup.queue.clone(),
            bindings,
            pipelines: Arc::default(),
            counts: Arc::default(),
            name: setup.adapter.get_info().name,
        }
    }

    /// The same card with counts of its own, from 0 on.
    #[must_use]
    pub fn counted_apart(&self) -> Self {
        Self { counts: Arc::default(), ..self.clone() }
    }

    /// Name given by the driver.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Largest number of floats of a program.
    pub(super) fn most_floats(&self) -> u64 {
        let limits = self.device.limits();
        // Kernels count floats in 32 bits.
        let bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(1 << 33);
        bytes / size_of::<f32>() as u64
    }

    /// What was asked of it so far, by all that use it.
    pub fn counts(&self) -> Counts {
        let Counters { steps, dispatches, passes, submissions, reads } = &*self.counts;
        let [steps, dispatches, passes, submissions, reads] =
            [steps, dispatches, passes, submissions, reads].map(|count| count.load(Ordering::Relaxed));
        Counts { steps, dispatches, passes, submissions, reads }
    }

    /// Waits for submission `index`, or for all.
    ///
    /// # Errors
    /// [`NetworkError::Device`] if the card is lost, of which wgpu says so by a panic.
    pub(super) fn wait_for(&self, index: Option<wgpu::SubmissionIndex>) -> Result<(), NetworkError> {
        let lost =
            || NetworkError::Device(format!("{} is lost: start the program again to use it", self.name));
        let wait = wgpu::PollType::Wait { submission_index: index, timeout: None };
        let outcome = catch_unwind(AssertUnwindSafe(|| self.device.poll(wait)));
        outcome.map_err(|_| lost())?.map(drop).map_err(|error| NetworkError::Device(error.to_string()))
    }

    /// The compiled `kernel`.
    pub(super) fn pipeline(&self, kernel: Kernel) -> wgpu::ComputePipeline {
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || {
            let source = format!("{PRELUDE}\n{}", kernel.source);
            let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(kernel.entry),
                source: wgpu::ShaderSource::Wgsl(source.into()),
            });
            let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(kernel.entry),
                bind_group_layouts: &[Some(&self.bindings)],
                immediate_size: 0,
            });
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(kernel.entry),
                layout: Some(&layout),
                module: &module,
                entry_point: Some(kernel.entry),
                // Kernels write what they share before they read it.
                compilation_options: wgpu::PipelineCompilationOptions {
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            })
        };
        pipelines.entry(kernel.entry).or_insert_with(compile).clone()
    }
}
