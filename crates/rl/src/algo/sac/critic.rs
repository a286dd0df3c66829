//! Trained critics read from outside: batched observations in, action values out.
//! Learning is left to the updates; this only holds a copy of the critics' parameters.

use super::actions::action_entry;
use super::fused::fresh;
use super::moment_rows::{Before, MomentRows};
use super::{Actions, Backup, SacConfig, ValueRescaling};
use crate::algo::TrainError;
use crate::mdp::{ActionBatch, ActionValues, ObservationBatch, StateBatch, ValueInput, listed_values_of};
use crate::nn::memory::{MemoryNetwork, MomentInputs, Unrolled};
use crate::nn::{Activations, Inputs, Network, NetworkError, TensorMap};

/// The online critics of one agent. With continuous actions they have no memory.
#[derive(Debug, Clone)]
pub struct Critic {
    critics: Critics,
}

#[derive(Debug, Clone)]
enum Critics {
    /// Continuous actions stand at `entry` of the row that critics read.
    Reactive {
        critics: Vec<Network>,
        reward_scale: f32,
        entry: Option<usize>,
    },
    Remembering(Box<Remembering>),
}

/// Critics with memory, and what they read at a moment.
#[derive(Debug, Clone)]
struct Remembering {
    networks: Vec<MemoryNetwork>,
    layout: MomentInputs,
    rescaling: Option<ValueRescaling>,
    reward_scale: f32,
}

impl Critic {
    /// The critics of `config` for `inputs` and `actions` with the tensors called `critic1.…` and, unless
    /// the backup is single, `critic2.…`; others are ignored.
    ///
    /// # Errors
    /// As [`super::CategoricalPolicy::from_tensors`].
    pub fn from_tensors(
        config: &SacConfig,
        inputs: impl Into<Inputs>,
        actions: &Actions,
        tensors: &TensorMap,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let inputs = inputs.into();
        if config.memory.is_some() {
            let layout = config.moment(inputs, actions.count())?;
            let (mut networks, _) = fresh::critics(config, &layout, actions)?;
            for (index, network) in networks.iter_mut().enumerate() {
                let own = network.flat(tensors, |own| format!("critic{}.{own}", index + 1))?;
                *network.parameters_mut().0 = own;
            }
            let (rescaling, reward_scale) = (config.sequence.rescaling(), config.total_reward_scale());
            let critics = Remembering { networks, layout, rescaling, reward_scale };
            return Ok(Self { critics: Critics::Remembering(Box::new(critics)) });
        }
        let architecture = config.critics(inputs, actions)?;
        let outputs = if actions.is_continuous() { 1 } else { actions.count() };
        let names: &[&str] =
            if config.backup == Backup::Single { &["critic1"] } else { &["critic1", "critic2"] };
        let critic = |name: &&str| {
            let mut critic = Network::zeros(&architecture, outputs, config.critic_head);
            critic.parameters = critic.flat(tensors, |own| format!("{name}.{own}"))?;
            Ok(critic)
        };
        let critics = names.iter().map(critic).collect::<Result<Vec<_>, NetworkError>>()?;
        let convolved = critics.first().is_some_and(Network::has_encoder);
        let entry = actions.is_continuous().then(|| action_entry(inputs, convolved));
        let reward_scale = config.total_reward_scale();
        Ok(Self { critics: Critics::Reactive { critics, reward_scale, entry } })
    }
}

impl Remembering {
    /// A state of every critic for each slot, side by side in a row of the batch. Values are in units of reward, whatever
    /// the critics' own ones.
    fn values(&self, input: ValueInput<'_>, values: &mut Vec<f32>) {
        let ValueInput { observations, states, previous_actions, previous_rewards, is_first } = input;
        let (count, each) = (observations.count, self.networks[0].state_width());
        if states.values.len() != count * each * self.networks.len() {
            *states = StateBatch::zeros(each * self.networks.len(), count);
        }
        let before = Before { actions: previous_actions, rewards: previous_rewards, is_first };
        let (mut rows, mut unrolled, mut own) = (MomentRows::default(), Unrolled::default(), Vec::new());
        let moments = rows.read(&self.layout, observations, before);
        for (index, network) in self.networks.iter().enumerate() {
            let part = index * each..(index + 1) * each;
            own.clear();
            (0..count).for_each(|row| own.extend_from_slice(&states.row(row)[part.clone()]));
            network.act(&moments, &mut own, &mut unrolled);
            for (row, state) in own.chunks_exact(each.max(1)).enumerate() {
                states.row_mut(row)[part.clone()].copy_from_slice(state);
            }
            let restore = |value: f32| {
                self.rescaling.map_or(value, |rescaling| rescaling.invert(value)) / self.reward_scale
            };
            let outputs = unrolled.rows().flat_map(|row| row[..network.outputs()].iter());
            values.extend(outputs.map(|value| restore(*value)));
        }
    }
}

