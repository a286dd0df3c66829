//! Finished episodes on their way between processes.

use bevy::prelude::*;
use entropy_net::steps::{CONTROLLERS, Episode};

use crate::agent::{EpisodeFinished, Outcome};

/// An episode as it is sent.
pub(super) fn to_send(finished: &EpisodeFinished) -> Episode {
    let number = |name: &&'static str| CONTROLLERS.iter().position(|known| known == name).unwrap_or(0) as u8;
    Episode {
        arena: finished.arena as u32,
        end: finished.end,
        returns: finished.returns.clone(),
        lengths: finished.lengths.clone(),
        success: finished.outcomes.iter().map(|outcome| outcome.success).collect(),
        scores: finished.outcomes.iter().map(|outcome| outcome.score).collect(),
        controllers: finished.controllers.iter().map(number).collect(),
    }
}

/// An episode of actor number `actor`, whose arenas are `arenas`, as it is recorded after `env_steps` steps of the run. It
/// has no entity here.
pub(super) fn received(episode: Episode, actor: u32, arenas: usize, env_steps: u64) -> EpisodeFinished {
    let Episode { arena, end, returns, lengths, success, scores, controllers } = episode;
    let outcome = |(success, score)| Outcome { success, score };
    let name = |number: u8| CONTROLLERS.get(usize::from(number)).copied().unwrap_or(CONTROLLERS[0]);
    EpisodeFinished {
        entity: Entity::PLACEHOLDER,
        arena: actor as usize * arenas + arena as usize,
        env_steps,
        returns,
        lengths,
        outcomes: success.into_iter().zip(scores).map(outcome).collect(),
        controllers: controllers.into_iter().map(name).collect(),
        end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::EpisodeEnd;

    #[test]
    fn an_episode_arrives_as_it_was_with_the_arena_of_its_actor() {
        let finished = EpisodeFinished {
            entity: Entity::PLACEHOLDER,
            arena: 3,
            env_steps: 70,
            returns: vec![1.5, -1.0],
            lengths: vec![4, 4],
            outcomes: vec![Outcome { success: true, score: 2.0 }, Outcome::default()],
            controllers: vec!["learning", "scripted"],
            end: EpisodeEnd::Truncated,
        };
        let arrived = received(to_send(&finished), 2, 16, 900);
        assert_eq!(arrived, EpisodeFinished { arena: 35, env_steps: 900, ..finished });
    }
}
