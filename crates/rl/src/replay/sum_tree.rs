//! A sum tree: leaves hold masses, inner nodes hold sums, for sampling a leaf by its mass.
//!
//! Used by `priorities`. Every inner node has 16 children, so a level is two cache lines to read and the tree
//! takes only 1/15 more memory than its leaves.

/// Children of an inner node.
const FAN_OUT: usize = 16;

/// Non-negative masses of a fixed number of leaves, with their sums (Schaul et al. 2016, appendix B.2.1).
///
/// Setting and finding take O(log N). A node is always the sum of its children in their order, never adjusted
/// by differences: rounding errors do not accumulate, and equal leaves give equal trees.
#[derive(Debug, Clone, PartialEq)]
pub struct SumTree {
    leaves: usize,
    /// Leaves first, then their sums, up to a single node. Every level is padded with zeros to whole
    /// groups of [`FAN_OUT`], except for the last.
    levels: Vec<Vec<f64>>,
}

impl SumTree {
    /// `leaves` masses of 0.
    pub fn new(leaves: usize) -> Self {
        let mut levels = Vec::new();
        let mut nodes = leaves.max(1);
        while nodes > 1 || levels.is_empty() {
            let groups = nodes.div_ceil(FAN_OUT);
            levels.push(vec![0.0; groups * FAN_OUT]);
            nodes = groups;
        }
        levels.push(vec![0.0]);
        Self { leaves, levels }
    }

    /// Number of leaves.
    pub fn len(&self) -> usize {
        self.leaves
    }

    /// Whether there is no leaf.
    pub fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// Bytes of masses and sums.
    pub fn bytes(&self) -> usize {
        self.levels.iter().map(|level| size_of_val(level.as_slice())).sum()
    }

    /// Mass of `leaf`, below [`SumTree::len`].
    pub fn mass(&self, leaf: usize) -> f64 {
        self.levels[0][leaf]
    }

    /// Sum of all masses.
    pub fn total(&self) -> f64 {
        self.levels.last().map_or(0.0, |top| top[0])
    }

    /// Sets the mass of `leaf`, below [`SumTree::len`], to a finite value of 0 or more.
    pub fn set(&mut self, leaf: usize, mass: f64) {
        debug_assert!(leaf < self.leaves && mass >= 0.0 && mass.is_finite(), "leaf {leaf}, mass {mass}");
        self.levels[0][leaf] = mass;
        self.sum_above(leaf..leaf + 1);
    }

    /// Sets the mass of all `leaves` to 0, with a single update of the sums.
    pub fn clear(&mut self, leaves: std::ops::Range<usize>) {
        self.levels[0][leaves.clone()].fill(0.0);
        self.sum_above(leaves);
    }

    /// Replaces every leaf and recomputes all sums: O(N).
    pub fn fill(&mut self, mass: impl Fn(usize) -> f64) {
        for (leaf, value) in self.levels[0][..self.leaves].iter_mut().enumerate() {
            *value = mass(leaf);
        }
        self.sum_above(0..self.leaves);
    }

    /// Recomputes the sums above `nodes` of the lowest level.
    fn sum_above(&mut self, mut nodes: std::ops::Range<usize>) {
        if nodes.is_empty() {
            return;
        }
        for level in 1..self.levels.len() {
            nodes = nodes.start / FAN_OUT..(nodes.end - 1) / FAN_OUT + 1;
            let (below, above) = self.levels.split_at_mut(level);
            let (groups, _) = below[level - 1].as_chunks::<FAN_OUT>();
            for (sum, group) in above[0][nodes.clone()].iter_mut().zip(&groups[nodes.clone()]) {
                *sum = group.iter().sum();
            }
        }
    }

    /// The first leaf whose own and earlier masses sum to more than `target`, in [0, total). Its mass is
    /// positive if any leaf's is.
    pub fn find(&self, mut target: f64) -> usize {
        let mut node = 0;
        for level in self.levels[..self.levels.len() - 1].iter().rev() {
            let first = node * FAN_OUT;
            let group = &level[first..first + FAN_OUT];
            let mut chosen = None;
            for (child, &mass) in group.iter().enumerate() {
                if target < mass {
                    chosen = Some(child);
                    break;
                }
                target -= mass;
            }
            // Rounding may carry the target past the end: then the last leaf with a positive mass is used.
            let child = chosen.unwrap_or_else(|| {
                target = f64::INFINITY;
                group.iter().rposition(|&mass| mass > 0.0).unwrap_or(0)
            });
            node = first + child;
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn masses_of_zero_are_never_found() {
        let mut tree = SumTree::new(40);
        tree.set(7, 0.5);
        tree.set(30, 1.5);
        assert_eq!((tree.find(0.0), tree.find(0.499), tree.find(0.5), tree.find(1.999)), (7, 7, 30, 30));
        assert_eq!(tree.find(2.0), 30, "past the end");
        tree.clear(20..40);
        assert_eq!((tree.total(), tree.find(0.4)), (0.5, 7));
    }

    #[test]
    fn a_tree_may_be_of_any_size() {
        for leaves in [0, 1, 2, 15, 16, 17, 255, 256, 257, 5000] {
            let mut tree = SumTree::new(leaves);
            tree.fill(|_| 1.0);
            assert_eq!((tree.total(), tree.len()), (leaves as f64, leaves));
            for leaf in 0..leaves {
                assert_eq!(tree.find(leaf as f64 + 0.5), leaf);
            }
        }
    }

    proptest! {
        /// Eighths add up without rounding, so the tree and a plain walk must agree exactly.
        #[test]
        fn it_finds_what_a_walk_finds(
            leaves in 1usize..400,
            changes in prop::collection::vec((0usize..400, 0u8..20), 0..300),
            targets in prop::collection::vec(0.0f64..1.0, 20),
        ) {
            let mut tree = SumTree::new(leaves);
            let mut masses = vec![0.0; leaves];
            for (at, mass) in changes {
                let (leaf, mass) = (at % leaves, f64::from(mass) / 8.0);
                masses[leaf] = mass;
                tree.set(leaf, mass);
            }
            prop_assert_eq!(tree.total(), masses.iter().sum::<f64>());
            let mut filled = SumTree::new(leaves);
            filled.fill(|leaf| masses[leaf]);
            prop_assert_eq!(&filled, &tree);
            if tree.total() > 0.0 {
                for target in targets {
                    let target = target * tree.total();
                    let mut sum = 0.0;
                    let walked = masses.iter().position(|mass| { sum += mass; sum > target });
                    prop_assert_eq!(Some(tree.find(target)), walked);
                }
            }
        }
    }
}
