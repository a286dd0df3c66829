//! Tests of the doctor: findings of synthetic histories, and how slowly they appear and disappear.

use super::*;
use crate::learner::LearnerSetup;
use crate::metrics::{Metric, Metrics};
use crate::worlds::WorldChoice;

fn series(values: impl Iterator<Item = (f64, f64)>) -> Series {
    Series(values.map(|(x, y)| [x, y]).collect())
}

/// 400 points over 200 000 environment steps.
fn course(value: impl Fn(f64) -> f64) -> Series {
    series((0..400).map(|point| f64::from(point) / 400.0).map(|time| (time * 200_000.0, value(time))))
}

/// Oscillates around 0.
fn noise(time: f64) -> f64 {
    (time * 4000.0).sin()
}

/// Status of an agent that trains without problems.
fn status() -> LearnerStatus {
    let spec = WorldChoice::new("cartpole", None).unwrap().spec();
    let setup = LearnerSetup::new(spec, LearnerConfig::default());
    let report = report(&Metrics::default(), &[(Q_STD, 1.0), (TWIN_DISAGREEMENT, 0.1)]);
    let starting = LearnerStatus::starting(&setup);
    LearnerStatus { health: Health::Training, gradient_steps: 5000, report, ..starting }
}

/// `before` with some values replaced.
fn report(before: &Metrics, values: &[(Metric, f32)]) -> Metrics {
    let mut report = before.clone();
    values.iter().for_each(|(metric, value)| report.set(*metric, *value));
    report
}

/// History of an agent that fails and does not improve.
fn stuck() -> History {
    History::default().with(EPISODE_RETURN, course(noise)).with(SUCCESS, course(|_| 0.0))
}

fn found(history: &History, status: &LearnerStatus) -> Vec<Problem> {
    examine(history, status, &LearnerConfig::default(), "T").iter().map(|finding| finding.problem).collect()
}

#[test]
fn nothing_is_found_while_the_agent_succeeds_or_improves() {
    // Everything is wrong at once.
    let plain = status();
    let undecided = [(ENTROPY, 0.6), (TARGET_ENTROPY, 0.2), (TEMPERATURE, 1e-5)];
    let report = report(&report(&plain.report, &[(Q_STD, 0.1), (TWIN_DISAGREEMENT, 5.0)]), &undecided);
    let status = LearnerStatus { report, ..plain.clone() };
    let alarming = stuck()
        .with(CRITIC_LOSS, course(|time| 1000f64.powf(3.0 * time)))
        .with(TEMPERATURE, course(|time| 0.01 * 1000f64.powf(time)))
        .with(ENTROPY, course(|_| 0.1))
        .with(TARGET_ENTROPY, course(|_| 0.6))
        .with(ENV_STEPS_PER_SECOND, course(|_| 5000.0))
        .with(GRADIENT_STEPS_PER_SECOND, course(|_| 1.0));
    assert_eq!(found(&alarming, &status).len(), 6, "{:?}", found(&alarming, &status));
    let good = alarming.clone().with(SUCCESS, course(|_| 1.0));
    assert_eq!(found(&good, &status), []);
    let winning = alarming.clone().with(SUCCESS, course(|time| f64::from(time > 0.87)));
    assert_eq!(found(&winning, &status), []);
    let rising = alarming.clone().with(EPISODE_RETURN, course(|time| 8.0 * time + 0.3 * noise(time)));
    assert_eq!(found(&rising, &status), []);
    let falling = alarming.clone().with(EPISODE_RETURN, course(|time| -8.0 * time + 0.3 * noise(time)));
    assert_eq!(found(&falling, &status).len(), 6);
    // Nor while the learner does not train.
    for health in [Health::Starting, Health::Collecting, Health::Paused, Health::Failed("x".into())] {
        assert_eq!(found(&alarming, &LearnerStatus { health, ..status.clone() }), []);
    }
    assert_eq!(found(&History::default(), &plain), []);
}

