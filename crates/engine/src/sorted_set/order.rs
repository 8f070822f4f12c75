//! Members in the order of their scores: a tree of chunks that knows how many members are below each
//! of its nodes, so that a rank leads to a member, and a member to its rank, in logarithmic time.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// Members of a leaf, or children of an inner node, at most: one more, for the moment before a node is
/// cut, is a power of two, as the room of a growing vector is.
const NODE_MAX: usize = 127;

/// Neighbours that have no more than this together become one.
const MERGED_MAX: usize = NODE_MAX / 2;

/// A member and its score, which is a number.
#[derive(Debug, Clone)]
pub(crate) struct Scored {
    pub(crate) score: f64,
    pub(crate) member: Arc<[u8]>,
}

impl Scored {
    /// Its place relative to another: by score, then by the bytes of the member.
    fn compare(&self, score: f64, member: &[u8]) -> Ordering {
        compare_scores(self.score, score).then_with(|| (*self.member).cmp(member))
    }
}

/// Zero has no sign here. No score is NaN; one that a forged file brings must do no harm.
fn compare_scores(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| one.total_cmp(&other))
}

/// The tree.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    root: Node,
    len: usize,
}

#[derive(Debug, Clone)]
enum Node {
    Leaf(Vec<Scored>),
    Inner(Vec<Child>),
}

#[derive(Debug, Clone)]
struct Child {
    /// No member of this child is smaller; all members of the child before are. It need not be a
    /// member any more. What the first child of a node has here is never looked at.
    from: Scored,
    /// Members below.
    len: usize,
    node: Node,
}

impl Default for Order {
    fn default() -> Self {
        Self { root: Node::Leaf(Vec::new()), len: 0 }
    }
}

impl Order {
    #[cfg(test)]
    fn len(&self) -> usize {
        self.len
    }

    /// Puts in a member that is not there.
    pub(crate) fn insert(&mut self, scored: Scored) {
        self.len += 1;
        let Some(right) = self.root.insert(scored, true) else { return };
        let left = std::mem::replace(&mut self.root, Node::Leaf(Vec::new()));
        let left = Child { from: right.from.clone(), len: self.len - right.len, node: left };
        self.root = Node::Inner(vec![left, right]);
    }

    /// Takes out the member at a rank, which there must be.
    pub(crate) fn remove_at(&mut self, rank: usize) -> Scored {
        assert!(rank < self.len, "a rank beyond the last");
        self.len -= 1;
        let removed = self.root.remove(rank);
        while let Node::Inner(children) = &mut self.root
            && children.len() <= 1
        {
            self.root = children.pop().map_or(Node::Leaf(Vec::new()), |child| child.node);
        }
        removed
    }

    /// How many members stand before the place of this one, be it there or not: its rank if it is.
    pub(crate) fn rank(&self, score: f64, member: &[u8]) -> usize {
        self.count_while(|scored| scored.compare(score, member).is_lt())
    }

    /// How many members `is_before` holds for, given that it holds for none behind one that it does
    /// not hold for. Where that is not so, some number up to that of all.
    pub(crate) fn count_while(&self, is_before: impl Fn(&Scored) -> bool) -> usize {
        let (mut node, mut before) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(members) => return before + members.partition_point(&is_before),
                Node::Inner(children) => {
                    let rest = children.get(1..).unwrap_or_default();
                    let at = rest.partition_point(|child| is_before(&child.from));
                    before += children[..at].iter().map(|child| child.len).sum::<usize>();
                    node = &children[at].node;
                }
            }
        }
    }

    /// The member at a rank.
    pub(crate) fn get(&self, rank: usize) -> Option<&Scored> {
        let (leaf, at) = self.leaf(rank);
        leaf.get(at)
    }

    /// The members at these ranks, which may be walked from either end.
    pub(crate) fn range(&self, ranks: Range<usize>) -> Iter<'_> {
        let end = ranks.end.min(self.len);
        Iter { order: self, ranks: ranks.start.min(end)..end, front: &[], back: &[] }
    }

    #[cfg(test)]
    fn iter(&self) -> Iter<'_> {
        self.range(0..self.len)
    }

    /// The leaf that has a rank, and the place in it.
    fn leaf(&self, mut rank: usize) -> (&[Scored], usize) {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(members) => return (members, rank),
                Node::Inner(children) => match find(children, &mut rank) {
                    Some(at) => node = &children[at].node,
                    None => return (&[], 0),
                },
            }
        }
    }

    /// Bytes that its nodes take.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.root.memory_bytes()
    }
}

