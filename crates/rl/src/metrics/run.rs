//! Metrics of a run besides its gradient steps: episodes, evaluations, speed and time.

crate::metrics! {
    /// Metrics of a run, for any algorithm.
    METRICS:
    ENV_STEPS = {
        key: "env_steps", label: "env steps", unit: Count,
        help: "agent steps recorded since the run began, by all its agents together",
    }
    GRADIENT_STEPS = {
        key: "gradient_steps", label: "gradient steps", unit: Count,
        help: "updates of the networks",
    }
    EPISODES = {
        key: "rollout/episodes", label: "episodes", unit: Count,
        help: "finished episodes",
    }
    EPISODE_RETURN = {
        key: "rollout/episode_return", label: "return", unit: Reward,
        help: "undiscounted sum of the rewards of an episode",
    }
    EPISODE_LENGTH = {
        key: "rollout/episode_length", label: "episode length", unit: AgentSteps,
        help: "agent steps of an episode",
    }
    SUCCESS = {
        key: "rollout/success", label: "success", unit: Fraction,
        help: "share that reached the goal or won the match",
    }
    SCORE = {
        key: "rollout/score", label: "score", unit: Points,
        help: "points for minus points against; 1 for a goal",
    }
    POLICY_LAG = {
        key: "rollout/policy_lag", label: "policy lag", unit: GradientSteps,
        help: "gradient steps the learner was ahead of the policy that chose the latest steps, when they arrived",
    }
    REFUSED_STEPS = {
        key: "rollout/refused_steps", label: "refused steps", unit: Count,
        help: "steps that were not learned from because a value was NaN, infinite or beyond ±1 000 000; only in runs that had any",
    }
    DROPPED_STEPS = {
        key: "rollout/dropped_steps", label: "dropped steps", unit: Count,
        help: "steps that never reached the learner because it was further behind than the replay buffer holds; only in watched runs that had any",
    }
    EVAL_RETURN = {
        key: "eval/episode_return", label: "return of the evaluation", unit: Reward,
        help: "mean undiscounted sum of rewards of greedy episodes",
    }
    EVAL_LENGTH = {
        key: "eval/episode_length", label: "episode length of the evaluation", unit: AgentSteps,
        help: "mean agent steps of greedy episodes",
    }
    EVAL_SUCCESS = {
        key: "eval/success", label: "success of the evaluation", unit: Fraction,
        help: "share of greedy episodes that reached the goal or won the match",
    }
    EVAL_SCORE = {
        key: "eval/score", label: "score of the evaluation", unit: Points,
        help: "mean score of greedy episodes",
    }
    ENV_STEPS_PER_SECOND = {
        key: "time/env_steps_per_second", label: "env steps/s", unit: PerSecond,
        help: "agent steps recorded per second of real time, over all arenas",
    }
    GRADIENT_STEPS_PER_SECOND = {
        key: "time/gradient_steps_per_second", label: "gradient steps/s", unit: PerSecond,
        help: "updates of the networks per second of real time",
    }
    SECONDS = {
        key: "time/seconds", label: "seconds", unit: Seconds,
        help: "since the run began, all its parts together",
    }
    UNIX_SECONDS = {
        key: "time/unix_seconds", label: "clock", unit: Seconds,
        help: "wall-clock time, since 1970",
    }
}
