//! A program: kernels over one buffer of floats, run for every gradient step.

use std::collections::VecDeque;
use std::future::Future as _;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use burn::tensor::wgpu::wgpu;
use bytemuck::{Pod, Zeroable};

use super::Card;
use crate::nn::NetworkError;

/// Most steps of one submission: the host prepares as many while the card computes.
pub(crate) const STEPS: u32 = 16;

/// Operations of a step's products beyond which a submission has fewer steps: half a second of a card that makes 10¹¹ a
/// second, since drivers stop what takes seconds and frames wait for the same card.
const WORK: u64 = 50_000_000_000;

/// Floats of batches beyond which a submission has fewer steps: 64 MiB.
const WAITING: usize = 1 << 24;

/// Submissions that may wait for the card before the host waits for it.
const IN_FLIGHT: usize = 2;

/// Distance in bytes of what uniform bindings with an offset may begin at on every card.
const PITCH: usize = 256;

/// Largest number of workgroups in one dimension.
const MOST_GROUPS: u32 = 65_535;

/// A compute shader: a source, which the prelude precedes, and the function that begins it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernel {
    pub(crate) source: &'static str,
    /// A name that no other kernel has.
    pub(crate) entry: &'static str,
}

/// The numbers of one gradient step: `Step` of the prelude.
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Numbers {
    /// Where the batch begins; set by [`Program::step`].
    pub(crate) batch: u32,
    /// Which of the last [`STEPS`] steps it is, where something of each is kept.
    pub(crate) slot: u32,
    pub(crate) second_scale: f32,
    pub(crate) epsilon: f32,
    pub(crate) rates: [f32; 4],
    pub(crate) own: [f32; 4],
    pub(crate) tau: f32,
    pub(crate) padding: [f32; 3],
}

/// One product of matrices: `Problem` of `product.wgsl`.
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Problem {
    pub(super) a: u32,
    pub(super) a_row: u32,
    pub(super) a2: u32,
    pub(super) a2_row: u32,
    pub(super) split: u32,
    pub(super) b: u32,
    pub(super) b_row: u32,
    pub(super) out: u32,
    pub(super) out_row: u32,
    pub(super) rows: u32,
    pub(super) columns: u32,
    pub(super) inner: u32,
    pub(super) flags: u32,
    pub(super) other: u32,
    pub(super) first_tile: u32,
    pub(super) tiles_across: u32,
}

#[derive(Debug)]
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    /// Where its operation begins.
    operation: u32,
    groups: [u32; 2],
}

/// Lays out a program's floats and lists its kernels.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(super) card: Card,
    floats: u64,
    pub(super) problems: Vec<Problem>,
    /// Operations of all products.
    pub(super) work: u64,
    operations: Vec<u8>,
    dispatches: Vec<Dispatch>,
    closing: Vec<Dispatch>,
    is_closing: bool,
}

impl Builder {
    pub(crate) fn new(card: &Card) -> Self {
        Self {
            card: card.clone(),
            floats: 0,
            problems: Vec::new(),
            work: 0,
            operations: Vec::new(),
            dispatches: Vec::new(),
            closing: Vec::new(),
            is_closing: false,
        }
    }

    /// Kernels from here on are run after the last step before a report, and not else.
    pub(crate) fn closing(&mut self) {
        self.is_closing = true;
    }

    /// Room for `count` floats, zero at first, from a multiple of 64 bytes on.
    pub(crate) fn floats(&mut self, count: usize) -> u32 {
        let start = self.floats;
        self.floats += count.next_multiple_of(16) as u64;
        // Checked as a whole by `build`.
        start as u32
    }

    /// End of the floats so far.
    pub(crate) fn end(&self) -> u32 {
        self.floats as u32
    }

    /// Runs `kernel` with `operation`, its uniform, in as many workgroups.
    pub(crate) fn run(&mut self, kernel: Kernel, operation: &impl Pod, groups: [u32; 2]) {
        let place = self.operations.len();
        self.operations.extend_from_slice(bytemuck::bytes_of(operation));
        self.operations.resize(place + PITCH, 0);
        let pipeline = self.card.pipeline(kernel);
        let list = if self.is_closing { &mut self.closing } else { &mut self.dispatches };
        list.push(Dispatch { pipeline, operation: place as u32, groups });
    }

