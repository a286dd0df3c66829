//! How trainable state enters and leaves the card: through a [`FusedSac`] on the host, which knows names and shapes.

use std::borrow::Cow;

use super::super::FusedSac;
use super::GpuSac;
use super::plan::Plan;
use super::step::slot;
use crate::algo::TrainError;
use crate::algo::sac::{SacConfig, SacUpdate};
use crate::mdp::TransitionBatch;
use crate::metrics::Metrics;
use crate::nn::TensorMap;
use crate::nn::gpu::STEPS;

impl SacUpdate for GpuSac {
    fn update(&mut self, batch: &TransitionBatch, report: bool) -> Result<Option<Metrics>, TrainError> {
        self.step(batch, report)
    }

    fn td_errors(&self) -> Result<Cow<'_, [f32]>, TrainError> {
        self.recent_td_errors(1).map(Cow::Owned)
    }

    fn td_errors_at_once(&self) -> usize {
        STEPS as usize
    }

    fn recent_td_errors(&self, steps: usize) -> Result<Vec<f32>, TrainError> {
        let mut plan = self.plan.borrow_mut();
        let Some(plan) = plan.as_mut().filter(|plan| plan.begun) else { return Ok(Vec::new()) };
        let (start, count) = (plan.figures.td_errors, plan.critics.networks as usize);
        let each = count * plan.batch;
        let errors = plan.program.read(start..start + STEPS * each as u32)?;
        let mut means = vec![0.0; steps * plan.batch];
        let wanted = self.gradient_steps + 1 - steps as u64..=self.gradient_steps;
        for (t, means) in wanted.zip(means.chunks_exact_mut(plan.batch)) {
            for own in errors[slot(t) as usize * each..][..each].chunks_exact(plan.batch) {
                means.iter_mut().zip(own).for_each(|(mean, error)| *mean += error.abs() / count as f32);
            }
        }
        Ok(means)
    }

    fn export(&self) -> Result<TensorMap, TrainError> {
        self.bring_home()?;
        self.host.borrow().export()
    }

    fn import(&mut self, tensors: &TensorMap, gradient_steps: u64) -> Result<(), TrainError> {
        let host = self.host.get_mut();
        host.import(tensors, gradient_steps)?;
        self.gradient_steps = gradient_steps;
        self.plan.get_mut().as_mut().map_or(Ok(()), |plan| plan.place(host))
    }

    fn export_actor(&self) -> Result<TensorMap, TrainError> {
        let mut host = self.host.borrow_mut();
        if let Some(plan) = self.plan.borrow_mut().as_mut() {
            let own = plan.actor.parameters;
            let values = plan.program.read(own..own + plan.actor.size())?;
            host.actor.network.parameters.copy_from_slice(&values);
        }
        host.export_actor()
    }

    fn export_critics(&self) -> Result<TensorMap, TrainError> {
        let mut host = self.host.borrow_mut();
        if let Some(plan) = self.plan.borrow_mut().as_mut() {
            let own = plan.critics.parameters;
            let values = plan.program.read(own..own + plan.critics.size())?;
            let critics = host.critics.iter_mut().zip(values.chunks_exact(plan.critics.each as usize));
            critics.for_each(|(critic, own)| critic.online.network.parameters.copy_from_slice(own));
        }
        host.export_critics()
    }

    fn gradient_steps(&self) -> u64 {
        self.gradient_steps
    }

    fn config(&self) -> &SacConfig {
        &self.config
    }

    fn set_config(&mut self, config: SacConfig) -> Result<(), TrainError> {
        let host = self.host.get_mut();
        config.follows(&host.config)?;
        if !Self::knows(&config, host.inputs, &host.actions) {
            // Of what may change between two steps it is the estimator alone.
            return Err(TrainError::Config {
                key: "sac.actor_gradient",
                value: format!("{:?}", config.actor_gradient),
                allowed: "expected with continuous actions while they are learned on a GPU; others from a restart of the \
                          learner on",
            });
        }
        self.bring_home()?;
        let host = self.host.get_mut();
        host.set_config(config)?;
        self.config = host.config.clone();
        // Its kernels are made for a configuration.
        self.plan.take();
        Ok(())
    }

    fn device(&self) -> String {
        format!("gpu (fused, {})", self.card.name())
    }
}

