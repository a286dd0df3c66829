//! What the doctor says of histories that were made up, and how slowly it changes its mind.

use super::*;
use crate::learner::{LearnerHandle, LearnerSetup};
use crate::sac::TrainMetrics;
use crate::sim::worlds::WorldChoice;

fn series(values: impl Iterator<Item = (f64, f64)>) -> Series {
    Series(values.map(|(x, y)| [x, y]).collect())
}

/// 400 points over 200 000 environment steps.
fn course(value: impl Fn(f64) -> f64) -> Series {
    series((0..400).map(|point| f64::from(point) / 400.0).map(|time| (time * 200_000.0, value(time))))
}

/// Up and down around 0 for ever.
fn noise(time: f64) -> f64 {
    (time * 4000.0).sin()
}

/// Of an agent that trains and has measured nothing remarkable.
fn status() -> LearnerStatus {
    let spec = WorldChoice::new("cartpole", None).unwrap().spec();
    let handle = LearnerHandle::start(LearnerSetup::new(spec, LearnerConfig::default()));
    let report = TrainMetrics { q_std: 1.0, twin_disagreement: 0.1, ..TrainMetrics::default() };
    LearnerStatus { health: Health::Training, gradient_steps: 5000, report, ..(*handle.status()).clone() }
}

/// Of an agent that fails and stays as it is.
fn stuck() -> History {
    History { episode_return: course(noise), success: course(|_| 0.0), ..History::default() }
}

fn found(history: &History, status: &LearnerStatus) -> Vec<Verdict> {
    examine(history, status, &LearnerConfig::default(), "T").iter().map(|finding| finding.verdict).collect()
}

#[test]
fn an_agent_that_does_well_or_gets_better_is_left_alone_whatever_else_is_measured() {
    // As alarming as can be.
    let plain = status();
    let report = TrainMetrics {
        q_std: 0.1,
        twin_disagreement: 5.0,
        entropy: 0.6,
        target_entropy: 0.2,
        temperature: 1e-5,
        ..plain.report.clone()
    };
    let status = LearnerStatus { report, ..plain.clone() };
    let alarming = History {
        critic_loss: course(|time| 1000f64.powf(3.0 * time)),
        temperature: course(|time| 0.01 * 1000f64.powf(time)),
        entropy: course(|_| 0.1),
        target_entropy: course(|_| 0.6),
        env_steps_per_second: course(|_| 5000.0),
        gradient_steps_per_second: course(|_| 1.0),
        ..stuck()
    };
    assert_eq!(found(&alarming, &status).len(), 6, "{:?}", found(&alarming, &status));
    let good = History { success: course(|_| 1.0), ..alarming.clone() };
    assert_eq!(found(&good, &status), []);
    let winning = History { success: course(|time| f64::from(time > 0.87)), ..alarming.clone() };
    assert_eq!(found(&winning, &status), []);
    let rising =
        History { episode_return: course(|time| 8.0 * time + 0.3 * noise(time)), ..alarming.clone() };
    assert_eq!(found(&rising, &status), []);
    let falling =
        History { episode_return: course(|time| -8.0 * time + 0.3 * noise(time)), ..alarming.clone() };
    assert_eq!(found(&falling, &status).len(), 6);
    // Nor is anybody judged who does not train.
    for health in [Health::Starting, Health::Collecting, Health::Paused, Health::Failed("x".into())] {
        assert_eq!(found(&alarming, &LearnerStatus { health, ..status.clone() }), []);
    }
    assert_eq!(found(&History::default(), &plain), []);
}

