#!/usr/bin/env bash
# safetensors 0.8.0 (Python, NumPy): a transposed array is saved without complaint and loads with other values.
#
# The transpose of [[0, 1, 2], [3, 4, 5]] loads as [[0, 1], [2, 3], [4, 5]] and not as [[0, 3], [1, 4], [2, 5]]: shape and
# dtype are right, the numbers are in the order in which they lie in memory. An array made with `order="F"` does the same.
# Version 0.7.0 writes both correctly, and the big-endian arrays that 0.8.0 converts by itself are right in both.
# NumPy hides the order in memory nearly everywhere, so one expects the values, or an error.
# Transposing is exactly what one does to bring weights from [inputs, outputs] to [outputs, inputs]; square layers keep
# their shape, so nothing fails later. Wrap every array in `numpy.ascontiguousarray` before saving.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
cat > check.py <<'PY'
import sys

import numpy as np
from safetensors.numpy import load, save

matrix, right = np.arange(6, dtype=np.float32).reshape(2, 3), sys.argv[1] == "right"
for name, array, exact in [
    ("transposed", matrix.T, right),
    ('order="F"', np.array(matrix, order="F"), right),
    ("big-endian", matrix.astype(">f4"), True),
    ("ascontiguousarray", np.ascontiguousarray(matrix.T), True),
]:
    read = load(save({"weight": array}))["weight"]
    print(f"{name}: {array.tolist()} loads as {read.tolist()}")
    if read.shape != array.shape or np.array_equal(read, array) != exact:
        sys.exit(f"{name}: saved in another way now")
PY
for version in 0.8.0 0.7.0; do
    env/bin/pip install -q --disable-pip-version-check safetensors==$version numpy==2.4.6
    echo "safetensors $version"
    env/bin/python check.py "$([ $version = 0.7.0 ] && echo right || echo wrong)"
done
echo "as described"