impl ActionValues for Critic {
    fn critics(&self) -> usize {
        match &self.critics {
            Critics::Reactive { critics, .. } => critics.len(),
            Critics::Remembering(critics) => critics.networks.len(),
        }
    }

    fn state_width(&self) -> usize {
        match &self.critics {
            Critics::Reactive { .. } => 0,
            Critics::Remembering(critics) => critics.networks.iter().map(MemoryNetwork::state_width).sum(),
        }
    }

    fn reach(&self) -> Option<usize> {
        match &self.critics {
            Critics::Reactive { .. } => Some(1),
            Critics::Remembering(critics) => critics.networks[0].reach(),
        }
    }

    fn action_values(&self, observations: &ObservationBatch, values: &mut Vec<f32>) {
        let input = ValueInput {
            observations,
            states: &mut StateBatch::default(),
            previous_actions: &ActionBatch::default(),
            previous_rewards: &[],
            is_first: &[],
        };
        self.values_after(input, values);
    }

    fn values_after(&self, input: ValueInput<'_>, values: &mut Vec<f32>) {
        values.clear();
        if input.observations.count == 0 {
            return;
        }
        match &self.critics {
            Critics::Reactive { entry: Some(_), .. } => {}
            Critics::Reactive { critics, reward_scale, .. } => {
                let mut features = Vec::new();
                input.observations.features(&mut features);
                read(critics, *reward_scale, &features, values);
            }
            Critics::Remembering(critics) => critics.values(input, values),
        }
    }

    fn values_of(&self, observations: &ObservationBatch, actions: &ActionBatch, values: &mut Vec<f32>) {
        let Critics::Reactive { critics, reward_scale, entry: Some(entry) } = &self.critics else {
            return listed_values_of(self, observations, actions, values);
        };
        values.clear();
        let (mut features, mut rows) = (Vec::new(), Vec::new());
        observations.features(&mut features);
        let width = features.len() / observations.count.max(1);
        for (row, observation) in features.chunks_exact(width.max(1)).enumerate() {
            rows.extend_from_slice(&observation[..*entry]);
            rows.extend_from_slice(actions.vector(row));
            rows.extend_from_slice(&observation[*entry..]);
        }
        if !rows.is_empty() {
            read(critics, *reward_scale, &rows, values);
        }
    }
}

