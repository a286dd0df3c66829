#!/usr/bin/env bash
# rliable 1.2.0 with numpy 2.4.6 and scipy 1.17.1: for scores of one task the "median" is the mean over runs, and so is
# the interquartile mean of three runs.
#
# Scores are `[runs, tasks]`. `aggregate_median` takes the median over tasks of each task's mean over runs, as its docstring
# says and its name does not: five runs of one task with 0, 0, 0, 10 and 100 give 22.0, where `numpy.median` of the runs is
# 0.0; two tasks are averaged as well. `aggregate_iqm` leaves out floor(n / 4) scores at either end: nothing of three runs
# (the outlier stays), one of five: 3.33, where weights for parts of a score would give 3.0.
# One expects a median over runs, robust to a single lucky seed, in comparisons of variants on one task, which is what the
# intervals of `get_interval_estimates` are drawn for as well.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check rliable==1.2.0 numpy==2.4.6 scipy==1.17.1 "pandas<3" "arch<8"
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import numpy as np
from rliable import library, metrics

five = np.array([[0.0], [0.0], [0.0], [10.0], [100.0]])
three = five[2:]
two_tasks = np.hstack([five, five / 10])
median, mean = metrics.aggregate_median(five), metrics.aggregate_mean(five)
over_two = metrics.aggregate_median(two_tasks)
iqm_five, iqm_three = metrics.aggregate_iqm(five), metrics.aggregate_iqm(three)
medians = lambda x: np.array([metrics.aggregate_median(x)])
estimates, _ = library.get_interval_estimates({"five": five}, medians, reps=100)
print("five runs: median", median, "mean", mean, "numpy's median", np.median(five), "IQM", iqm_five)
print("three runs: IQM", iqm_three, "mean", three.mean(), "two tasks: median", over_two)
for holds, why in [
    (median == mean == 22.0 and np.median(five) == 0.0, "the median of one task is no mean any more"),
    (estimates["five"][0] == 22.0, "interval estimates are of another median"),
    (np.isclose(over_two, (22.0 + 2.2) / 2), "two tasks have another median"),
    (np.isclose(iqm_five, 10 / 3), "five runs have another interquartile mean"),
    (np.isclose(iqm_three, three.mean()), "of three runs the interquartile mean is no mean any more"),
]:
    if not holds:
        sys.exit(why)
PY
echo "as described"
