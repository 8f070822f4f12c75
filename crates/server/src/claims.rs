//! Readers that wait with CLAIM: whose pending entries they watch, and when the next one is old enough.
//!
//! There is one alarm for each group that is waited on, whoever waits, and none is asked about before
//! its time: readers that wait cost nothing.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Op, Touched, UnixMillis};

use crate::blocking::{Arrival, Key};

/// A group of one key.
pub(crate) type GroupKey = (Key, Box<[u8]>);

/// All lines of readers that wait with CLAIM.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    lines: BTreeMap<GroupKey, Line>,
    alarms: BTreeSet<(UnixMillis, GroupKey)>,
    /// Groups whose alarm has to be set anew: their readers or pending entries have changed.
    stale: BTreeSet<GroupKey>,
}

/// Those of a group's readers that wait with CLAIM.
#[derive(Debug, Default)]
struct Line {
    /// The shortest idle time that each asks for.
    idle_mins: BTreeMap<Arrival, u64>,
    by_idle: BTreeSet<(u64, Arrival)>,
    alarm: Option<UnixMillis>,
}

impl Claims {
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn add(&mut self, group: GroupKey, arrival: Arrival, idle_min_ms: u64) {
        let line = self.lines.entry(group.clone()).or_default();
        line.idle_mins.insert(arrival, idle_min_ms);
        line.by_idle.insert((idle_min_ms, arrival));
        self.stale.insert(group);
    }

    pub(crate) fn remove(&mut self, group: &GroupKey, arrival: Arrival) {
        let Some(line) = self.lines.get_mut(group) else { return };
        if let Some(idle_min_ms) = line.idle_mins.remove(&arrival) {
            line.by_idle.remove(&(idle_min_ms, arrival));
        }
        if line.idle_mins.is_empty() {
            let alarm = line.alarm.take();
            self.lines.remove(group);
            if let Some(time) = alarm {
                self.alarms.remove(&(time, group.clone()));
            }
        }
    }

    /// Notes what may make pending entries older or younger.
    pub(crate) fn note(&mut self, op: &Op<'_>) {
        if matches!(op, Op::StreamAppend { .. } | Op::ConsumerSeen { .. }) {
            return;
        }
        match op.touched() {
            Touched::Nothing => {}
            Touched::Key(db, key) => self.note_key(db, key),
            Touched::Keys(first, second) => {
                self.note_key(first.0, first.1);
                self.note_key(second.0, second.1);
            }
            Touched::Db(_) | Touched::Dbs(..) | Touched::Everything => {
                self.stale.extend(self.lines.keys().cloned());
            }
        }
    }

    fn note_key(&mut self, db: u8, key: &[u8]) {
        let from: GroupKey = ((db, key.into()), Box::default());
        let lines = self.lines.range(from..).map(|(group, _)| group);
        self.stale.extend(lines.take_while(|group| group.0.0 == db && *group.0.1 == *key).cloned());
    }

    /// A group whose alarm has to be set, with the shortest idle time that is waited for.
    pub(crate) fn take_stale(&mut self) -> Option<(GroupKey, u64)> {
        while let Some(group) = self.stale.pop_first() {
            let shortest = self.lines.get(&group).and_then(|line| line.by_idle.first());
            if let Some(&(idle_min_ms, _)) = shortest {
                return Some((group, idle_min_ms));
            }
        }
        None
    }

    /// Sets the alarm of a group, or none.
    pub(crate) fn set_alarm(&mut self, group: GroupKey, time: Option<UnixMillis>) {
        let Some(line) = self.lines.get_mut(&group) else { return };
        if line.alarm == time {
            return;
        }
        let before = std::mem::replace(&mut line.alarm, time);
        if let Some(before) = before {
            self.alarms.remove(&(before, group.clone()));
        }
        if let Some(time) = time {
            self.alarms.insert((time, group));
        }
    }

    /// When the first alarm is due.
    pub(crate) fn next_alarm(&self) -> Option<UnixMillis> {
        self.alarms.first().map(|(time, _)| *time)
    }

    /// A group whose alarm is due. It has to be set again.
    pub(crate) fn take_due(&mut self, now: UnixMillis) -> Option<GroupKey> {
        if now < self.next_alarm()? {
            return None;
        }
        let (_, group) = self.alarms.pop_first()?;
        if let Some(line) = self.lines.get_mut(&group) {
            line.alarm = None;
        }
        self.stale.insert(group.clone());
        Some(group)
    }

    /// The shortest idle time that a reader asks for; `u64::MAX` if it does not wait with CLAIM.
    pub(crate) fn idle_min_ms(&self, group: &GroupKey, arrival: Arrival) -> u64 {
        let line = self.lines.get(group);
        line.and_then(|line| line.idle_mins.get(&arrival)).copied().unwrap_or(u64::MAX)
    }

    /// The next in the line behind `after` that asks for less than `below`.
    pub(crate) fn next_below(
        &self,
        group: &GroupKey,
        after: Arrival,
        below: u64,
    ) -> Option<Arrival> {
        let line = self.lines.get(group)?;
        line.by_idle.first().filter(|(shortest, _)| *shortest < below)?;
        let mut behind = line.idle_mins.range(after + 1..);
        behind.find(|(_, idle)| **idle < below).map(|(arrival, _)| *arrival)
    }
}
