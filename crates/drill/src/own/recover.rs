//! Finds the point at which a crash has cut a writer's requests.
//!
//! Replies come in the order of the requests, so at a crash the acknowledged requests are a prefix of
//! those sent, and what is on disk must be that prefix and then some of the rest *in their order*.
//! [`recover`] looks for that point. If there is none, [`diagnose`] says what was broken.

use std::collections::BTreeSet;

use super::model::{Entry, Model};
use super::observe::Observed;
use super::request::Request;
use crate::finding::{Findings, Kind};

/// The state after the acknowledged requests and the first few of those in flight that `observed` is,
/// with the IDs that only the server knew; and how many those few are.
pub(super) fn recover(
    acknowledged: &Model,
    in_flight: &[Request],
    observed: &Observed,
) -> Option<(Model, usize)> {
    let mut candidate = acknowledged.clone();
    let mut stored = 0;
    while !observed.has_group || difference(&candidate, &observed.state).is_some() {
        candidate.apply(in_flight.get(stored)?, None);
        stored += 1;
    }
    let mut state = observed.state.clone();
    // Numbers of requests that were not stored are not used again.
    state.next_number = acknowledged.next_number + 1 + in_flight.len() as u64;
    Some((state, stored))
}

/// The first part in which the server's state is not the expected one.
fn difference(expected: &Model, observed: &Model) -> Option<String> {
    for stream in 0..2 {
        let (mine, theirs) = (&expected.plain[stream], &observed.plain[stream]);
        let is_same = |(mine, theirs): (&Entry, &Entry)| {
            mine.number == theirs.number && (mine.id.is_none() || mine.id == theirs.id)
        };
        if mine.len() != theirs.len() {
            return Some(format!("{} entries expected, {} there", mine.len(), theirs.len()));
        }
        if let Some(at) = mine.iter().zip(theirs).position(|pair| !is_same(pair)) {
            return Some(format!("{} expected, {} there", mine[at], theirs[at]));
        }
        let (mine, theirs) = (expected.tops[stream], observed.tops[stream].id);
        if if mine.is_higher { theirs <= mine.id } else { theirs != mine.id } {
            return Some(format!("last ID {} expected, {theirs} there", mine.id));
        }
    }
    let parts = [
        ("counter", expected.transactions, observed.transactions),
        ("projection", expected.projected, observed.projected),
        ("last ID of the jobs", expected.jobs_top, observed.jobs_top),
        ("last delivered job", expected.last_delivered, observed.last_delivered),
        ("note", expected.note.unwrap_or_default(), observed.note.unwrap_or_default()),
    ];
    if let Some((name, mine, theirs)) = parts.into_iter().find(|(_, a, b)| a != b) {
        return Some(format!("{name}: {mine} expected, {theirs} there"));
    }
    if let Some(job) = expected.jobs.symmetric_difference(&observed.jobs).next() {
        let there = if observed.jobs.contains(job) { "is" } else { "is not" };
        return Some(format!("job {job} {there} there"));
    }
    let jobs: BTreeSet<_> = expected.pending.keys().chain(observed.pending.keys()).collect();
    let different = |job: &&u64| expected.pending.get(job) != observed.pending.get(job);
    jobs.into_iter().find(different).map(|job| {
        let (mine, theirs) = (expected.pending.get(job), observed.pending.get(job));
        format!("pending job {job}: {mine:?} expected, {theirs:?} there")
    })
}

/// Says what a state that [`recover`] has no point for has lost, doubled, split or mixed up.
pub(super) fn diagnose(
    who: &str,
    acknowledged: &Model,
    in_flight: &[Request],
    observed: &Observed,
    findings: &mut Findings,
) {
    let mut all = acknowledged.clone();
    in_flight.iter().for_each(|request| all.apply(request, None));
    let mut found = Findings::default();
    let state = &observed.state;
    for stream in 0..2 {
        let who = format!("{who}, stream {}", ["a", "b"][stream]);
        let added: Vec<_> = in_flight.iter().filter_map(|request| added(request, stream)).collect();
        let (known, possible) = (&acknowledged.plain[stream], &all.plain[stream]);
        for (kind, what) in diagnose_plain(&who, known, possible, &added, &state.plain[stream]) {
            found.add(kind, what);
        }
        let (known, there) = (acknowledged.tops[stream].id, state.tops[stream].id);
        if there < known {
            found.add(
                Kind::IdWentBack,
                format!("{who}: last ID {known} was given out, now {there}"),
            );
        }
    }
    for job in acknowledged.jobs.intersection(&all.jobs).filter(|job| !state.jobs.contains(job)) {
        found.add(Kind::Lost, format!("{who}: job {job} was acknowledged and is gone"));
    }
    for job in state.jobs.iter().filter(|job| !acknowledged.jobs.contains(job)) {
        if !in_flight.iter().any(|r| matches!(r, Request::AddJob { number } if number == job)) {
            found.add(Kind::Lost, format!("{who}: the deletion of job {job} was acknowledged"));
        }
    }
    diagnose_transactions(who, acknowledged, in_flight, state, &mut found);
    if !observed.has_group {
        found.add(Kind::Lost, format!("{who}: the group was acknowledged and is gone"));
    }
    if found.is_empty() {
        let first = difference(acknowledged, state).unwrap_or_default();
        let last = difference(&all, state).unwrap_or_default();
        let count = in_flight.len();
        let what = format!("{who}: acknowledged only: {first}; with all {count} in flight: {last}");
        found.add(Kind::StateDiffers, what);
    }
    findings.merge(found);
}

