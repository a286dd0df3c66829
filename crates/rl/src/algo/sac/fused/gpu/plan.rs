//! The program of a gradient step for batches of one size: where everything stands. Its kernels are listed in `discrete`
//! and `continuous`.

use bytemuck::{Pod, Zeroable};

use super::super::FusedSac;
use crate::algo::sac::{Actions, ActorGradient, Backup, CriticLoss, SacConfig};
use crate::nn::gpu::{Builder, Card, Descent, Kernel, Pass, Program, STEPS, Seen, Shape, measure};
use crate::nn::{Head, NetworkError};

/// The temperature's step, for either kind of actions.
pub(super) const TEMPERATURE: Kernel = Kernel { source: include_str!("layout.wgsl"), entry: "temperature" };

/// Transitions that one workgroup of a loss reads.
const READ: u32 = 64;

/// Kinds of networks among the rates of a step.
pub(super) const CRITIC_RATE: u32 = 0;
pub(super) const ACTOR_RATE: u32 = 1;
pub(super) const TEMPERATURE_RATE: u32 = 2;
pub(super) const VALUE_RATE: u32 = 3;

/// A program and where to find what it computes.
pub(super) struct Plan {
    pub(super) program: Program,
    /// Transitions of a batch.
    pub(super) batch: usize,
    pub(super) columns: Columns,
    pub(super) critics: Descent,
    pub(super) actor: Descent,
    pub(super) value: Option<Descent>,
    pub(super) figures: Layout,
    /// End of what a report reads beside the actor's outputs.
    pub(super) end: u32,
    /// Whether it has made a step.
    pub(super) begun: bool,
}

/// Where the columns of a batch stand in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub(super) observations: usize,
    pub(super) next_observations: usize,
    pub(super) returns: usize,
    pub(super) discounts: usize,
    pub(super) terminated: usize,
    pub(super) weights: usize,
    pub(super) behavior_entropies: usize,
    pub(super) demonstrated: usize,
    /// Discrete actions by number, or continuous ones and noise at either observation, `[B, A]`.
    pub(super) actions: usize,
    pub(super) noise_here: usize,
    pub(super) noise_next: usize,
    /// What an estimator of the actor's gradient draws.
    pub(super) draws: usize,
    pub(super) len: usize,
}

impl Columns {
    fn new(size: usize, features: usize, actions: &Actions, config: &SacConfig) -> Self {
        let rows = size * features;
        let column = |index: usize| 2 * rows + index * size;
        let dims = actions.read_by_critics().max(1);
        let noise = if actions.is_continuous() { 3 * dims } else { 1 };
        let drawn = match config.actor_gradient {
            ActorGradient::Reinforce { samples } => samples,
            ActorGradient::Gumbel { samples, .. } => samples * actions.count(),
            ActorGradient::Expected | ActorGradient::ForwardKl => 0,
        };
        Self {
            observations: 0,
            next_observations: rows,
            returns: column(0),
            discounts: column(1),
            terminated: column(2),
            weights: column(3),
            behavior_entropies: column(4),
            demonstrated: column(5),
            actions: column(6),
            noise_here: column(6 + dims),
            noise_next: column(6 + 2 * dims),
            draws: column(6 + noise),
            len: column(6 + noise + drawn),
        }
    }
}

/// `Layout` of `layout.wgsl`.
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Layout {
    pub(super) batch: u32,
    pub(super) actions: u32,
    critics: u32,
    pub(super) actor_width: u32,
    critic_width: u32,
    pub(super) logits: u32,
    next_logits: u32,
    q: u32,
    target_q: u32,
    anchor_q: u32,
    critic_stride: u32,
    logit_slopes: u32,
    q_slopes: u32,
    taken: u32,
    returns: u32,
    discounts: u32,
    terminated: u32,
    weights: u32,
    behavior_entropies: u32,
    demonstrated: u32,
    pub(super) q_taken: u32,
    pub(super) targets: u32,
    pub(super) td_errors: u32,
    pub(super) critic_losses: u32,
    pub(super) entropies: u32,
    pub(super) actor_losses: u32,
    /// Followed by its moments and by the temperature during the last step.
    pub(super) log_alpha: u32,
    flags: u32,
    reward_scale: f32,
    q_clip: f32,
    entropy_penalty: f32,
    samples: u32,
    relaxation: f32,
    draws: u32,
    pub(super) value_width: u32,
    pub(super) value_here: u32,
    pub(super) value_next: u32,
    pub(super) value_slopes: u32,
    pub(super) value_losses: u32,
    pub(super) actions_here: u32,
    pub(super) actions_next: u32,
    pub(super) log_probs_here: u32,
    pub(super) log_probs_next: u32,
    pub(super) action_slopes: u32,
    noise_here: u32,
    noise_next: u32,
    pub(super) bounds: u32,
    pub(super) log_volume: f32,
    pub(super) least_log_std: f32,
    pub(super) most_log_std: f32,
}

