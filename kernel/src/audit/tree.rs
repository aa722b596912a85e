//! The Merkle tree of RFC 6962 section 2.1, grown leaf by leaf; pure. It keeps the roots of its whole
//! subtrees alone, so a tree of a million leaves is twenty hashes.

use sha2::{Digest, Sha256};

/// SHA-256.
pub(crate) type Hash = [u8; 32];

/// A tree as of its last leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    size: u64,
    /// The roots of the whole subtrees, the largest first: one for each 1 in the size's binary form.
    frontier: Vec<Hash>,
}

impl Tree {
    /// A tree from which to go on; none when there are not as many hashes as its size has.
    pub(crate) fn resume(size: i64, frontier: &[u8]) -> Option<Self> {
        let size = u64::try_from(size).ok()?;
        let (hashes, []) = frontier.as_chunks::<32>() else { return None };
        let whole = usize::try_from(size.count_ones()) == Ok(hashes.len());
        whole.then(|| Self { size, frontier: hashes.to_vec() })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn frontier(&self) -> Vec<u8> {
        self.frontier.concat()
    }

    /// Appends a leaf.
    pub(crate) fn push(&mut self, leaf: &[u8]) {
        let mut hash: Hash = Sha256::new().chain_update([0]).chain_update(leaf).finalize().into();
        // As in counting: each 1 at the end of the size is a subtree that this leaf makes part of a larger.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.frontier.pop() {
                hash = node(&left, &hash);
            }
        }
        self.frontier.push(hash);
        self.size += 1;
    }

    /// The root; of no leaf at all, the hash of nothing.
    pub(crate) fn root(&self) -> Hash {
        let joined = self.frontier.iter().rev().copied().reduce(|right, left| node(&left, &right));
        joined.unwrap_or_else(|| Sha256::digest([]).into())
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// In lower-case hexadecimal digits, as roots are told.
pub(crate) fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The leaves and roots that implementations of Certificate Transparency test themselves with.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn the_roots_are_those_of_certificate_transparency() {
        let mut tree = Tree::default();
        assert_eq!(hex(&tree.root()), ROOTS[0]);
        for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
            tree.push(leaf);
            assert_eq!(hex(&tree.root()), *root, "{}", tree.size());
        }
    }

    #[test]
    fn a_tree_goes_on_from_where_it_was_left_at_any_size() {
        let grow = |tree: &mut Tree, to: u64| {
            while tree.size() < to {
                tree.push(&tree.size().to_be_bytes());
            }
        };
        let mut whole = Tree::default();
        grow(&mut whole, 70);
        for size in 0..=70 {
            let mut first = Tree::default();
            grow(&mut first, size);
            let kept = i64::try_from(size).unwrap();
            let mut second = Tree::resume(kept, &first.frontier()).expect("a frontier");
            assert_eq!(second, first);
            grow(&mut second, 70);
            assert_eq!(second.root(), whole.root(), "{size}");
        }
    }

    #[test]
    fn what_is_no_frontier_is_no_tree() {
        for (size, bytes) in [(-1, 0), (0, 32), (1, 0), (1, 31), (1, 33), (2, 64), (3, 32)] {
            assert_eq!(Tree::resume(size, &vec![0; bytes]), None, "{size} {bytes}");
        }
    }
}
