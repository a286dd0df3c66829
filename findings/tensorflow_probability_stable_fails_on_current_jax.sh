#!/usr/bin/env bash
# tensorflow-probability 0.25.0, its newest stable release, on JAX 0.10.2: pip sees no conflict, and the JAX substrate cannot
# be imported.
#
# The substrate needs no TensorFlow and installs beside any JAX, since it declares none. Importing it ends in AttributeError:
# module 'jax.interpreters.xla' has no attribute 'pytype_aval_mappings'. The nightly tfp-nightly 0.26.0.dev20261027 imports.
# One expects the newest stable release of a library to work with a JAX that pip installs beside it, or pip to refuse.
# SAC in JAX draws its squashed Gaussians from it: SBX 0.28.0 therefore depends on tfp-nightly, and whoever replaces that by
# the stable release, to have fixed versions, cannot train.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 tensorflow-probability==0.25.0
env/bin/pip check -q || { echo "pip sees a conflict now"; exit 1; }
load="from tensorflow_probability.substrates import jax as tfp; print(tfp.distributions.Normal(0.0, 1.0).log_prob(0.0))"
if env/bin/python -c "$load" 2>log; then
    echo "it can be imported now"
    exit 1
fi
tail -n 1 log
grep -q "jax.interpreters.xla.*pytype_aval_mappings" log || { echo "it fails in another way now"; exit 1; }
env/bin/pip uninstall -q -y tensorflow-probability
env/bin/pip install -q --disable-pip-version-check tfp-nightly==0.26.0.dev20261027
env/bin/python -W ignore -c "$load"
echo "as described"
