#!/usr/bin/env bash
# burn 0.22.1 (flex backend): the element-wise minimum and maximum of two tensors are not symmetric when a value is not a number.
#
# `a.min_pair(b)` and `a.max_pair(b)` compare and select. Where `b` is NaN the comparison is false and the value of `a` is kept:
# the NaN is gone without a trace. With the operands swapped the result is NaN. PyTorch's torch.minimum and NumPy's
# minimum return NaN either way; NumPy's fmin returns the number either way. burn does neither.
# In twin-critic algorithms (TD3, SAC) the minimum over two critics therefore hides a diverged second critic.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cargo init -q --vcs none --name pairs .
cargo add -q burn@=0.22.1 --no-default-features --features std,flex
cat > src/main.rs <<'RUST'
use burn::tensor::{Device, Tensor};

fn main() {
    let device = Device::flex();
    let tensor = |values: [f32; 2]| Tensor::<1>::from_floats(values, &device);
    let (number, broken) = (|| tensor([1.0, 2.0]), || tensor([f32::NAN, 1.5]));
    for (name, result, nan) in [
        ("number.min_pair(nan)", number().min_pair(broken()), false),
        ("nan.min_pair(number)", broken().min_pair(number()), true),
        ("number.max_pair(nan)", number().max_pair(broken()), false),
        ("nan.max_pair(number)", broken().max_pair(number()), true),
    ] {
        let values: Vec<f32> = result.into_data().try_to_vec().expect("floats");
        println!("{name} = {}", values[0]);
        assert_eq!(values[0].is_nan(), nan, "{name} changed");
    }
}
RUST
cargo run -q
echo "as described"