#[test]
fn every_problem_is_found_alone_and_has_a_valid_remedy() {
    let plain = status();
    let reported = |report: Metrics| LearnerStatus { report, ..plain.clone() };
    let short = || {
        // Too short for `NoProgress`.
        let returns = (0..120).map(|point| (f64::from(point), noise(f64::from(point) / 400.0)));
        History::default().with(EPISODE_RETURN, series(returns)).with(SUCCESS, course(|_| 0.0))
    };
    let undecided = report(&plain.report, &[(ENTROPY, 0.6), (TARGET_ENTROPY, 0.2), (TEMPERATURE, 1e-5)]);
    let disagreement = report(&plain.report, &[(Q_STD, 0.1), (TWIN_DISAGREEMENT, 0.4)]);
    for (problem, history, status) in [
        (Problem::NoReward, short(), reported(undecided)),
        (
            Problem::TooMuchExploration,
            short()
                .with(TEMPERATURE, course(|time| 0.01 * 100f64.powf(time)))
                .with(ENTROPY, course(|_| 0.4))
                .with(TARGET_ENTROPY, course(|_| 0.68)),
            plain.clone(),
        ),
        (Problem::NoProgress, stuck(), plain.clone()),
        (Problem::CriticsDisagree, short(), reported(disagreement)),
        (Problem::Diverging, short().with(CRITIC_LOSS, course(|time| 1e4f64.powf(time))), plain.clone()),
        (
            Problem::TooFewUpdates,
            short()
                .with(ENV_STEPS_PER_SECOND, course(|_| 5000.0))
                .with(GRADIENT_STEPS_PER_SECOND, course(|_| 40.0)),
            plain.clone(),
        ),
    ] {
        let config = LearnerConfig::default();
        let all = examine(&history, &status, &config, "Y");
        let [finding] = all.as_slice() else { panic!("{problem:?}: {all:?}") };
        assert_eq!(finding.problem, problem);
        for word in ["gradient step", "temperature", "nats", "entropy", "TD"] {
            assert!(!finding.text.contains(word), "{}", finding.text);
        }
        if let Some((name, remedy)) = &finding.remedy {
            remedy.validate().unwrap();
            assert!(*remedy != config && !name.is_empty());
        }
        if problem == Problem::NoReward {
            assert!(finding.text.contains("press Y and play in its place"), "{}", finding.text);
        }
    }
}

#[test]
fn a_busy_machine_is_not_a_problem() {
    let busy = |learned: f64| {
        let returns = (0..120).map(|point| (f64::from(point), noise(f64::from(point) / 400.0)));
        History::default()
            .with(ENV_STEPS_PER_SECOND, course(|_| 1000.0))
            .with(GRADIENT_STEPS_PER_SECOND, course(move |time| learned * (1.0 + 0.9 * noise(time))))
            .with(EPISODE_RETURN, series(returns))
    };
    assert_eq!(found(&busy(160.0), &status()), []);
    assert_eq!(found(&busy(20.0), &status()), [Problem::TooFewUpdates]);
}

#[test]
fn a_finding_appears_and_disappears_slowly() {
    let finding = || Finding::new(Problem::NoProgress, "no progress");
    let mut doctor = Doctor::default();
    let mut update = |found: &[bool]| -> Vec<bool> {
        let one = |found: &bool| {
            doctor.update(found.then(finding).into_iter().collect(), 1.0);
            doctor.findings().count() == 1
        };
        found.iter().map(one).collect()
    };
    // Alternating: nothing is shown.
    assert!(update(&[true, false].repeat(20)).iter().all(|shown| !shown));
    assert!(update(&[true; 5]).iter().all(|shown| !shown));
    assert_eq!(update(&[true, true, true]).last(), Some(&true));
    // Once shown, it stays even if some examinations do not find it.
    assert!(update(&[false, true, true].repeat(20)).iter().all(|shown| *shown));
    let back = update(&[false; 8]);
    assert!(back[..5].iter().all(|shown| *shown) && !back[7], "{back:?}");
}

#[test]
fn an_unwinnable_level_is_reported_at_once_even_while_the_agent_succeeds() {
    let mut app = App::new();
    let spec = WorldChoice::new("lava-room", None).unwrap().spec();
    let setup = LearnerSetup::new(spec.clone(), LearnerConfig::default());
    app.insert_resource(LiveLearner::start(setup))
        .insert_resource(History::default().with(SUCCESS, course(|_| 1.0)))
        .insert_resource(Spec(spec))
        .insert_resource(Winnable { doubt: Some("cannot be won".into()) })
        .init_resource::<Time<Real>>()
        .add_plugins(plugin);
    let texts = |app: &mut App, seconds: f32| -> Vec<String> {
        let passed = std::time::Duration::from_secs_f32(seconds);
        app.world_mut().resource_mut::<Time<Real>>().update_with_duration(passed);
        app.update();
        app.world().resource::<Doctor>().findings().map(|finding| finding.text.clone()).collect()
    };
    texts(&mut app, 0.0);
    assert_eq!(texts(&mut app, 1.0), ["cannot be won"]);
    app.insert_resource(Winnable::default());
    (0..10).for_each(|_| _ = texts(&mut app, 1.0));
    assert_eq!(texts(&mut app, 1.0), [""; 0]);
}

#[test]
fn the_takeover_key_plays_in_the_agents_place() {
    let key = |world: &str| takeover_key(Some(&Spec(WorldChoice::new(world, None).unwrap().spec())));
    assert_eq!([key("lava-room"), key("two-plates")], [TAKE_OVER[0]; 2]);
    assert_eq!([key("paddle-duel"), key("tag")], [TAKE_OVER[1]; 2]);
}
