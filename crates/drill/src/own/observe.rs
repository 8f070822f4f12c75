//! What the server has under one writer's keys.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Entry, Model, Pending, Top};
use super::request::{GROUP, Keys};
use crate::finding::{Findings, Kind};
use crate::id::{Id, entries, padding, texts};
use crate::wire::{Connection, Failure, Value};

/// The most pending entries that are asked for: far more than a writer lets pile up.
const PENDING_MAX: &str = "1000000";

/// What the server has, in the model's form, and whether the group is there at all.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    pub(super) state: Model,
    pub(super) has_group: bool,
}

impl Observed {
    /// Asks for everything. Entries whose fields are not what was sent are findings.
    pub(super) fn ask(
        client: &mut Connection,
        keys: &Keys,
        findings: &mut Findings,
    ) -> Result<Self, Failure> {
        let mut state = Model::default();
        for stream in 0..2 {
            let key = &keys.plain[stream];
            state.plain[stream] = plain_entries(client, key, findings)?;
            state.tops[stream] = Top { id: top(client, key)?, is_higher: false };
        }
        let jobs = plain_entries(client, &keys.jobs, findings)?;
        state.jobs = jobs.iter().map(|entry| entry.number).collect::<BTreeSet<_>>();
        if let Some(wrong) = jobs.iter().find(|job| job.id.is_none_or(|id| id.ms != job.number)) {
            findings.add(Kind::Damaged, format!("{}: {wrong:?} has another's number", keys.jobs));
        }
        state.jobs_top = top(client, &keys.jobs)?.ms;
        let groups = if state.jobs_top == 0 && !exists(client, &keys.jobs)? {
            Value::Null
        } else {
            client.ok(&["XINFO", "GROUPS", &keys.jobs])?
        };
        let has_group = !groups.items()?.is_empty();
        if has_group {
            state.last_delivered = Id::of(groups.item(0)?.field("last-delivered-id")?)?.ms;
            state.pending = pending(client, &keys.jobs)?;
        }
        state.transactions = number(client, &["GET", &keys.counter])?.unwrap_or_default();
        state.note = number(client, &["GET", &keys.note])?;
        state.projected = number(client, &["HGET", &keys.projection, "done"])?.unwrap_or_default();
        Ok(Self { state, has_group })
    }
}

fn exists(client: &mut Connection, key: &str) -> Result<bool, Failure> {
    Ok(client.ok(&["EXISTS", key])? == Value::Int(1))
}

/// The last ID that a stream has given out; zero if there is no such stream.
pub(crate) fn top(client: &mut Connection, key: &str) -> Result<Id, Failure> {
    if !exists(client, key)? {
        return Ok(Id::default());
    }
    Id::of(client.ok(&["XINFO", "STREAM", key])?.field("last-generated-id")?)
}

fn plain_entries(
    client: &mut Connection,
    key: &str,
    findings: &mut Findings,
) -> Result<Vec<Entry>, Failure> {
    let reply = client.ok(&["XRANGE", key, "-", "+"])?;
    let mut found = Vec::new();
    for (id, fields) in entries(&reply)? {
        let texts = texts(fields, ["n", "p"]);
        let number = texts.and_then(|[n, p]| n.parse().ok().filter(|n| padding(*n) == p));
        match number {
            Some(number) => found.push(Entry { id: Some(id), number }),
            None => findings.add(Kind::Damaged, format!("{key}: {id} is not what was sent")),
        }
    }
    Ok(found)
}

fn pending(client: &mut Connection, key: &str) -> Result<BTreeMap<u64, Pending>, Failure> {
    let reply = client.ok(&["XPENDING", key, GROUP, "-", "+", PENDING_MAX])?;
    let details = reply.items()?.iter().map(|detail| {
        let consumer = detail.item(1)?.text()?;
        let deliveries = detail.item(3)?.number()?;
        Ok((Id::of(detail.item(0)?)?.ms, Pending { consumer, deliveries }))
    });
    details.collect()
}

fn number(client: &mut Connection, arguments: &[&str]) -> Result<Option<u64>, Failure> {
    match client.ok(arguments)? {
        Value::Null => Ok(None),
        value => Ok(Some(value.number()?)),
    }
}
