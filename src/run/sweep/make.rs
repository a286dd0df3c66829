//! Executes the runs of a sweep and prints its table.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Job, Sweep, run, unfinished};
use crate::experiment::{Experiment, Mode, level};
use crate::files;
use crate::run::{Summary, train};

/// Executes all pending runs of a sweep, `at_once` at a time, and returns its table, with a line on the
/// remaining runs if it was stopped.
///
/// # Errors
/// One line for the first run that cannot start or fails; other started runs are finished.
pub fn make(
    sweep: &Sweep,
    out: &Path,
    at_once: usize,
    stop: &Arc<AtomicBool>,
) -> Result<(String, Option<String>), Box<dyn std::error::Error>> {
    let _owner = sweep.claim(out)?;
    let mut jobs = sweep.jobs(out)?;
    let make = |job: &Job| {
        let made = || -> Result<Summary, Box<dyn std::error::Error>> {
            let world = match job.resume {
                true => level::world_of_run(&job.config, &job.out)?,
                false => level::world_in(&job.config, Some(&job.out))?,
            };
            let resume = job.resume.then(|| job.out.clone());
            let out = Some(job.out.clone());
            let experiment = Experiment::at(job.config.clone(), world, Mode::Headless, out, resume)?;
            Ok(train(experiment, stop.clone(), true)?)
        };
        made().map_err(|error| error.to_string())
    };
    let progress = |job: &Job, summary: &Summary| {
        let name = job.out.strip_prefix(out).unwrap_or(&job.out);
        let (steps, seconds) = (summary.env_steps, summary.seconds);
        let result = summary.eval.map(|eval| format!("return {:.2}", eval.episode_return.mean));
        let result =
            result.unwrap_or_else(|| if summary.interrupted { "stopped" } else { "not evaluated" }.into());
        files::to_stderr(&format!("{}: {result} after {steps} env steps, {seconds:.1} s", name.display()));
    };
    let failure = run(&mut jobs, at_once, stop, make, progress);
    // Runs stopped by Ctrl-C continue next time.
    jobs.iter_mut().for_each(|job| job.finished = job.finished.take().filter(|made| !made.interrupted));
    sweep.write(out, &jobs)?;
    failure?;
    Ok((sweep.table(&jobs), unfinished(&jobs)))
}