/// The flags of `layout.wgsl`.
fn flags(config: &SacConfig, head: Head) -> u32 {
    let backup = match config.backup {
        Backup::Single => 0,
        Backup::Double => 1,
        Backup::Clipped => 2,
        Backup::Mean => 3,
    };
    [
        (4, config.critic_loss == CriticLoss::Huber),
        (8, config.entropy_in_target),
        (16, head == Head::Dueling),
        (32, config.actor_gradient == ActorGradient::ForwardKl),
        (64, matches!(config.actor_gradient, ActorGradient::Reinforce { .. })),
        (128, matches!(config.actor_gradient, ActorGradient::Gumbel { .. })),
        (256, config.value_network.is_some()),
    ]
    .into_iter()
    .filter(|(_, set)| *set)
    .fold(backup, |flags, (flag, _)| flags | flag)
}

/// What the kernels of a step are listed with.
pub(super) struct Draft<'a> {
    pub(super) config: &'a SacConfig,
    pub(super) builder: Builder,
    pub(super) size: usize,
    pub(super) columns: Columns,
    pub(super) critics: Descent,
    pub(super) actor: Descent,
    pub(super) value: Option<(Descent, Shape)>,
    pub(super) actor_shape: Shape,
    pub(super) critic_shape: Shape,
    /// The observation and the next one.
    pub(super) here: Seen,
    pub(super) next: Seen,
    pub(super) actor_here: Pass,
    pub(super) actor_next: Pass,
    pub(super) layout: Layout,
}

