//! The window on a session: it plays its own arenas with the learner's policy, and sends what is played in them.

use std::sync::Arc;

use bevy::prelude::*;
use entropy_net::actor::ActorLink;

use super::Joined;
use super::episodes::to_send;
use crate::agent::{EpisodeFinished, LiveLearner};
use crate::experiment::Experiment;
use crate::link::Launch;
use crate::panel::session::{SessionActor, SessionView};
use crate::sim::Conditions;
use crate::worlds::rooms::Rooms;
use crate::worlds::rooms::level::Level;

/// The link of a window.
#[derive(Resource)]
struct SessionLink {
    link: Arc<ActorLink>,
    place: String,
    /// The learner's level.
    level: Option<Level>,
}

impl Joined {
    /// The learner of `experiment`, which is this session's, for a window: what it needs besides is added by the plugin that
    /// comes with it.
    ///
    /// # Errors
    /// [`entropy_net::NetError`] if the network refuses.
    pub fn attach(
        &self,
        experiment: &Experiment,
    ) -> Result<(LiveLearner, impl FnOnce(&mut App) + use<>), entropy_net::NetError> {
        let launch = Launch::new(experiment.learner_setup(None));
        let link = Arc::new(self.link(&launch)?);
        let learner = LiveLearner::attach(launch.setup, link.clone(), launch.policy);
        let level = experiment.world.level();
        let level = level.and_then(|level| Level::parse(&level.name, level.text.as_deref()?).ok());
        let place = self.place().to_owned();
        let add = move |app: &mut App| {
            app.insert_resource(SessionView { place: place.clone(), ..SessionView::default() })
                .insert_resource(SessionLink { link, place, level })
                .add_systems(Update, (guard.before(crate::agent::pace::drive), send_episodes, show).chain());
        };
        Ok((learner, add))
    }
}

/// Sends nothing while this window plays another level or other physics than the learner learns.
fn guard(link: Res<SessionLink>, rooms: Option<Res<Rooms>>, conditions: Option<Res<Conditions>>) {
    let redrawn = rooms.is_some_and(|rooms| link.level.as_ref().is_some_and(|level| rooms.first() != level));
    let changed = conditions.is_some_and(|conditions| *conditions != Conditions::default());
    link.link.set_differs(redrawn || changed);
}

fn send_episodes(link: Res<SessionLink>, mut episodes: MessageReader<EpisodeFinished>) {
    for episode in episodes.read() {
        link.link.episode(to_send(episode));
    }
}

/// Keeps what the panel shows up to date.
fn show(link: Res<SessionLink>, mut view: ResMut<SessionView>) {
    let SessionLink { link, place, .. } = &*link;
    let status = link.link_status();
    let problem = if let Some(end) = link.stopped() {
        Some(format!("The session has ended: {}. The last policy plays on.", end.reason))
    } else if let Some(silent) = status.silent {
        Some(format!("No word from the learner for {silent:.0} s. The last policy plays on; steps wait."))
    } else if link.differs() {
        Some(
            "Nothing is sent: this window plays another level or other physics than the learner learns."
                .into(),
        )
    } else {
        status.refused.as_ref().map(|refused| format!("Refused: {refused}."))
    };
    let actor = |actor: &entropy_net::hub::ActorStatus| SessionActor {
        number: actor.number,
        name: actor.name.clone(),
        present: actor.present,
        own: actor.client == link.client(),
        env_steps: actor.env_steps,
        env_steps_per_second: actor.env_steps_per_second,
        troubles: [actor.duplicates, actor.gaps, u64::from(actor.refused)],
    };
    let replica = |replica: &entropy_net::replicas::ReplicaStatus| {
        (replica.name.clone(), replica.present, replica.env_steps)
    };
    let next = SessionView {
        place: place.clone(),
        problem,
        waits: status.net.waits.clone().or_else(|| status.steps.reason.clone()),
        policy: status.policy.map(|policy| (policy.gradient_steps, status.policy_age)),
        steps: [status.steps.taken, status.steps.waiting, status.steps.dropped],
        samples_per_insert: status.net.samples_per_insert,
        actors: status.net.actors.iter().map(actor).collect(),
        replicas: status.net.replicas.iter().map(replica).collect(),
    };
    view.set_if_neq(next);
}
