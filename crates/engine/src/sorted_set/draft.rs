//! Scores that a decision gives to members, on their way into an operation.

use std::collections::BTreeMap;

use super::{SortedSet, fits_small, small_score};
use crate::op::Op;
use crate::texts::Texts;

/// What a sorted set will get, and how it would look with it.
#[derive(Debug)]
pub(super) struct Draft<'s, 'm> {
    set: Option<&'s SortedSet>,
    members: Vec<&'m [u8]>,
    scores: Vec<f64>,
    /// Where members stand that may be named again.
    places: BTreeMap<&'m [u8], usize>,
    /// How many members there will be.
    len: usize,
    /// What [`SortedSet::is_small`] will be.
    is_small: bool,
}

impl<'s, 'm> Draft<'s, 'm> {
    /// Of changes to a set.
    pub(super) fn of(set: Option<&'s SortedSet>) -> Self {
        let is_small = set.is_none_or(SortedSet::is_small);
        Self { set, len: set.map_or(0, SortedSet::len), ..Self::new(is_small) }
    }

    /// Of a new set, which Redis holds as a listpack from its first member on, or not.
    pub(super) fn new(is_small: bool) -> Self {
        let (members, scores, places) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { set: None, members, scores, places, len: 0, is_small }
    }

    /// The score that a member has so far.
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        match self.places.get(member) {
            Some(place) => Some(self.scores[*place]),
            None => self.set.and_then(|set| set.score(member)),
        }
    }

    /// Gives a score to a member that will not be named again.
    pub(super) fn push(&mut self, member: &'m [u8], score: f64, is_new: bool) {
        if is_new {
            self.len += 1;
            self.is_small = self.is_small && fits_small(self.len, member);
        }
        self.members.push(member);
        self.scores.push(if self.is_small { small_score(score) } else { score });
    }

    /// Gives a score to a member, which may be named again.
    pub(super) fn set(&mut self, member: &'m [u8], score: f64, is_new: bool) {
        match self.places.get(member) {
            Some(place) => {
                self.scores[*place] = if self.is_small { small_score(score) } else { score };
            }
            None => {
                self.places.insert(member, self.members.len());
                self.push(member, score, is_new);
            }
        }
    }

    /// How many members have got a score.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

impl<'m> Draft<'_, 'm> {
    /// The operation, if there is anything to do. The members are those of a request.
    pub(super) fn into_op(self, db: u8, key: &'m [u8]) -> Option<Op<'m>> {
        let Self { members, scores, .. } = self;
        let members = Texts::Collected(members);
        (!scores.is_empty()).then_some(Op::SortedSetAdd { db, key, scores, members })
    }

    /// As [`Draft::into_op`], with members that stand in the state.
    pub(super) fn into_owned_op<'a>(self, db: u8, key: &'a [u8]) -> Option<Op<'a>> {
        let Self { members, scores, .. } = self;
        let members = Texts::Owned(members.into_iter().collect());
        (!scores.is_empty()).then_some(Op::SortedSetAdd { db, key, scores, members })
    }
}