/// The number that a request adds to a plain stream.
fn added(request: &Request, stream: usize) -> Option<u64> {
    match request {
        Request::Add { stream: to, number, .. } if *to == stream => Some(*number),
        Request::AddToBoth { number } => Some(*number),
        Request::Project { number, .. } if stream == 0 => Some(*number),
        _ => None,
    }
}

/// `possible` is what all requests lead to, those in flight included, and `added` what the latter add.
fn diagnose_plain(
    who: &str,
    acknowledged: &[Entry],
    possible: &[Entry],
    added: &[u64],
    observed: &[Entry],
) -> Vec<(Kind, String)> {
    let numbers = |entries: &[Entry]| entries.iter().map(|e| e.number).collect::<BTreeSet<_>>();
    let (known, possible, there) = (numbers(acknowledged), numbers(possible), numbers(observed));
    let mut found = Vec::new();
    for entry in acknowledged {
        if possible.contains(&entry.number) && !there.contains(&entry.number) {
            found.push((Kind::Lost, format!("{who}: {entry} was acknowledged and is gone")));
        }
    }
    for number in there.difference(&known).filter(|number| !added.contains(number)) {
        let what = format!("{who}: the deletion of number {number} was acknowledged");
        found.push((Kind::Lost, what));
    }
    let stays = added.iter().filter(|number| possible.contains(number));
    if !stays.map(|number| there.contains(number)).is_sorted_by(|a, b| a >= b) {
        let what = format!("{who}: {added:?} were sent, not the first of them are there");
        found.push((Kind::Misordered, what));
    }
    let mut seen = BTreeSet::new();
    let mut highest = 0;
    for entry in observed {
        if !seen.insert(entry.number) {
            found.push((Kind::Duplicated, format!("{who}: {entry} is there twice")));
        } else if entry.number < highest {
            found.push((Kind::Misordered, format!("{who}: {entry} comes after {highest}")));
        }
        highest = highest.max(entry.number);
    }
    found
}

/// Counts of transactions against what else they have written.
fn diagnose_transactions(
    who: &str,
    acknowledged: &Model,
    in_flight: &[Request],
    state: &Model,
    found: &mut Findings,
) {
    for (what, known, there) in [
        ("counter", acknowledged.transactions, state.transactions),
        ("projection", acknowledged.projected, state.projected),
    ] {
        if there < known {
            let what = format!("{who}: {what} {known} was acknowledged, {there} is there");
            found.add(Kind::Lost, what);
        }
    }
    let has = |stream: usize, number: u64| state.plain[stream].iter().any(|e| e.number == number);
    let (mut both, mut projected) = (0, 0);
    let mut is_removed = false;
    for request in in_flight {
        match request {
            Request::AddToBoth { number } if has(0, *number) != has(1, *number) => {
                found.add(Kind::Partial, format!("{who}: half of {request:?} is there"));
            }
            Request::AddToBoth { number } => both += u64::from(has(0, *number)),
            Request::Project { number, .. } => projected += u64::from(has(0, *number)),
            // Parts of a transaction may be gone again for a good reason.
            Request::Trim { .. } | Request::Delete { .. } => is_removed = true,
            Request::Add { length_max: Some(_), .. } => is_removed = true,
            _ => {}
        }
    }
    for (what, known, stored, there) in [
        ("counter", acknowledged.transactions, both, state.transactions),
        ("projection", acknowledged.projected, projected, state.projected),
    ] {
        if !is_removed && known + stored != there && known <= there {
            let what = format!("{who}: {what} is {there}, entries say {}", known + stored);
            found.add(Kind::Partial, what);
        }
    }
}

#[cfg(test)]
mod tests;