    /// The same in `count` workgroups, whose number is `x + 65535 · y`.
    pub(crate) fn run_many(&mut self, kernel: Kernel, operation: &impl Pod, count: u32) {
        let groups = [count.min(MOST_GROUPS), count.div_ceil(MOST_GROUPS)];
        self.run(kernel, operation, groups);
    }

    /// The program, whose steps read batches of as many floats.
    ///
    /// # Errors
    /// [`NetworkError::Device`] if the card has no room for it.
    pub(crate) fn build(mut self, batch_floats: usize) -> Result<Program, NetworkError> {
        let each = batch_floats.next_multiple_of(16);
        let by_work = (WORK / self.work.max(1)).min(STEPS.into()) as usize;
        let together = (WAITING / each.max(1)).min(by_work).clamp(1, STEPS as usize);
        let batches = self.floats(each * together);
        let most = self.card.most_floats();
        if self.floats > most {
            let problem = format!(
                "a step needs {} floats at once, {} has room for {most}",
                self.floats,
                self.card.name()
            );
            return Err(NetworkError::Device(problem));
        }
        let Self { card, floats, mut problems, operations, dispatches, closing, .. } = self;
        if problems.is_empty() {
            problems.push(Problem::default());
        }
        let device = &card.device;
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = |label, size: u64, usage| {
            let usage = usage | wgpu::BufferUsages::COPY_DST;
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation: false,
            })
        };
        let storage = wgpu::BufferUsages::STORAGE;
        let data = buffer("floats", floats * 4, storage | wgpu::BufferUsages::COPY_SRC);
        let problem_bytes: &[u8] = bytemuck::cast_slice(&problems);
        let problem_buffer = buffer("products", problem_bytes.len() as u64, storage);
        let numbers = buffer("steps", u64::from(STEPS) * PITCH as u64, wgpu::BufferUsages::UNIFORM);
        let uniforms = buffer("operations", operations.len() as u64, wgpu::BufferUsages::UNIFORM);
        // Known at once but in a browser.
        let mut full = std::pin::pin!(memory.pop());
        if let Poll::Ready(Some(_)) = full.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            let problem = format!("{} has no {} MiB left", card.name(), floats >> 18);
            return Err(NetworkError::Device(problem));
        }
        card.queue.write_buffer(&problem_buffer, 0, problem_bytes);
        card.queue.write_buffer(&uniforms, 0, &operations);
        let one = |buffer| {
            let size = wgpu::BufferSize::new(PITCH as u64);
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: 0, size })
        };
        let resources =
            [data.as_entire_binding(), problem_buffer.as_entire_binding(), one(&numbers), one(&uniforms)];
        let entries: Vec<_> = (0..)
            .zip(resources)
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("program"),
            layout: &card.bindings,
            entries: &entries,
        });
        Ok(Program {
            card,
            data,
            numbers,
            bindings,
            dispatches,
            closing,
            batches,
            each,
            together: together as u32,
            waiting: Vec::new(),
            of_steps: Vec::new(),
            pending: 0,
            in_flight: VecDeque::new(),
        })
    }
}

/// A program on its card.
#[derive(Debug)]
pub(crate) struct Program {
    card: Card,
    data: wgpu::Buffer,
    numbers: wgpu::Buffer,
    bindings: wgpu::BindGroup,
    dispatches: Vec<Dispatch>,
    closing: Vec<Dispatch>,
    /// Where the batches begin, and the floats of each.
    batches: u32,
    each: usize,
    /// Steps of a submission.
    together: u32,
    /// Steps that wait for their submission: batches, and numbers at the distance of their bindings. Written together,
    /// because every write costs the host as much as a kernel.
    waiting: Vec<f32>,
    of_steps: Vec<u8>,
    pending: u32,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
}

impl Program {
    /// Appends one step with its `numbers` on `batch`. It is handed over with those that follow, at the latest when
    /// something is read.
    ///
    /// # Errors
    /// [`NetworkError::Device`] if the card does not keep up because it has failed.
    pub(crate) fn step(&mut self, numbers: Numbers, batch: &[f32]) -> Result<(), NetworkError> {
        debug_assert!(batch.len() <= self.each);
        let numbers = Numbers { batch: self.batches + self.waiting.len() as u32, ..numbers };
        self.waiting.extend_from_slice(batch);
        self.of_steps.extend_from_slice(bytemuck::bytes_of(&numbers));
        self.pending += 1;
        self.waiting.resize(self.pending as usize * self.each, 0.0);
        self.of_steps.resize(self.pending as usize * PITCH, 0);
        if self.pending == self.together { self.submit(false) } else { Ok(()) }
    }