/// The child that has a rank, which becomes one within that child.
fn find(children: &[Child], rank: &mut usize) -> Option<usize> {
    children.iter().position(|child| match rank.checked_sub(child.len) {
        Some(left) => {
            *rank = left;
            false
        }
        None => true,
    })
}

impl Node {
    /// How many members or children it has.
    fn slots(&self) -> usize {
        match self {
            Node::Leaf(members) => members.len(),
            Node::Inner(children) => children.len(),
        }
    }

    /// Puts in a member. If the node had no room, its right part comes back as a node of its own.
    fn insert(&mut self, scored: Scored, is_last: bool) -> Option<Child> {
        match self {
            Node::Leaf(members) => {
                let at = members
                    .partition_point(|before| before.compare(scored.score, &scored.member).is_lt());
                members.insert(at, scored);
                let split = split_at(members.len(), is_last && at + 1 == members.len())?;
                let right = members.split_off(split);
                Some(Child { from: right[0].clone(), len: right.len(), node: Node::Leaf(right) })
            }
            Node::Inner(children) => {
                let at = children[1..].partition_point(|child| {
                    child.from.compare(scored.score, &scored.member).is_le()
                });
                let is_last = is_last && at + 1 == children.len();
                let child = &mut children[at];
                child.len += 1;
                let right = child.node.insert(scored, is_last)?;
                child.len -= right.len;
                children.insert(at + 1, right);
                let split = split_at(children.len(), is_last)?;
                let right = children.split_off(split);
                let len = right.iter().map(|child| child.len).sum();
                Some(Child { from: right[0].from.clone(), len, node: Node::Inner(right) })
            }
        }
    }

    fn remove(&mut self, mut rank: usize) -> Scored {
        match self {
            Node::Leaf(members) => members.remove(rank),
            Node::Inner(children) => {
                let at = find(children, &mut rank).expect("the rank is below the node's length");
                let child = &mut children[at];
                child.len -= 1;
                let removed = child.node.remove(rank);
                if child.len == 0 {
                    children.remove(at);
                } else if at + 1 < children.len() && fit_together(&children[at..=at + 1]) {
                    merge(children, at);
                } else if 0 < at && fit_together(&children[at - 1..=at]) {
                    merge(children, at - 1);
                }
                removed
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Node::Leaf(members) => members.capacity() * size_of::<Scored>(),
            Node::Inner(children) => {
                let below = children.iter().map(|child| child.node.memory_bytes()).sum::<usize>();
                children.capacity() * size_of::<Child>() + below
            }
        }
    }
}

/// Where a node of so many slots is cut, if it is too large: in the middle, or before its last slot
/// if the tree grows at its end, as that leaves full nodes behind.
fn split_at(slots: usize, grows_at_end: bool) -> Option<usize> {
    (NODE_MAX < slots).then_some(if grows_at_end { slots - 1 } else { slots / 2 })
}

fn fit_together(neighbours: &[Child]) -> bool {
    neighbours.iter().map(|child| child.node.slots()).sum::<usize>() <= MERGED_MAX
}

/// Appends the child behind `at` to the one at `at`.
fn merge(children: &mut Vec<Child>, at: usize) {
    let right = children.remove(at + 1);
    let left = &mut children[at];
    left.len += right.len;
    match (&mut left.node, right.node) {
        (Node::Leaf(members), Node::Leaf(more)) => members.extend(more),
        (Node::Inner(below), Node::Inner(more)) => below.extend(more),
        _ => unreachable!("neighbours are of one height"),
    }
}

/// Members of neighbouring ranks. One way down the tree per leaf.
#[derive(Debug, Clone)]
pub(crate) struct Iter<'o> {
    order: &'o Order,
    /// Those still to come.
    ranks: Range<usize>,
    /// What is known to begin at the start of `ranks`.
    front: &'o [Scored],
    /// What is known to end at the end of `ranks`.
    back: &'o [Scored],
}

impl<'o> Iterator for Iter<'o> {
    type Item = &'o Scored;

