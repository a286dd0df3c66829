#!/usr/bin/env bash
# safetensors 0.8.0 (Rust): the same tensors with the same metadata serialize to other bytes in every process.
#
# `serialize` takes metadata as a HashMap and writes the entries in its iteration order, which is seeded anew in each map.
# Tensors are sorted, so files without metadata are reproducible; with eight metadata keys, six processes gave several
# different files of one length, and all of them read back to the same content. With one key all files were equal.
# Checksums of exported models therefore differ from export to export unless the header is written in sorted order.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cargo init -q --vcs none --name tensors .
cargo add -q safetensors@=0.8.0
cat > src/main.rs <<'RUST'
use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

fn main() {
    let keys: usize = std::env::args().nth(1).map_or(0, |keys| keys.parse().expect("a number"));
    let data = 1.0f32.to_le_bytes();
    let tensor = TensorView::new(Dtype::F32, vec![1], &data).expect("one float");
    let metadata: HashMap<String, String> = (0..keys).map(|key| (format!("key{key}"), "value".into())).collect();
    let bytes = serialize([("weight", &tensor)], Some(metadata.clone())).expect("serializes");
    let (_, read) = SafeTensors::read_metadata(&bytes).expect("reads back");
    assert_eq!(read.metadata().clone().unwrap_or_default(), metadata);
    let sum = bytes.iter().fold(0xCBF2_9CE4_8422_2325u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3));
    println!("{} bytes, checksum {sum:016x}", bytes.len());
}
RUST
cargo build -q
different() { for _ in 1 2 3 4 5 6; do target/debug/tensors "$1"; done | sort -u | wc -l; }
[ "$(different 1)" = 1 ] || { echo "one key: files differ"; exit 1; }
[ "$(different 8)" -gt 1 ] || { echo "eight keys: all files are equal now"; exit 1; }
lengths=$(for _ in 1 2 3 4 5 6; do target/debug/tensors 8; done | cut -d, -f1 | sort -u | wc -l)
[ "$lengths" = 1 ] || { echo "lengths differ"; exit 1; }
echo "as described"
