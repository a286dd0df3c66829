//! Metrics of a session, in the lines of `metrics.jsonl` under `net/`.

use entropy_net::hub::NetStatus;
use entropy_net::replicas::ReplicaStatus;

use crate::metrics::{Metric, Metrics, Unit};

macro_rules! metric {
    ($name:ident, $key:literal, $label:literal, $unit:ident, $help:literal) => {
        #[doc = $help]
        const $name: Metric = Metric { key: $key, label: $label, unit: Unit::$unit, help: $help };
    };
}

metric!(ACTORS, "net/actors", "actors", Count, "Connected actors of other processes");
metric!(
    STEPS,
    "net/env_steps",
    "env steps of actors",
    Count,
    "Environment steps received of other processes"
);
metric!(RATE, "net/env_steps_per_second", "env steps/s of actors", Plain, "Recent ones per second");
metric!(BYTES, "net/bytes_per_second", "bytes/s", Plain, "Recent bytes of steps per second");
metric!(
    SAMPLES,
    "net/samples_per_insert",
    "samples per insert",
    Plain,
    "How often a transition was drawn on average since the start"
);
metric!(
    DUPLICATES,
    "net/duplicates",
    "duplicates",
    Count,
    "Batches that came more than once, and were taken once"
);
metric!(GAPS, "net/gaps", "gaps", Count, "Batches that did not follow the one before, because one was lost");
metric!(REFUSED, "net/refused", "refused", Count, "Batches that did not fit");
metric!(WAITS, "net/waits", "waits", Plain, "1 if steps were not taken at this moment, else 0");

metric!(REPLICAS, "net/replicas", "replicas", Count, "Connected replicas of the learner");
metric!(
    REPLICA_STEPS,
    "net/replica_env_steps",
    "env steps of replicas",
    Count,
    "Environment steps that replicas have learned from"
);
metric!(
    MISSED,
    "net/replicas_missed",
    "averages missed",
    Count,
    "Averages over replicas that one of them was too late for"
);

/// Adds the measurements of `status` to a line.
pub(super) fn add(status: &NetStatus, line: &mut Metrics) {
    let [duplicates, gaps, refused] = status.troubles;
    line.set(ACTORS, status.actors.iter().filter(|actor| actor.present).count() as u64);
    line.set(STEPS, status.env_steps);
    line.set(RATE, status.env_steps_per_second);
    line.set(BYTES, status.bytes_per_second);
    line.set(SAMPLES, status.samples_per_insert);
    line.set(DUPLICATES, duplicates);
    line.set(GAPS, gaps);
    line.set(REFUSED, refused);
    let sum = |of: fn(&ReplicaStatus) -> u64| status.replicas.iter().map(of).sum::<u64>();
    line.set(REPLICAS, status.replicas.iter().filter(|replica| replica.present).count() as u64);
    line.set(REPLICA_STEPS, sum(|replica| replica.env_steps));
    line.set(MISSED, sum(|replica| replica.missed));
    line.set(WAITS, f32::from(u8::from(status.waits.is_some())));
}
