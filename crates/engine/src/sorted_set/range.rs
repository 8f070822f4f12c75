//! Which ranks a range of ranks, scores or members comes to.

use std::ops::Range;

use super::SortedSet;
use super::command::{Direction, LexBound, LexRange, MemberRange, ScoreBound, ScoreRange};
use crate::list::resolve_range;

impl SortedSet {
    /// The ranks of a range. An empty one may begin anywhere.
    ///
    /// `direction` is the one in which the range is walked. It matters only to a range of members in
    /// a set whose scores differ, of which Redis promises nothing.
    pub(crate) fn ranks(&self, range: &MemberRange<'_>, direction: Direction) -> Range<usize> {
        match range {
            MemberRange::Rank { start, stop } => {
                let ranks = resolve_range(*start, *stop, self.len());
                match direction {
                    Direction::Forward => ranks,
                    Direction::Reverse => self.len() - ranks.end..self.len() - ranks.start,
                }
            }
            MemberRange::Score(range) => self.score_ranks(range),
            MemberRange::Lex(range) if self.is_small => self.lex_ranks_by_walk(range, direction),
            MemberRange::Lex(range) => self.lex_ranks(range),
        }
    }

    fn score_ranks(&self, ScoreRange { min, max }: &ScoreRange) -> Range<usize> {
        let start = self.order.count_while(|scored| !min.allows_from(scored.score));
        let end = self.order.count_while(|scored| max.allows_to(scored.score));
        start..end.max(start)
    }

    fn lex_ranks(&self, LexRange { min, max }: &LexRange<'_>) -> Range<usize> {
        let start = self.order.count_while(|scored| !min.allows_from(&scored.member));
        let end = self.order.count_while(|scored| max.allows_to(&scored.member));
        start..end.max(start)
    }

    /// Redis walks a small set: the first member within the bounds, and those behind it as long as
    /// they are. Where scores differ, that is not the same as looking for both ends.
    fn lex_ranks_by_walk(&self, range: &LexRange<'_>, direction: Direction) -> Range<usize> {
        let LexRange { min, max } = range;
        let (Some((first, _)), Some((last, _))) =
            (self.at_rank(0), self.at_rank(self.len().saturating_sub(1)))
        else {
            return 0..0;
        };
        if !min.allows_from(last) || !max.allows_to(first) {
            return 0..0;
        }
        let mut members = self.by_rank(0..self.len()).map(|(member, _)| member);
        match direction {
            Direction::Forward => {
                let Some(start) = members.position(|member| min.allows_from(member)) else {
                    return 0..0;
                };
                let members = self.by_rank(start..self.len());
                let count = members.take_while(|(member, _)| max.allows_to(member)).count();
                start..start + count
            }
            Direction::Reverse => {
                let Some(skipped) = members.rev().position(|member| max.allows_to(member)) else {
                    return 0..0;
                };
                let end = self.len() - skipped;
                let members = self.by_rank(0..end).rev();
                let count = members.take_while(|(member, _)| min.allows_from(member)).count();
                end - count..end
            }
        }
    }
}

impl ScoreBound {
    /// As the lower bound of a range.
    fn allows_from(self, score: f64) -> bool {
        match self {
            ScoreBound::Inclusive(bound) => bound <= score,
            ScoreBound::Exclusive(bound) => bound < score,
        }
    }

    /// As the upper bound of a range.
    fn allows_to(self, score: f64) -> bool {
        match self {
            ScoreBound::Inclusive(bound) => score <= bound,
            ScoreBound::Exclusive(bound) => score < bound,
        }
    }
}

impl LexBound<'_> {
    /// As the lower bound of a range.
    fn allows_from(self, member: &[u8]) -> bool {
        match self {
            LexBound::Smallest => true,
            LexBound::Greatest => false,
            LexBound::Inclusive(bound) => bound <= member,
            LexBound::Exclusive(bound) => bound < member,
        }
    }

    /// As the upper bound of a range.
    fn allows_to(self, member: &[u8]) -> bool {
        match self {
            LexBound::Smallest => false,
            LexBound::Greatest => true,
            LexBound::Inclusive(bound) => member <= bound,
            LexBound::Exclusive(bound) => member < bound,
        }
    }
}