    fn next(&mut self) -> Option<&'o Scored> {
        let rank = self.ranks.next()?;
        if self.front.is_empty() {
            let (leaf, at) = self.order.leaf(rank);
            self.front = leaf.get(at..)?;
        }
        let (first, rest) = self.front.split_first()?;
        self.front = rest;
        Some(first)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next_back()?;
        if self.back.is_empty() {
            let (leaf, at) = self.order.leaf(rank);
            self.back = leaf.get(..=at)?;
        }
        let (last, rest) = self.back.split_last()?;
        self.back = rest;
        Some(last)
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(score: f64, member: &str) -> Scored {
        Scored { score, member: member.as_bytes().into() }
    }

    /// Numbers that follow from a seed (xorshift).
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % limit as u64).unwrap()
        }
    }

    /// Every node is within its bounds, and knows what is below it.
    fn check_node(node: &Node) -> usize {
        assert!(node.slots() <= NODE_MAX);
        let Node::Inner(children) = node else { return node.slots() };
        assert!(!children.is_empty());
        for child in children {
            assert_eq!(check_node(&child.node), child.len);
            assert_ne!(child.len, 0);
        }
        children.iter().map(|child| child.len).sum()
    }

    fn check(order: &Order, model: &[(f64, String)]) {
        assert_eq!(check_node(&order.root), order.len());
        let found: Vec<_> = order
            .iter()
            .map(|s| (s.score, String::from_utf8_lossy(&s.member).into_owned()))
            .collect();
        assert_eq!(found, model);
        let backwards: Vec<_> = order.iter().rev().map(|s| s.score.to_bits()).collect();
        let expected: Vec<_> = model.iter().rev().map(|(score, _)| score.to_bits()).collect();
        assert_eq!(backwards, expected);
        for (rank, (score, member)) in model.iter().enumerate().step_by(7) {
            assert_eq!(order.rank(*score, member.as_bytes()), rank);
            assert_eq!(&*order.get(rank).unwrap().member, member.as_bytes());
        }
        assert!(order.get(model.len()).is_none());
    }

    /// Grows, shrinks to nothing and grows again, against a sorted vector.
    #[test]
    fn it_equals_a_sorted_vector() {
        for seed in 1..9 {
            let mut numbers = Numbers(seed * 0x9e37_79b9);
            let (mut order, mut model) = (Order::default(), Vec::<(f64, String)>::new());
            for step in 0..6_000 {
                let grows = (step / 1_500) % 2 == 0;
                if model.is_empty() || numbers.below(10) < if grows { 9 } else { 1 } {
                    let score = f64::from(u32::try_from(numbers.below(40)).unwrap());
                    let member = format!("m{}", step * 7_919 % 10_007);
                    let at = model.partition_point(|(s, m)| (*s, m) < (score, &member));
                    order.insert(scored(score, &member));
                    model.insert(at, (score, member));
                } else {
                    let rank = numbers.below(model.len());
                    let gone = order.remove_at(rank);
                    let (score, member) = model.remove(rank);
                    assert_eq!((gone.score, &*gone.member), (score, member.as_bytes()));
                }
                if step % 500 == 0 {
                    check(&order, &model);
                }
            }
            while !model.is_empty() {
                order.remove_at(0);
                model.remove(0);
            }
            check(&order, &model);
        }
    }

    #[test]
    fn rising_scores_fill_their_nodes() {
        let mut order = Order::default();
        for number in 0..20_000u32 {
            order.insert(scored(f64::from(number), "m"));
        }
        let Node::Inner(children) = &order.root else { panic!("one leaf for all") };
        assert!(children.len() < 4, "{}", children.len());
        assert_eq!(check_node(&order.root), 20_000);
        assert_eq!(order.rank(12_345.0, b"m"), 12_345);
        let middle: Vec<_> = order.range(9_999..10_002).map(|scored| scored.score).collect();
        assert_eq!(middle, [9_999.0, 10_000.0, 10_001.0]);
        assert!(order.range(30_000..40_000).next().is_none());
        assert_eq!(order.range(19_999..usize::MAX).count(), 1);
    }

    /// A walk from both ends meets in the middle.
    #[test]
    fn both_ends_meet() {
        let mut order = Order::default();
        for number in 0..1_000u32 {
            order.insert(scored(f64::from(number), "m"));
        }
        let mut walk = order.range(100..900);
        let mut seen = Vec::new();
        while let (Some(first), Some(last)) = (walk.next(), walk.next_back()) {
            assert!(first.score < last.score);
            seen.push(first.score + last.score);
        }
        assert_eq!(seen, vec![999.0; 400]);
    }
}