impl GpuSac {
    /// The plan for batches of `size`, with the state of the last one.
    pub(super) fn plan_for(&mut self, size: usize) -> Result<&mut Plan, TrainError> {
        if self.plan.get_mut().as_ref().is_none_or(|plan| plan.batch != size) {
            self.bring_home()?;
            // The card need not have room for both.
            self.plan.take();
            let host = self.host.get_mut();
            let mut plan = Plan::new(host, size, &self.card)?;
            plan.place(host)?;
            *self.plan.get_mut() = Some(plan);
        }
        let problem = "it has no program".to_owned();
        self.plan.get_mut().as_mut().ok_or(crate::nn::NetworkError::Device(problem).into())
    }

    /// Copies the state to the host, where there is a plan that has changed it.
    fn bring_home(&self) -> Result<(), TrainError> {
        let (mut host, mut plan) = (self.host.borrow_mut(), self.plan.borrow_mut());
        let Some(plan) = plan.as_mut().filter(|plan| plan.begun) else { return Ok(()) };
        let values = plan.program.read(0..plan.figures.log_alpha + 4)?;
        plan.restore(&mut host, &values);
        host.gradient_steps = self.gradient_steps;
        Ok(())
    }
}

impl Plan {
    /// Writes the state of `host` to the card.
    pub(super) fn place(&mut self, host: &FusedSac) -> Result<(), TrainError> {
        let each = self.critics.each;
        for (index, critic) in (0..).zip(&host.critics) {
            let own = index * each;
            self.program.write(self.critics.parameters + own, &critic.online.network.parameters)?;
            self.program.write(self.critics.m + own, &critic.online.adam.m)?;
            self.program.write(self.critics.v + own, &critic.online.adam.v)?;
            if let (Some(start), Some(target)) = (self.critics.targets, &critic.target) {
                self.program.write(start + own, &target.parameters)?;
            }
        }
        if let (Some(own), Some(value)) = (self.value.clone(), &host.value) {
            self.program.write(own.parameters, &value.online.network.parameters)?;
            self.program.write(own.m, &value.online.adam.m)?;
            self.program.write(own.v, &value.online.adam.v)?;
            if let Some(start) = own.targets {
                self.program.write(start, &value.target.parameters)?;
            }
        }
        self.program.write(self.actor.parameters, &host.actor.network.parameters)?;
        self.program.write(self.actor.m, &host.actor.adam.m)?;
        self.program.write(self.actor.v, &host.actor.adam.v)?;
        let [m, v] = host.temperature.moments();
        self.program.write(self.figures.log_alpha, &[host.temperature.log, m, v, 0.0])?;
        Ok(())
    }

    /// The reverse, from the beginning of what the card holds.
    pub(super) fn restore(&self, host: &mut FusedSac, values: &[f32]) {
        let each = self.critics.each as usize;
        for (index, critic) in host.critics.iter_mut().enumerate() {
            let own = |start: u32| &values[start as usize + index * each..][..each];
            critic.online.network.parameters.copy_from_slice(own(self.critics.parameters));
            critic.online.adam.m.copy_from_slice(own(self.critics.m));
            critic.online.adam.v.copy_from_slice(own(self.critics.v));
            if let (Some(start), Some(target)) = (self.critics.targets, &mut critic.target) {
                target.parameters.copy_from_slice(own(start));
            }
        }
        if let (Some(own), Some(value)) = (&self.value, &mut host.value) {
            let at = |start: u32| &values[start as usize..][..own.each as usize];
            value.online.network.parameters.copy_from_slice(at(own.parameters));
            value.online.adam.m.copy_from_slice(at(own.m));
            value.online.adam.v.copy_from_slice(at(own.v));
            if let Some(start) = own.targets {
                value.target.parameters.copy_from_slice(at(start));
            }
        }
        let own = |start: u32| &values[start as usize..][..self.actor.each as usize];
        host.actor.network.parameters.copy_from_slice(own(self.actor.parameters));
        host.actor.adam.m.copy_from_slice(own(self.actor.m));
        host.actor.adam.v.copy_from_slice(own(self.actor.v));
        if let [log, m, v, ..] = values[self.figures.log_alpha as usize..] {
            host.temperature.set(log, [m, v]);
        }
    }
}
