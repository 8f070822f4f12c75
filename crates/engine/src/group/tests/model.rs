//! Random group commands against a naive model; and the log's operations, applied elsewhere, and a
//! snapshot's items, loaded elsewhere, make the same groups.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::{Group, GroupItem};
use super::Bench;
use crate::command::*;
use crate::id::{StreamId, UnixMillis};

/// The same state with plain maps and no view that could disagree with another.
#[derive(Default)]
struct Model {
    live: BTreeSet<StreamId>,
    last_delivered: StreamId,
    pending: BTreeMap<StreamId, Owed>,
    /// Those without an owner, in the order of their release. Their `owner` is empty.
    released: Vec<StreamId>,
    /// Seen and active.
    consumers: BTreeMap<String, (UnixMillis, Option<UnixMillis>)>,
}

#[derive(Clone)]
struct Owed {
    owner: String,
    time: UnixMillis,
    count: u64,
}

impl Owed {
    fn is_claimable(&self, idle_min_ms: u64, now: UnixMillis) -> bool {
        self.owner.is_empty() || idle_min_ms <= now.saturating_sub(self.time)
    }
}

impl Model {
    /// Runs a command on the one stream `s` and its one group `g`.
    fn run(&mut self, command: &Command<'_>, now: UnixMillis) -> String {
        match command {
            Command::XAdd(add) => {
                let NewId::Explicit(id) = add.id else { panic!("only explicit IDs") };
                self.live.insert(id);
                id.to_string()
            }
            Command::XDel { ids, .. } => {
                let ids = ids.as_ref().expect("IDs");
                ids.iter().filter(|id| self.live.remove(id)).count().to_string()
            }
            Command::XGroupSetId { from: Ok(GroupStart::After(id)), .. } => {
                self.last_delivered = *id;
                "OK".to_owned()
            }
            Command::XGroupDelConsumer { consumer, .. } => {
                let name = super::word(consumer);
                let before = self.pending.len();
                self.pending.retain(|_, owed| owed.owner != name);
                self.consumers.remove(name);
                (before - self.pending.len()).to_string()
            }
            Command::XReadGroup(read) => self.read(read, now),
            Command::XAck { ids, .. } => {
                let ids = ids.as_ref().expect("IDs");
                ids.iter().filter(|id| self.forget(**id)).count().to_string()
            }
            Command::XNack { release, .. } => self.release(release.as_ref().expect("a release")),
            Command::XClaim { consumer, claim, .. } => {
                self.claim(super::word(consumer), claim.as_ref().expect("a claim"), now)
            }
            Command::XAutoClaim(auto) => self.auto_claim(auto, now),
            Command::XPending { range: Some(range), .. } => self.listing(range, now),
            Command::XInfoConsumers { .. } => self.consumers(now),
            other => panic!("not in the model: {other:?}"),
        }
    }

    fn see(&mut self, name: &str, now: UnixMillis, active: bool) {
        let times = self.consumers.entry(name.to_owned()).or_insert((now, None));
        times.0 = now;
        if active {
            times.1 = Some(now);
        }
    }

    fn give(&mut self, id: StreamId, owner: &str, time: UnixMillis, count: u64) {
        self.released.retain(|released| *released != id);
        if owner.is_empty() {
            self.released.push(id);
        }
        self.pending.insert(id, Owed { owner: owner.to_owned(), time, count });
    }

    fn forget(&mut self, id: StreamId) -> bool {
        self.released.retain(|released| *released != id);
        self.pending.remove(&id).is_some()
    }

    fn release(&mut self, release: &Release) -> String {
        let mut count = 0;
        for &id in release.ids.as_ref().expect("IDs") {
            let before = match self.pending.get(&id) {
                Some(owed) => owed.count,
                None if release.force && self.live.contains(&id) => 0,
                None => continue,
            };
            let after = release.count.unwrap_or(match release.mode {
                ReleaseMode::Silent => before.max(1) - 1,
                ReleaseMode::Fail => before,
                ReleaseMode::Fatal => i64::MAX.unsigned_abs(),
            });
            self.give(id, "", 0, after);
            count += 1;
        }
        count.to_string()
    }