/// Appends all outputs of `critics` for `rows`, in units of reward.
fn read(critics: &[Network], reward_scale: f32, rows: &[f32], values: &mut Vec<f32>) {
    for critic in critics {
        let mut activations = Activations::default();
        critic.forward(rows, &mut activations);
        let outputs = activations.rows().flat_map(|row| &row[..critic.outputs()]);
        values.extend(outputs.map(|value| value / reward_scale));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algo::sac::fused::{FusedSac, FusedSequenceSac};
    use crate::algo::sac::{SacUpdate, SequenceTraining};
    use crate::mdp::{ActionDimension, ActionRow, Rng, Stream, rng};
    use rand::RngExt as _;

    fn critic(memory: &str, sequence: SequenceTraining) -> Critic {
        let memory = serde_json::from_str(memory).unwrap();
        let config = SacConfig { hidden: vec![7], memory, sequence, ..SacConfig::default() };
        let sac = FusedSequenceSac::new(config.clone(), 3, 4, &mut rng(5, Stream::Weights, 0)).unwrap();
        let mut tensors = sac.export_critics().unwrap();
        let source: &mut Rng = &mut rng(6, Stream::Weights, 0);
        let values = tensors.values_mut().flat_map(|tensor| &mut tensor.data);
        values.for_each(|value| *value += source.random::<f32>() - 0.5);
        Critic::from_tensors(&config, 3, &4.into(), &tensors).unwrap()
    }

    /// Values of moments `from..to` of one slot, all but the first with the state that the moment before left.
    fn play(critic: &Critic, from: usize, to: usize, states: &mut StateBatch) -> Vec<f32> {
        let mut values = Vec::new();
        for t in from..to {
            let mut observations = ObservationBatch::default();
            observations.push(&[0, 1, 2].map(|j| ((7 * t + j) as f32).sin()), &[]);
            let input = ValueInput {
                observations: &observations,
                states,
                previous_actions: &vec![(t % 4) as u16].into(),
                previous_rewards: &[0.5 - t as f32 / 4.0],
                is_first: &[t == from],
            };
            critic.values_after(input, &mut values);
        }
        values
    }

    #[test]
    fn values_depend_on_what_came_before_as_far_as_the_memory_reaches() {
        for memory in [
            r#"{"kind": "lstm", "hidden": 5, "embed": 4}"#,
            r#"{"kind": "gru", "hidden": 6, "skip": true}"#,
            r#"{"kind": "transformer", "width": 8, "heads": 2, "blocks": 2, "window": 3}"#,
        ] {
            let critic = critic(memory, SequenceTraining::default());
            let after = |from| play(&critic, from, 12, &mut StateBatch::default());
            let (whole, last) = (after(0), after(11));
            assert_eq!(whole.len(), critic.critics() * 4);
            assert!(whole != last && whole[..4] != whole[4..], "{memory}");
            // An episode's first moment is that of an observation alone.
            let (mut alone, mut one) = (Vec::new(), ObservationBatch::default());
            one.push(&[0, 1, 2].map(|j| ((7 * 11 + j) as f32).sin()), &[]);
            critic.action_values(&one, &mut alone);
            assert_eq!(alone, last);
            match critic.reach() {
                None => assert_ne!(whole, after(1), "{memory}"),
                Some(reach) => {
                    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
                    assert!(whole.iter().zip(&after(12 - reach)).all(near), "{memory}");
                    assert!(!whole.iter().zip(&after(12 - reach + 2)).all(near), "{memory}");
                }
            }
        }
    }

    #[test]
    fn values_are_in_units_of_reward() {
        let memory = r#"{"kind": "lstm", "hidden": 5}"#;
        let own = critic(memory, SequenceTraining::default());
        let rescaled =
            SequenceTraining { value_rescaling: Some(0.01), reward_scale: 4.0, ..Default::default() };
        let scaled = critic(memory, rescaled);
        let [own, scaled] = [own, scaled].map(|critic| play(&critic, 0, 5, &mut StateBatch::default()));
        let rescaling = ValueRescaling { epsilon: 0.01 };
        for (own, scaled) in own.iter().zip(scaled) {
            assert!((rescaling.apply(4.0 * scaled) - own).abs() < 1e-5, "{own} {scaled}");
        }
    }

    /// What a critic says of `[o, a]`, in units of reward, is what its network says of that row.
    #[test]
    fn continuous_actions_are_valued_one_by_one() {
        let dimension = ActionDimension { name: "push".into(), low: -2.0, high: 1.0 };
        let actions = Actions::Continuous(vec![dimension.clone(), dimension]);
        let config = SacConfig { hidden: vec![7], reward_scale: 5.0, ..SacConfig::default() };
        let sac = FusedSac::new(config.clone(), 3, actions.clone(), &mut rng(5, Stream::Weights, 0)).unwrap();
        let tensors = sac.export_critics().unwrap();
        let critic = Critic::from_tensors(&config, 3, &actions, &tensors).unwrap();
        let (mut observations, mut taken, mut values) = Default::default();
        for row in 0..4 {
            ObservationBatch::push(&mut observations, &[0.1 * row as f32, -0.5, 0.7], &[]);
            ActionBatch::push(&mut taken, ActionRow::Continuous(&[0.3, -0.2 * row as f32]));
        }
        critic.values_of(&observations, &taken, &mut values);
        let Critics::Reactive { critics, .. } = &critic.critics else { panic!("it has no memory") };
        let mut expected = Vec::new();
        for critic in critics {
            for row in 0..4 {
                let mut activations = Activations::default();
                let joined = [&[0.1 * row as f32, -0.5, 0.7][..], taken.vector(row)].concat();
                critic.forward(&joined, &mut activations);
                expected.push(activations.rows().next().unwrap()[0] / config.total_reward_scale());
            }
        }
        assert_eq!(values, expected);
        assert_ne!(values[0], values[3], "it reads the action");
        critic.action_values(&observations, &mut values);
        assert!(values.is_empty(), "they cannot be listed");
    }
}
