//! Whether a resumed run has anything left to do.

use super::{Run, Summary};
use crate::config::RunConfig;
use crate::run::earlier::Earlier;

impl Run {
    /// Applies configuration changes. Returns the reason if a resumed run has nothing left to do, and the
    /// summary of its last part, if there is one. A solved run continues if more steps or another target are
    /// requested; `solved` stays, unless the target is higher.
    pub(super) fn ended(&mut self, earlier: Earlier) -> Option<(Option<Summary>, String)> {
        let Earlier { config: then, summary } = earlier;
        let config = &self.config;
        let others = RunConfig { steps: then.steps, ..config.clone() };
        let ignored = if others == then { "" } else { "; other settings given with --resume are ignored" };
        let made = self.env_steps;
        let next = |every: u64| (made / every.max(1) + 1).saturating_mul(every);
        if config.run.log_every != then.run.log_every {
            self.next_log = next(config.run.log_every);
        }
        if config.run.eval_every != then.run.eval_every {
            self.next_eval = next(config.run.eval_every);
        }
        let summary = summary.filter(|summary| summary.env_steps == made);
        let finished = summary.as_ref().filter(|summary| !summary.interrupted);
        self.solved = self.solved.or(finished.and_then(|summary| summary.solved));
        let [target, target_then] = [config.run.target_return, then.run.target_return];
        if target.zip(target_then).is_some_and(|(now, then)| now > then) {
            self.solved = None;
        }
        let solved_here = self.solved.is_some_and(|solved| solved.env_steps == made);
        let through = solved_here && target == target_then && config.steps <= then.steps;
        self.again = self.solved.is_some() && !through;
        if through {
            let why = format!(
                "it was solved after {made} env steps; --steps beyond {} or run.target_return=none continues it{ignored}",
                then.steps
            );
            return finished.cloned().map(|summary| (Some(summary), why));
        }
        let asked = config.steps;
        let has = match made > asked {
            true => format!("{made} env steps, more than the {asked} asked for"),
            false => format!("all {made} env steps"),
        };
        // An unfinished run that has its steps still lacks its last evaluation, unless fewer were asked for.
        let nothing_left = made >= asked && (finished.is_some() || asked < then.steps);
        let why = format!("the run already has {has}; a larger --steps continues it{ignored}");
        nothing_left.then_some((summary, why))
    }
}