    /// Writes `values` at `start`, after all steps so far.
    ///
    /// # Errors
    /// As [`Program::step`].
    pub(crate) fn write(&mut self, start: u32, values: &[f32]) -> Result<(), NetworkError> {
        self.submit(false)?;
        self.card.queue.write_buffer(&self.data, u64::from(start) * 4, bytemuck::cast_slice(values));
        Ok(())
    }

    /// Hands the steps that wait over to the card, and with `close` what follows the last one before a report.
    fn submit(&mut self, close: bool) -> Result<(), NetworkError> {
        if self.pending == 0 && !close {
            return Ok(());
        }
        if self.pending > 0 {
            let place = u64::from(self.batches) * 4;
            self.card.queue.write_buffer(&self.data, place, bytemuck::cast_slice(&self.waiting));
            self.card.queue.write_buffer(&self.numbers, 0, &self.of_steps);
        }
        self.waiting.clear();
        self.of_steps.clear();
        let mut encoder = self.card.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            let mut run = |step: u32, dispatches: &[Dispatch]| {
                for Dispatch { pipeline, operation, groups: [x, y] } in dispatches {
                    pass.set_pipeline(pipeline);
                    pass.set_bind_group(0, &self.bindings, &[step * PITCH as u32, *operation]);
                    pass.dispatch_workgroups(*x, *y, 1);
                }
            };
            (0..self.pending).for_each(|step| run(step, &self.dispatches));
            if close {
                run(self.pending.saturating_sub(1), &self.closing);
            }
        }
        self.in_flight.push_back(self.card.queue.submit([encoder.finish()]));
        let counts = &self.card.counts;
        counts.steps.fetch_add(self.pending.into(), Ordering::Relaxed);
        let closing = if close { self.closing.len() } else { 0 };
        let dispatches = u64::from(self.pending) * self.dispatches.len() as u64 + closing as u64;
        counts.dispatches.fetch_add(dispatches, Ordering::Relaxed);
        counts.passes.fetch_add(1, Ordering::Relaxed);
        counts.submissions.fetch_add(1, Ordering::Relaxed);
        self.pending = 0;
        while self.in_flight.len() > IN_FLIGHT {
            self.wait()?;
        }
        Ok(())
    }

    /// Waits for the oldest submission.
    fn wait(&mut self) -> Result<(), NetworkError> {
        let index = self.in_flight.pop_front();
        self.card.wait_for(index)
    }

    /// The floats of `range` after all steps so far. Waits for the card.
    ///
    /// # Errors
    /// [`NetworkError::Device`] if the card is lost.
    pub(crate) fn read(&mut self, range: Range<u32>) -> Result<Vec<f32>, NetworkError> {
        self.submit(false)?;
        self.fetch(&[range])
    }

    /// The floats of all `ranges` after what closes a step before a report.
    ///
    /// # Errors
    /// As [`Program::read`].
    pub(crate) fn report(&mut self, ranges: &[Range<u32>]) -> Result<Vec<f32>, NetworkError> {
        self.submit(true)?;
        self.fetch(ranges)
    }

    fn fetch(&mut self, ranges: &[Range<u32>]) -> Result<Vec<f32>, NetworkError> {
        let failed = |error: &dyn std::fmt::Display| NetworkError::Device(error.to_string());
        let bytes = |range: &Range<u32>| u64::from(range.end - range.start) * 4;
        let copy = self.card.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read"),
            size: ranges.iter().map(bytes).sum(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.card.device.create_command_encoder(&Default::default());
        let mut end = 0;
        for range in ranges {
            let from = u64::from(range.start) * 4;
            encoder.copy_buffer_to_buffer(&self.data, from, &copy, end, bytes(range));
            end += bytes(range);
        }
        let index = self.card.queue.submit([encoder.finish()]);
        self.card.counts.submissions.fetch_add(1, Ordering::Relaxed);
        self.card.counts.reads.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = mpsc::channel();
        copy.map_async(wgpu::MapMode::Read, .., move |outcome| _ = answer.send(outcome));
        self.in_flight.clear();
        self.card.wait_for(Some(index))?;
        answered.recv().map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        let view = copy.get_mapped_range(..).map_err(|error| failed(&error))?;
        let float = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Ok(view.chunks_exact(4).map(float).collect())
    }
}