#[test]
fn every_verdict_is_reached_alone_and_has_a_remedy_that_can_be_set() {
    let plain = status();
    let reported = |report: TrainMetrics| LearnerStatus { report, ..plain.clone() };
    let short = || History {
        // Too short to be flat.
        episode_return: series((0..120).map(|point| (f64::from(point), noise(f64::from(point) / 400.0)))),
        success: course(|_| 0.0),
        ..History::default()
    };
    let unmoved =
        TrainMetrics { entropy: 0.6, target_entropy: 0.2, temperature: 1e-5, ..plain.report.clone() };
    let quarrel = TrainMetrics { q_std: 0.1, twin_disagreement: 0.4, ..plain.report.clone() };
    for (verdict, history, status) in [
        (Verdict::NoReward, short(), reported(unmoved)),
        (
            Verdict::TooCurious,
            History {
                temperature: course(|time| 0.01 * 100f64.powf(time)),
                entropy: course(|_| 0.4),
                target_entropy: course(|_| 0.68),
                ..short()
            },
            plain.clone(),
        ),
        (Verdict::Flat, stuck(), plain.clone()),
        (Verdict::AtOdds, short(), reported(quarrel)),
        (
            Verdict::RunningAway,
            History { critic_loss: course(|time| 1e4f64.powf(time)), ..short() },
            plain.clone(),
        ),
        (
            Verdict::TooFast,
            History {
                env_steps_per_second: course(|_| 5000.0),
                gradient_steps_per_second: course(|_| 40.0),
                ..short()
            },
            plain.clone(),
        ),
    ] {
        let config = LearnerConfig::default();
        let all = examine(&history, &status, &config, "Y");
        let [finding] = all.as_slice() else { panic!("{verdict:?}: {all:?}") };
        assert_eq!(finding.verdict, verdict);
        for word in ["gradient step", "temperature", "nats", "entropy", "TD"] {
            assert!(!finding.text.contains(word), "{}", finding.text);
        }
        if let Some((name, remedy)) = &finding.remedy {
            remedy.validate().unwrap();
            assert!(*remedy != config && !name.is_empty());
        }
        if verdict == Verdict::NoReward {
            assert!(finding.text.contains("play in its place with Y"), "{}", finding.text);
        }
    }
}

#[test]
fn a_busy_machine_is_no_illness() {
    let busy = |learned: f64| History {
        env_steps_per_second: course(|_| 1000.0),
        gradient_steps_per_second: course(move |time| learned * (1.0 + 0.9 * noise(time))),
        episode_return: series((0..120).map(|point| (f64::from(point), noise(f64::from(point) / 400.0)))),
        ..History::default()
    };
    assert_eq!(found(&busy(160.0), &status()), []);
    assert_eq!(found(&busy(20.0), &status()), [Verdict::TooFast]);
}

#[test]
fn a_verdict_is_reached_and_taken_back_slowly() {
    let finding = || Finding::new(Verdict::Flat, "flat");
    let mut doctor = Doctor::default();
    let mut hear = |found: &[bool]| -> Vec<bool> {
        let one = |found: &bool| {
            doctor.hear(found.then(finding).into_iter().collect(), 1.0);
            doctor.findings().count() == 1
        };
        found.iter().map(one).collect()
    };
    // Now this, now that: nothing is said.
    assert!(hear(&[true, false].repeat(20)).iter().all(|said| !said));
    assert!(hear(&[true; 5]).iter().all(|said| !said));
    assert_eq!(hear(&[true, true, true]).last(), Some(&true));
    // What is said stays, although it is not found now and then.
    assert!(hear(&[false, true, true].repeat(20)).iter().all(|said| *said));
    let back = hear(&[false; 8]);
    assert!(back[..5].iter().all(|said| *said) && !back[7], "{back:?}");
}

#[test]
fn a_map_that_cannot_be_won_is_told_at_once_and_while_the_agent_does_well() {
    let mut app = App::new();
    let spec = WorldChoice::new("lava-room", None).unwrap().spec();
    let setup = LearnerSetup::new(spec.clone(), LearnerConfig::default());
    app.insert_resource(LiveLearner::start(setup))
        .insert_resource(History { success: course(|_| 1.0), ..History::default() })
        .insert_resource(Spec(spec))
        .insert_resource(Winnable { doubt: Some("nobody can win".into()) })
        .init_resource::<Time<Real>>()
        .add_plugins(plugin);
    let said = |app: &mut App, seconds: f32| -> Vec<String> {
        let passed = std::time::Duration::from_secs_f32(seconds);
        app.world_mut().resource_mut::<Time<Real>>().update_with_duration(passed);
        app.update();
        app.world().resource::<Doctor>().findings().map(|finding| finding.text.clone()).collect()
    };
    said(&mut app, 0.0);
    assert_eq!(said(&mut app, 1.0), ["nobody can win"]);
    app.insert_resource(Winnable::default());
    (0..10).for_each(|_| _ = said(&mut app, 1.0));
    assert_eq!(said(&mut app, 1.0), [""; 0]);
}

#[test]
fn the_key_it_names_lets_a_person_play_in_the_agents_place() {
    let key = |world: &str| shows(Some(&Spec(WorldChoice::new(world, None).unwrap().spec())));
    assert_eq!([key("lava-room"), key("two-plates")], [Command::TakeFirst; 2]);
    assert_eq!([key("paddle-duel"), key("tag")], [Command::TakeSecond; 2]);
}