impl Plan {
    /// The step of `host` for batches of `size` transitions.
    ///
    /// # Errors
    /// [`NetworkError::Device`] if the card has no room for it.
    pub(super) fn new(host: &FusedSac, size: usize, card: &Card) -> Result<Self, NetworkError> {
        let config = &host.config;
        let (actor_network, count) = (&host.actor.network, host.critics.len());
        let critic_network = &host.critics[0].online.network;
        let features = host.inputs.features();
        let actor_shape = Shape::new(actor_network, features);
        let critic_shape = Shape::new(critic_network, features);
        let columns = Columns::new(size, features, &host.actions, config);

        // What a report reads stands together: the temperature ends the state, then come figures.
        let mut builder = Builder::new(card);
        let value_network = host.value.as_ref().map(|own| &own.online.network);
        let value_shape = value_network.map(|network| Shape::new(network, features));
        let with_target = value_network.is_none();
        let mut critics = Descent::new(&mut builder, count, critic_network.parameters.len(), with_target);
        let mut actor = Descent::new(&mut builder, 1, actor_network.parameters.len(), false);
        let mut value =
            value_network.map(|network| Descent::new(&mut builder, 1, network.parameters.len(), true));
        let log_alpha = builder.floats(4);
        if let Some(value) = &mut value {
            value.norms(&mut builder);
        }
        critics.norms(&mut builder);
        actor.norms(&mut builder);
        let [q_taken, targets, critic_losses] = std::array::from_fn(|_| builder.floats(count * size));
        let td_errors = builder.floats(STEPS as usize * count * size);
        let [entropies, actor_losses, value_losses] = std::array::from_fn(|_| builder.floats(size));
        let end = builder.end();

        let here = Seen::new(&mut builder, &actor_shape, columns.observations, size);
        let actor_here = Pass::new(&mut builder, &actor_shape, actor.parameters, &here, None);
        let next = Seen::new(&mut builder, &actor_shape, columns.next_observations, size);
        let actor_next = Pass::new(&mut builder, &actor_shape, actor.parameters, &next, None);
        critics.gradients(&mut builder, &critic_shape, size);
        actor.gradients(&mut builder, &actor_shape, size);
        if let (Some(value), Some(shape)) = (&mut value, &value_shape) {
            value.gradients(&mut builder, shape, size);
        }
        let (samples, relaxation) = match config.actor_gradient {
            ActorGradient::Reinforce { samples } => (samples, 1.0),
            ActorGradient::Gumbel { samples, relaxation } => (samples, relaxation),
            ActorGradient::Expected | ActorGradient::ForwardKl => (0, 1.0),
        };
        let at = |column: usize| column as u32;
        let layout = Layout {
            batch: size as u32,
            actions: host.actions.count() as u32,
            critics: count as u32,
            actor_width: actor_shape.output_width(),
            critic_width: critic_shape.output_width(),
            logits: actor_here.output(),
            next_logits: actor_next.output(),
            logit_slopes: actor.output_slopes(),
            q_slopes: critics.output_slopes(),
            taken: at(columns.actions),
            returns: at(columns.returns),
            discounts: at(columns.discounts),
            terminated: at(columns.terminated),
            weights: at(columns.weights),
            behavior_entropies: at(columns.behavior_entropies),
            demonstrated: at(columns.demonstrated),
            noise_here: at(columns.noise_here),
            noise_next: at(columns.noise_next),
            q_taken,
            targets,
            td_errors,
            critic_losses,
            entropies,
            actor_losses,
            value_losses,
            samples: samples as u32,
            relaxation,
            draws: at(columns.draws),
            log_alpha,
            flags: flags(config, critic_network.head()),
            reward_scale: config.reward_scale,
            q_clip: config.q_clip.unwrap_or(0.0),
            entropy_penalty: config.entropy_penalty.unwrap_or(0.0),
            ..Layout::default()
        };
        let mut draft = Draft {
            config,
            builder,
            size,
            columns,
            critics,
            actor,
            value: value.zip(value_shape),
            actor_shape,
            critic_shape,
            here,
            next,
            actor_here,
            actor_next,
            layout,
        };
        let constants = match &host.actions {
            Actions::Discrete(_) => {
                draft.discrete();
                None
            }
            Actions::Continuous(dimensions) => Some(draft.continuous(dimensions)),
        };
        draft.builder.run(TEMPERATURE, &draft.layout, [1, 1]);
        draft.builder.closing();
        measure(&mut draft.builder, &draft.critics);
        measure(&mut draft.builder, &draft.actor);

        let Draft { builder, critics, actor, value, layout, .. } = draft;
        let value = value.map(|(value, _)| value);
        let mut program = builder.build(columns.len)?;
        if let Some(constants) = constants {
            program.write(layout.bounds, &constants)?;
        }
        let figures = layout;
        Ok(Self { program, batch: size, columns, critics, actor, value, figures, end, begun: false })
    }
}

impl Draft<'_> {
    /// Passes of all critics with parameters from `parameters` on, over what is `seen` and stands `behind`.
    pub(super) fn critic_passes(
        &mut self,
        parameters: u32,
        seen: &Seen,
        behind: Option<crate::nn::gpu::Behind>,
    ) -> Vec<Pass> {
        let Self { critics, critic_shape, builder, .. } = self;
        let own = (0..critics.networks).map(|network| parameters + network * critics.each);
        own.map(|own| Pass::new(builder, critic_shape, own, seen, behind)).collect()
    }

    /// Where the critics' outputs stand, for the losses: all passes of a kind take as many floats, so that outputs stand
    /// at equal distances.
    pub(super) fn place_critics(&mut self, online: &[Pass], target: &[Pass], anchors: &[Pass]) {
        let first = |passes: &[Pass]| passes.first().map_or(0, Pass::output);
        self.layout.q = first(online);
        self.layout.target_q = first(target);
        self.layout.anchor_q = first(anchors);
        self.layout.critic_stride = online.get(1).map_or(0, |second| second.output() - first(online));
    }

    /// Runs one of the losses, a thread for each of `rows`.
    pub(super) fn losses(&mut self, kernel: Kernel, rows: usize) {
        self.builder.run(kernel, &self.layout, [(rows as u32).div_ceil(READ), 1]);
    }
}
