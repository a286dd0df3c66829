//! Schedules of faults, of which none leaves a transition that never happened.

use super::*;

#[test]
fn two_hundred_schedules_of_faults_leave_no_transition_that_never_happened() {
    let mut all = Outcome::default();
    for seed in 0..200 {
        let actors = 1 + (seed % 4) as usize;
        let outcome = schedule(seed, actors, Faults::of(seed)).unwrap_or_else(|problem| {
            panic!("schedule {seed} of {actors} actors, {:?}: {problem}", Faults::of(seed))
        });
        all.stored += outcome.stored;
        all.duplicates += outcome.duplicates;
        all.dropped_steps += outcome.dropped_steps;
        all.crashes.0 += outcome.crashes.0;
        all.crashes.1 += outcome.crashes.1;
        all.transitions += outcome.transitions;
    }
    println!("{all:?}");
    // Schedules without faults would prove nothing.
    assert!(all.stored > 10_000 && all.transitions > 100_000, "{all:?}");
    assert!(all.duplicates > 500 && all.dropped_steps > 100, "{all:?}");
    assert!(all.crashes.0 > 100 && all.crashes.1 > 100, "{all:?}");
}

#[test]
fn a_schedule_is_repeatable() {
    let outcome = || schedule(7, 3, Faults::of(7)).unwrap();
    assert_eq!(outcome(), outcome());
}

#[test]
fn without_faults_everything_is_stored() {
    let outcome = schedule(1, 3, QUIET).unwrap();
    assert_eq!((outcome.duplicates, outcome.dropped_steps), (0, 0));
    assert_eq!(outcome.stored, outcome.acknowledged);
}
