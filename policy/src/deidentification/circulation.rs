//! What the totals give away, as a flow.
//!
//! A table with its totals is water that goes round: the grand total flows out to the rows, each row's
//! to its cells, the cells' to their columns, and back. At every node what comes in goes out; these are
//! all the sums that a reader can do. A hidden number is safe if the water could also go otherwise: if
//! one unit more can go round through its pipe and other hidden pipes. Through a pipe, "more" can also
//! mean one less the other way, as long as something remains, for a reader knows that no hidden number
//! is 0.

use super::threshold::Threshold;

/// A number of the table, from one node to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pipe {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) count: u64,
    pub(super) hidden: bool,
    /// Told elsewhere already, so that hiding it here would hide nothing.
    pub(super) known: bool,
}

/// The numbers of a table and the nodes between them.
pub(super) struct Circulation {
    pub(super) pipes: Vec<Pipe>,
    pub(super) nodes: usize,
}

/// What it costs to hide what is known: more than all there is to hide.
const KNOWN: u64 = 1 << 50;

/// The cheapest way found so far to a node: what it costs to hide, and by which pipe from which node.
#[derive(Clone, Copy)]
struct Reach {
    cost: u64,
    by: Option<(usize, usize)>,
}

impl Circulation {
    /// Hides what is too small, and then more until neither a hidden number nor a small group of hidden
    /// numbers can be worked out. Ends at the latest when all that is not 0 is hidden.
    pub(super) fn protect(&mut self, threshold: Threshold) {
        for pipe in &mut self.pipes {
            pipe.hidden |= threshold.hides(pipe.count);
        }
        self.hide_ways_round();
        while let Some(more) = self.first_small_group(threshold) {
            self.hide(more);
            self.hide_ways_round();
        }
    }

    fn hide(&mut self, index: usize) {
        if let Some(pipe) = self.pipes.get_mut(index) {
            pipe.hidden = true;
        }
    }

    /// One pass is enough: what it hides on the way goes round with what it was hidden for.
    fn hide_ways_round(&mut self) {
        for index in 0..self.pipes.len() {
            let Some(pipe) = self.pipes.get(index).copied().filter(|pipe| pipe.hidden) else {
                continue;
            };
            for index in self.way_round(index, pipe) {
                self.hide(index);
            }
        }
    }

    /// Where all that flows one way through a node is shown, the hidden rest of the other way is known
    /// as a sum. If that is itself a small cell: the smallest number that takes the sum away.
    fn first_small_group(&self, threshold: Threshold) -> Option<usize> {
        (0..self.nodes).find_map(|node| {
            let side = |inward: bool| {
                let here = move |pipe: &Pipe| if inward { pipe.to } else { pipe.from } == node;
                self.pipes.iter().enumerate().filter(move |(_, pipe)| here(pipe))
            };
            let hidden = |inward| -> u64 {
                side(inward).filter(|(_, pipe)| pipe.hidden).map(|(_, pipe)| pipe.count).sum()
            };
            let leaking = match (hidden(true), hidden(false)) {
                (0, rest) => threshold.hides(rest).then_some(false),
                (rest, 0) => threshold.hides(rest).then_some(true),
                _ => None,
            }?;
            let smallest = |inward| {
                let free = |pipe: &Pipe| !pipe.hidden && !pipe.known && pipe.count > 0;
                let shown = side(inward).filter(|(_, pipe)| free(pipe));
                shown.min_by_key(|(_, pipe)| pipe.count).map(|(index, _)| index)
            };
            smallest(leaking).or_else(|| smallest(!leaking))
        })
    }

    /// The pipes that another unit through this one takes back, hidden ones if possible. There is always
    /// a way: whatever flows through a pipe flows round.
    fn way_round(&self, through: usize, pipe: Pipe) -> Vec<usize> {
        let reach = self.reach(through, pipe.to);
        let mut way = Vec::new();
        let mut node = pipe.from;
        while let Some((index, before)) = reach.get(node).copied().flatten().and_then(|r| r.by) {
            way.push(index);
            node = before;
        }
        way
    }

    /// The cheapest ways from a node to all others, not through one pipe (after Bellman and Ford).
    fn reach(&self, without: usize, start: usize) -> Vec<Option<Reach>> {
        let mut reach = vec![None; self.nodes];
        if let Some(start) = reach.get_mut(start) {
            *start = Some(Reach { cost: 0, by: None });
        }
        let mut changed = true;
        while changed {
            changed = false;
            for (index, pipe) in self.pipes.iter().enumerate() {
                if index == without || (pipe.count == 0 && !pipe.hidden) {
                    continue;
                }
                let price = match (pipe.hidden, pipe.known) {
                    (true, _) => 0,
                    (false, true) => KNOWN,
                    (false, false) => pipe.count,
                };
                changed |= improve(&mut reach, index, pipe.from, pipe.to, price);
                if pipe.count > 1 {
                    changed |= improve(&mut reach, index, pipe.to, pipe.from, price);
                }
            }
        }
        reach
    }
}

/// Notes a cheaper way to a node.
fn improve(reach: &mut [Option<Reach>], index: usize, from: usize, to: usize, price: u64) -> bool {
    let Some(before) = reach.get(from).copied().flatten() else { return false };
    let cost = before.cost.saturating_add(price);
    match reach.get_mut(to) {
        Some(known) if known.is_none_or(|known| cost < known.cost) => {
            *known = Some(Reach { cost, by: Some((index, from)) });
            true
        }
        _ => false,
    }
}