    /// What CLAIM finds for a consumer, at most `count` entries.
    fn claim_idle(&mut self, name: &str, idle: u64, count: usize, now: UnixMillis) -> Vec<String> {
        let is_old = |owed: &Owed| !owed.owner.is_empty() && idle <= now.saturating_sub(owed.time);
        let old = self.pending.iter().filter(|(_, owed)| is_old(owed));
        let mut old: Vec<_> = old.map(|(id, owed)| (owed.time, *id)).collect();
        old.sort_unstable();
        let candidates: Vec<_> =
            self.released.iter().copied().chain(old.into_iter().map(|(_, id)| id)).collect();
        let mut texts = Vec::new();
        for id in candidates {
            if texts.len() == count {
                break;
            }
            if !self.live.contains(&id) {
                self.forget(id);
                continue;
            }
            let owed = self.pending[&id].clone();
            let idle = match owed.owner.is_empty() {
                true => "-1".to_owned(),
                false => now.saturating_sub(owed.time).to_string(),
            };
            texts.push(format!("{id}({idle},{})", owed.count));
            self.give(id, name, now, (owed.count + 1).min(i64::MAX.unsigned_abs()));
            self.see(name, now, true);
        }
        texts
    }

    fn read(&mut self, read: &XReadGroup<'_>, now: UnixMillis) -> String {
        let name = super::word(read.consumer);
        self.see(name, now, false);
        let mut answers = Vec::new();
        let count = usize::try_from(read.limits.count.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        for (_, from) in &read.streams {
            let texts: Vec<String> = match from.as_ref().expect("an ID") {
                GroupReadFrom::New => {
                    let idle = read.claim_idle_min_ms;
                    let mut texts =
                        idle.map_or(vec![], |idle| self.claim_idle(name, idle, count, now));
                    let count = count - texts.len();
                    let above = |id: &&StreamId| self.last_delivered < **id;
                    let ids: Vec<_> = self.live.iter().filter(above).take(count).copied().collect();
                    self.last_delivered = ids.last().copied().unwrap_or(self.last_delivered);
                    for id in ids.iter().filter(|_| !read.no_ack) {
                        self.give(*id, name, now, 1);
                        self.see(name, now, true);
                    }
                    let new = if idle.is_some() { "(0,0)" } else { "" };
                    texts.extend(ids.iter().map(|id| format!("{id}{new}")));
                    if texts.is_empty() {
                        continue;
                    }
                    texts
                }
                GroupReadFrom::HistoryAfter(after) => self
                    .pending
                    .iter_mut()
                    .filter(|(id, owed)| after < id && owed.owner == name)
                    .take(count)
                    .map(|(id, owed)| {
                        if !self.live.contains(id) {
                            return format!("{id}=nil");
                        }
                        owed.time = now;
                        owed.count = (owed.count + 1).min(i64::MAX.unsigned_abs());
                        id.to_string()
                    })
                    .collect(),
            };
            answers.push(format!("s:[{}]", texts.join(" ")));
        }
        if answers.is_empty() { "nil".to_owned() } else { format!("[{}]", answers.join(" ")) }
    }

    fn claim(&mut self, name: &str, claim: &Claim, now: UnixMillis) -> String {
        self.see(name, now, false);
        if let Some(last) = claim.last_id {
            self.last_delivered = self.last_delivered.max(last);
        }
        let mut claimed = Vec::new();
        for &id in &claim.ids {
            if !self.live.contains(&id) {
                self.forget(id);
                continue;
            }
            let before = match self.pending.get(&id) {
                None if claim.force => 1,
                None => continue,
                Some(owed) if !owed.is_claimable(claim.idle_min_ms, now) => continue,
                Some(owed) => owed.count,
            };
            let more = (before + u64::from(!claim.just_id)).min(i64::MAX.unsigned_abs());
            let count = claim.delivery_count.unwrap_or(more);
            let time = match claim.delivery_time {
                ClaimTime::Idle(ms) => now - ms.unsigned_abs(),
                _ => now,
            };
            self.give(id, name, time, count);
            self.see(name, now, true);
            claimed.push(id.to_string());
        }
        format!("[{}]", claimed.join(" "))
    }

    fn auto_claim(&mut self, auto: &XAutoClaim<'_>, now: UnixMillis) -> String {
        let name = super::word(auto.consumer);
        self.see(name, now, false);
        let (mut claimed, mut gone) = (Vec::new(), Vec::new());
        let mut next = StreamId::MIN;
        let walk: Vec<_> = self.pending.range(auto.start..).map(|(id, _)| *id).collect();
        for (looked, id) in (0..).zip(walk) {
            let found = u64::try_from(claimed.len() + gone.len()).expect("few");
            if looked == auto.count * 10 || found == auto.count {
                next = id;
                break;
            }
            if !self.live.contains(&id) {
                self.forget(id);
                gone.push(id.to_string());
                continue;
            }
            let owed = self.pending[&id].clone();
            if owed.is_claimable(auto.idle_min_ms, now) {
                let more = owed.count + u64::from(!auto.just_id);
                self.give(id, name, now, more.min(i64::MAX.unsigned_abs()));
                self.see(name, now, true);
                claimed.push(id.to_string());
            }
        }
        format!("[{next} [{}] [{}]]", claimed.join(" "), gone.join(" "))
    }

    fn listing(&self, range: &PendingRange<'_>, now: UnixMillis) -> String {
        let rows: Vec<_> = self
            .pending
            .range(range.range.start..=range.range.end)
            .filter(|(_, owed)| range.consumer.is_none_or(|name| name == owed.owner.as_bytes()))
            .filter(|(_, owed)| owed.is_claimable(range.idle_min_ms, now))
            .map(|(id, owed)| match owed.owner.is_empty() {
                true => (id, owed, -1),
                false => (id, owed, now.saturating_sub(owed.time).cast_signed()),
            })
            .take(usize::try_from(range.count).expect("not negative"))
            .map(|(id, owed, idle)| {
                let owner = if owed.owner.is_empty() { "''" } else { &owed.owner };
                format!("[{id} {owner} {idle} {}]", owed.count)
            })
            .collect();
        format!("[{}]", rows.join(" "))
    }

    fn consumers(&self, now: UnixMillis) -> String {
        let rows = self.consumers.iter().map(|(name, (seen, active))| {
            let pending = self.pending.values().filter(|owed| owed.owner == *name).count();
            let inactive = active.map_or("-1".to_owned(), |time| (now - time).to_string());
            let idle = now - seen;
            format!("[name={name} pending={pending} idle={idle} inactive={inactive}]")
        });
        format!("[{}]", rows.collect::<Vec<_>>().join(" "))
    }
}

/// What happens next; `Add` takes the next ID, so that it always succeeds.
#[derive(Debug, Clone)]
enum Step {
    Add(u64),
    Wait(u64),
    Line(String),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || (0..60u64).prop_map(|ms| format!("{ms}-0"));
    let ids = move || proptest::collection::vec(id(), 1..8).prop_map(|ids| ids.join(" "));
    let name = || prop_oneof!["a", "b", "c"];
    let line = prop_oneof![
        1 => ids().prop_map(|ids| format!("XDEL s {ids}")),
        1 => id().prop_map(|id| format!("XGROUP SETID s g {id}")),
        1 => name().prop_map(|name| format!("XGROUP DELCONSUMER s g {name}")),
        6 => (name(), 1..9, prop_oneof![4 => Just(""), 1 => Just(" NOACK")])
            .prop_map(|(name, count, ack)| format!("XREADGROUP GROUP g {name} COUNT {count}{ack} STREAMS s >")),
        2 => (name(), id()).prop_map(|(name, id)| format!("XREADGROUP GROUP g {name} COUNT 5 STREAMS s {id}")),
        1 => (name(), id()).prop_map(|(name, id)| format!("XREADGROUP GROUP g {name} COUNT 2 STREAMS s s s > {id} >")),
        4 => ids().prop_map(|ids| format!("XACK s g {ids}")),
        3 => (ids(), prop_oneof!["SILENT", "FAIL", "FATAL"], prop_oneof![
                Just(""), Just(" FORCE"), Just(" RETRYCOUNT 3")
            ]).prop_map(|(ids, mode, how)| format!("XNACK s g {mode} {ids}{how}")),
        3 => (name(), 0..9u64, 1..9, prop_oneof![4 => Just(""), 1 => Just(" NOACK")])
            .prop_map(|(name, idle, count, ack)| format!("XREADGROUP GROUP g {name} CLAIM {idle} COUNT {count}{ack} STREAMS s >")),
        1 => (name(), id()).prop_map(|(name, id)| format!("XREADGROUP GROUP g {name} CLAIM 1 COUNT 2 STREAMS s s s > {id} >")),
        3 => (name(), 0..9u64, ids(), prop_oneof![
                Just(""), Just(" FORCE"), Just(" JUSTID"), Just(" RETRYCOUNT 5"), Just(" IDLE 4"), Just(" LASTID 20-0")
            ]).prop_map(|(name, idle, ids, how)| format!("XCLAIM s g {name} {idle} {ids}{how}")),
        2 => (name(), 0..9u64, id(), 1..5u64, prop_oneof![Just(""), Just(" JUSTID")])
            .prop_map(|(name, idle, id, count, how)| format!("XAUTOCLAIM s g {name} {idle} {id} COUNT {count}{how}")),
        1 => (0..9u64, id(), 0..20u64).prop_map(|(idle, id, count)| format!("XPENDING s g IDLE {idle} {id} + {count}")),
        1 => name().prop_map(|name| format!("XPENDING s g - + 9 {name}")),
    ];
    let step = prop_oneof![
        1 => (1..8u64).prop_map(Step::Add),
        1 => (0..9u64).prop_map(Step::Wait),
        8 => line.prop_map(Step::Line),
    ];
    proptest::collection::vec(step, 1..80)
}

/// Runs a line on both and compares the replies.
fn run(bench: &mut Bench, model: &mut Model, line: &str) {
    let words: Vec<&[u8]> = line.split(' ').map(super::unquote).collect();
    let fields = &words[words.len().min(3)..];
    let command = super::parse(&words, fields);
    let expected = model.run(&command, bench.now);
    assert_eq!(bench.execute(&command).0, expected, "{line}");
}

/// A group loaded from the items of another.
fn loaded(group: &Group) -> Group {
    let mut loaded = None;
    for item in group.items(b"g") {
        match (&mut loaded, &item) {
            (None, GroupItem::Group { last_delivered, entries_read, .. }) => {
                loaded = Some(Group::new(*last_delivered, *entries_read));
            }
            (None, _) => panic!("the first item is the group"),
            (Some(group), item) => group.load(item).expect("its own item"),
        }
    }
    loaded.expect("a group")
}

/// A group as text, without the times that the log does not hold.
fn recorded(group: &Group) -> String {
    let mut items: Vec<_> = group.items(b"g").collect();
    for item in &mut items {
        if let GroupItem::Consumer { seen, .. } = item {
            *seen = 0;
        }
    }
    format!("{items:?}")
}

proptest! {
    #[test]
    fn groups_behave_as_the_model_and_as_their_log(steps in steps()) {
        let mut bench = Bench::after(&["XGROUP CREATE s g 0 MKSTREAM"]);
        let mut model = Model::default();
        let mut next = 1;
        for step in steps {
            match step {
                Step::Add(count) => for _ in 0..count {
                    run(&mut bench, &mut model, &format!("XADD s {next}-0 f {next}-0"));
                    next += 1;
                },
                Step::Wait(ms) => bench.now += ms,
                Step::Line(line) => run(&mut bench, &mut model, &line),
            }
            run(&mut bench, &mut model, "XPENDING s g - + 1000");
            run(&mut bench, &mut model, "XINFO CONSUMERS s g");
        }
        let group = &super::stream(&bench.engine).expect("a stream").groups[&b"g"[..]];
        let replica = &super::stream(&bench.replica).expect("a stream").groups[&b"g"[..]];
        prop_assert_eq!(recorded(group), recorded(replica));
        let items = |group: &Group| group.items(b"g").map(|item| format!("{item:?}")).collect::<Vec<_>>();
        prop_assert_eq!(items(group), items(&loaded(group)));
    }
}
