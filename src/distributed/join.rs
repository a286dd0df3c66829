//! Joining a session: everything comes from the learner, so that no second configuration can differ.

use std::sync::Arc;
use std::time::Duration;

use entropy_net::NetError;
use entropy_net::actor::{ActorLink, greet};
use entropy_net::engine::Engine;
use entropy_net::outbox::OutboxConfig;
use entropy_net::protocol::{Hello, PROTOCOL, Role, Welcome};
use entropy_net::replicas::Member;
use entropy_net::zenoh::{Address, Security, Zenoh};

use super::{SessionError, machine, own_name, own_number};
use crate::bridge;
use crate::config::RunConfig;
use crate::experiment::{Experiment, Mode};
use crate::learner::LearnerConfig;
use crate::link::{Handshake, Launch};
use crate::mdp::later_seed;
use crate::run::RunError;
use crate::worlds::WorldChoice;

/// How long a learner that is not there yet is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A session that was joined.
#[derive(Clone)]
pub struct Joined {
    engine: Arc<dyn Engine>,
    hello: Hello,
    welcome: Welcome,
    place: String,
}

impl Joined {
    /// Joins the learner at `address` as `role`.
    ///
    /// # Errors
    /// [`SessionError::Net`] if nobody answers, or the learner refuses.
    pub fn at(address: &Address, security: Option<&Security>, role: Role) -> Result<Self, SessionError> {
        let engine: Arc<dyn Engine> = Arc::new(Zenoh::join(address, security)?);
        let hello =
            Hello { protocol: PROTOCOL, client: own_number(), name: own_name(), role, machine: machine() };
        let place = address.to_string();
        let welcome = greet(&*engine, &hello, &place, PATIENCE)?;
        Ok(Self { engine, hello, welcome, place })
    }

    /// Whether the run is exact.
    pub fn is_exact(&self) -> bool {
        self.welcome.exact
    }

    /// `config.toml` of the learner.
    pub(super) fn config(&self) -> &str {
        &self.welcome.config
    }

    pub(super) fn client(&self) -> u64 {
        self.hello.client
    }

    pub(super) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Greets the learner once more, which does not know this process any more.
    pub(super) fn greet_again(&self) -> Result<(), SessionError> {
        let welcome = greet(&*self.engine, &self.hello, &self.place, PATIENCE)?;
        let same = (&welcome.identity, welcome.exact) == (&self.welcome.identity, self.welcome.exact);
        same.then_some(()).ok_or_else(|| {
            NetError::Refused("the learner has started another run; start this anew".into()).into()
        })
    }

    /// The learner's address.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The learner's experiment, played with this process's own number of `arenas` and threads where they are given.
    /// Whatever of it names a file or runs a program is left out: `allowed` is the name of the one outside environment that
    /// may be made here.
    ///
    /// # Errors
    /// [`SessionError`] if this program cannot play it.
    pub fn experiment(
        &self,
        mode: Mode,
        arenas: Option<usize>,
        allowed: Option<&str>,
    ) -> Result<Experiment, SessionError> {
        let config = RunConfig::from_text("the learner's config.toml", &self.welcome.config);
        let mut config = config.map_err(RunError::from)?;
        let most = config.arenas;
        config.run.demos = None;
        config.arenas = arenas.unwrap_or(most);
        if config.arenas > most {
            return Err(SessionError::Argument(format!(
                "--arenas {}: the learner has streams for {most} arenas of an actor; start it with more",
                config.arenas
            )));
        }
        let env = config.env.clone();
        let world = |problem: String| SessionError::World { env: env.clone(), problem };
        let choice = match bridge::id(&env) {
            Some(_) if allowed != Some(env.as_str()) => {
                let remedy = format!("a Gymnasium id runs code on this machine; add --env {env} to allow it");
                return Err(world(remedy));
            }
            Some(id) => WorldChoice::outside(id, &config.bridge, None, &config.world),
            None => WorldChoice::kept(&env, self.welcome.level.as_ref(), &config.world),
        };
        let choice = choice.map_err(|error| world(error.to_string()))?;
        if let Some(algorithm) = &self.welcome.algorithm {
            config = config.with_algorithm(algorithm.clone());
        }
        self.welcome
            .handshake
            .check(&Handshake::new(&choice.spec()))
            .map_err(|error| SessionError::Net(NetError::Refused(error.to_string())))?;
        // Episodes start and actions are drawn as in no other process, and as in no earlier one of this number.
        config.seed = later_seed(self.welcome.seed, self.hello.client | 1);
        Ok(Experiment::new(config, choice, mode).map_err(RunError::from)?)
    }

    /// Where a replica that learns as `learner` says meets the learner.
    ///
    /// # Errors
    /// [`NetError::Engine`] if the network refuses.
    pub fn member(&self, learner: &LearnerConfig) -> Result<Member, NetError> {
        let LearnerConfig { sync_every, algorithm, .. } = learner.clone();
        Member::new(self.engine.clone(), self.hello.clone(), &self.welcome, sync_every, algorithm)
    }

    /// A link to the learner, with the policy slot of `launch`.
    ///
    /// # Errors
    /// [`NetError::Engine`] if the network refuses.
    pub fn link(&self, launch: &Launch) -> Result<ActorLink, NetError> {
        let (engine, hello) = (self.engine.clone(), self.hello.clone());
        let config = match self.hello.role {
            Role::Actor | Role::Replica => OutboxConfig::default(),
            // It plays on whether or not the learner is ready for more: what it does not get soon is not worth keeping.
            Role::Window => OutboxConfig { queue_bytes: 2 << 20, ..OutboxConfig::default() },
        };
        ActorLink::launch(engine, hello, &self.welcome, launch, config)
    }
}
