//! Rules of the commands that make one sorted set of several sorted sets and sets.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::command::{Aggregate, CombineOptions, ZCombine};
use super::draft::Draft;
use super::read::store;
use super::{SortedSet, fits_small};
use crate::command::{Deferred, SetOperation};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::keyspace::Value;
use crate::reply::{Nesting, Reply, Shape};
use crate::set::Set;

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// One of the sets that go in.
#[derive(Debug, Clone, Copy)]
enum Source<'e> {
    Missing,
    Sorted(&'e SortedSet),
    /// All its members have the score 1.
    Plain(&'e Set),
}

/// A source, and what its scores are multiplied with.
#[derive(Debug, Clone, Copy)]
struct Weighted<'e> {
    source: Source<'e>,
    weight: f64,
}

/// ZUNION, ZINTER, ZDIFF.
pub(crate) fn combine<'a>(view: &View<'_>, command: &ZCombine<'_>) -> Decided<'a> {
    let sources = sources(view, command.keys)?;
    let options = command.options.as_ref().map_err(CommandError::clone)?;
    let members = result(view, command.operation, sources, options).into_iter();
    let members = members.map(|(score, member)| (member, score));
    Ok(Decision::reply(if options.with_scores {
        view.gather_scored(Nesting::ByProtocol, members)
    } else {
        view.gather_strings(Shape::List, members.map(|(member, _)| member))
    }))
}

/// ZUNIONSTORE, ZINTERSTORE, ZDIFFSTORE.
pub(crate) fn combine_and_store<'a>(
    view: &View<'_>,
    new_key: &'a [u8],
    command: &ZCombine<'_>,
) -> Decided<'a> {
    let sources = sources(view, command.keys)?;
    let options = command.options.as_ref().map_err(CommandError::clone)?;
    let members = result(view, command.operation, sources, options);
    let is_small = members.iter().all(|(_, member)| fits_small(members.len(), member));
    let mut draft = Draft::new(is_small);
    for (score, member) in members {
        draft.push(member, score, true);
    }
    Ok(store(view, new_key, draft))
}

/// ZINTERCARD.
pub(crate) fn z_inter_card<'a>(
    view: &View<'_>,
    keys: &[&[u8]],
    limit: &Deferred<u64>,
) -> Decided<'a> {
    let mut sources = sources(view, keys)?;
    let limit = match limit.clone()? {
        0 => usize::MAX,
        limit => usize::try_from(limit).unwrap_or(usize::MAX),
    };
    sources.sort_by_key(|source| source.len());
    let Some((smallest, others)) = sources.split_first() else {
        return Ok(Decision::reply(Reply::Integer(0)));
    };
    let in_all = |(member, _): &(&[u8], f64)| others.iter().all(|s| s.score(member).is_some());
    Ok(Decision::reply(Reply::count(smallest.iter().filter(in_all).take(limit).count())))
}

fn sources<'e>(view: &View<'e>, keys: &[&[u8]]) -> Result<Vec<Source<'e>>, CommandError> {
    keys.iter()
        .map(|key| match view.entry(key).map(|entry| &entry.value) {
            None => Ok(Source::Missing),
            Some(Value::SortedSet(set)) => Ok(Source::Sorted(set)),
            Some(Value::Set(set)) => Ok(Source::Plain(set)),
            Some(_) => Err(CommandError::WrongType),
        })
        .collect()
}

/// The members and scores that come out, in their order.
fn result<'e>(
    view: &View<'e>,
    operation: SetOperation,
    sources: Vec<Source<'e>>,
    options: &CombineOptions,
) -> Vec<(f64, &'e [u8])> {
    let weights = options.weights.iter().copied().chain(std::iter::repeat(1.0));
    let mut sources: Vec<_> = sources
        .into_iter()
        .zip(weights)
        .map(|(source, weight)| Weighted { source, weight })
        .collect();
    if operation != SetOperation::Difference {
        // The smallest first, as Redis does it: the sum of floats depends on their order.
        sources.sort_by_key(|weighted| weighted.source.len());
    }
    let mut members = match operation {
        SetOperation::Union => union(view, &sources, options.aggregate),
        SetOperation::Intersection => intersection(&sources, options.aggregate),
        SetOperation::Difference => difference(&sources),
    };
    members.sort_by(|(one_score, one), (other_score, other)| {
        // No score is NaN.
        let by_score = one_score.partial_cmp(other_score);
        by_score.unwrap_or_else(|| one_score.total_cmp(other_score)).then_with(|| one.cmp(other))
    });
    members
}

fn union<'e>(
    view: &View<'e>,
    sources: &[Weighted<'e>],
    aggregate: Aggregate,
) -> Vec<(f64, &'e [u8])> {
    let hasher: FixedState = view.db().hasher();
    let mut union: IndexMap<&[u8], f64, FixedState> = IndexMap::with_hasher(hasher);
    for weighted in sources {
        for (member, score) in weighted.source.iter() {
            let score = number(weighted.weight * score);
            union.entry(member).and_modify(|sum| *sum = aggregate.of(*sum, score)).or_insert(score);
        }
    }
    union.into_iter().map(|(member, score)| (score, member)).collect()
}

fn intersection<'e>(sources: &[Weighted<'e>], aggregate: Aggregate) -> Vec<(f64, &'e [u8])> {
    let Some((smallest, others)) = sources.split_first() else { return Vec::new() };
    let members = smallest.source.iter().filter_map(|(member, score)| {
        let mut sum = number(smallest.weight * score);
        for other in others {
            sum = aggregate.of(sum, other.source.score(member)? * other.weight);
        }
        Some((sum, member))
    });
    members.collect()
}

fn difference<'e>(sources: &[Weighted<'e>]) -> Vec<(f64, &'e [u8])> {
    let Some((first, others)) = sources.split_first() else { return Vec::new() };
    let is_alone = |member: &[u8]| others.iter().all(|other| other.source.score(member).is_none());
    let members = first.source.iter().filter(|(member, _)| is_alone(member));
    members.map(|(member, score)| (score, member)).collect()
}

/// What is no number counts as 0: infinity times zero, or infinity minus infinity.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

impl Aggregate {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum => number(one + other),
            // Of equal ones, and of one that cannot be compared, the first stays.
            Aggregate::Min if other < one => other,
            Aggregate::Max if one < other => other,
            Aggregate::Min | Aggregate::Max => one,
        }
    }
}

impl<'e> Source<'e> {
    fn len(self) -> usize {
        match self {
            Source::Missing => 0,
            Source::Sorted(set) => set.len(),
            Source::Plain(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Missing => None,
            Source::Sorted(set) => set.score(member),
            Source::Plain(set) => set.contains(member).then_some(1.0),
        }
    }

    fn iter(self) -> impl Iterator<Item = (&'e [u8], f64)> {
        let (sorted, plain) = match self {
            Source::Missing => (None, None),
            Source::Sorted(set) => (Some(set), None),
            Source::Plain(set) => (None, Some(set)),
        };
        let sorted = sorted.into_iter().flat_map(SortedSet::unsorted);
        sorted.chain(plain.into_iter().flat_map(Set::iter).map(|member| (member, 1.0)))
    }
}
