//! Idempotent produce: the vectors of the specification, ages, and the way through log and image.

use engine::*;

use crate::Pair;

impl Pair {
    /// `XADD s IDMP pid iid * fields`, or IDMPAUTO without `iid`.
    fn once(&mut self, pid: &[u8], iid: Option<&[u8]>, fields: &[&[u8]]) -> String {
        let (key, id, fields) = (b"s".as_slice(), NewId::Auto, Fields::Borrowed(fields));
        let xadd = XAdd { key, id, fields, no_make_stream: false, trim: None };
        self.run(&Command::XAddOnce { xadd, pid, iid })
    }

    fn sent(&mut self, iid: &[u8]) -> String {
        self.once(b"p", Some(iid), &[b"f", b"v"])
    }

    fn cfgset(&mut self, duration_s: Option<u64>, iids_max: Option<u64>) -> String {
        self.run(&Command::XCfgSet { key: b"s", duration_s, iids_max })
    }

    /// pids-tracked, iids-tracked, iids-added, iids-duplicates
    fn counts(&mut self) -> String {
        ["pids-tracked", "iids-tracked", "iids-added", "iids-duplicates"]
            .map(|field| self.info(b"s", field))
            .join(" ")
    }
}

#[test]
fn a_message_sent_twice_is_stored_once() {
    let mut pair = Pair::new(100);
    assert_eq!(pair.sent(b"a"), "1000000-0");
    assert_eq!(pair.sent(b"b"), "1000000-1");
    assert_eq!(pair.sent(b"a"), "1000000-0", "the fields are not compared");
    assert_eq!(pair.once(b"other", Some(b"a"), &[b"f", b"v"]), "1000000-2");
    assert_eq!(pair.counts(), "2 3 3 1");
    // Still a duplicate when the entry is gone.
    pair.del(b"s", &[StreamId::new(1_000_000, 0)]);
    assert_eq!(pair.sent(b"a"), "1000000-0");
    assert_eq!((&*pair.len(b"s"), &*pair.counts()), ("2", "2 3 3 2"));
    pair.check_twins();
}

#[test]
fn the_content_is_the_id_of_idmpauto() {
    let mut pair = Pair::new(100);
    let first = pair.once(b"p", None, &[b"a", b"1", b"b", b"2"]);
    assert_eq!(pair.once(b"p", None, &[b"b", b"2", b"a", b"1"]), first, "in any order");
    for other in [[b"a", b"2", b"b", b"1"], [b"a", b"1", b"b", b"3"], [b"a", b"1", b"c", b"2"]] {
        let other: Vec<&[u8]> = other.iter().map(|s| s.as_slice()).collect();
        assert_ne!(pair.once(b"p", None, &other), first);
    }
    assert_ne!(pair.once(b"q", None, &[b"a", b"1", b"b", b"2"]), first);
    assert_ne!(pair.once(b"p", None, &[b"ab", b"c"]), pair.once(b"p", None, &[b"a", b"bc"]));
    pair.check_twins();
}

#[test]
fn the_oldest_ids_of_a_producer_are_forgotten() {
    let mut pair = Pair::new(100);
    let first = pair.sent(b"1");
    assert_eq!(pair.cfgset(None, Some(3)), "OK");
    assert_eq!(pair.counts(), "0 0 1 0", "a change forgets all but the counters");
    for iid in [b"1", b"2", b"3", b"4"] {
        pair.sent(iid);
    }
    assert_eq!((&*pair.info(b"s", "idmp-maxsize"), &*pair.counts()), ("3", "1 3 5 0"));
    for (iid, is_known) in [(b"4", true), (b"3", true), (b"2", true), (b"1", false)] {
        let before = pair.len(b"s");
        assert_ne!(pair.sent(iid), first);
        assert_eq!(pair.len(b"s") == before, is_known, "{iid:?}");
    }
    assert_eq!(pair.cfgset(Some(100), Some(3)), "OK");
    assert_eq!(pair.counts(), "1 3 6 3", "the values in force forget nothing");
    assert_eq!(pair.cfgset(Some(99), None), "OK");
    assert_eq!(pair.counts(), "0 0 6 3");
    pair.check_twins();
}

#[test]
fn an_id_is_known_until_its_age_is_reached() {
    let mut pair = Pair::new(100);
    let first = pair.sent(b"a");
    pair.now += 60_000;
    let second = pair.sent(b"b");
    pair.now += 39_999;
    assert_eq!(pair.sent(b"a"), first, "never early");
    pair.now += 1;
    assert_eq!(pair.counts(), "1 1 2 1");
    assert_ne!(pair.sent(b"a"), first);
    assert_eq!(pair.sent(b"b"), second);
    pair.now += 100_000;
    assert_eq!(pair.counts(), "0 0 3 2");
    // An insertion drops what other producers have left behind.
    pair.once(b"q", Some(b"z"), &[b"f", b"v"]);
    assert_eq!(pair.counts(), "1 1 4 2");
    // A clock that goes back forgets nothing early, and brings nothing back.
    pair.now -= 50_000;
    let third = pair.once(b"q", Some(b"y"), &[b"f", b"v"]);
    pair.now += 149_999;
    assert_eq!(pair.once(b"q", Some(b"y"), &[b"f", b"v"]), third);
    pair.check_twins();
}

#[test]
fn a_refused_message_leaves_nothing_behind() {
    let mut pair = Pair::new(100);
    assert_eq!(pair.add(b"s", NewId::Explicit(StreamId::MAX), None), StreamId::MAX.to_string());
    assert!(pair.sent(b"a").starts_with("ERR The stream has exhausted"));
    assert_eq!(pair.counts(), "0 0 0 0");
    let (key, fields) = (b"none".as_slice(), Fields::Borrowed(&[b"f", b"v"]));
    let xadd = XAdd { key, id: NewId::Auto, fields, no_make_stream: true, trim: None };
    assert_eq!(pair.run(&Command::XAddOnce { xadd, pid: b"p", iid: Some(b"a") }), "nil");
    assert_eq!(pair.run(&Command::Exists { keys: &[b"none"] }), "0");
    pair.check_twins();
}

#[test]
fn new_streams_take_the_settings_in_force_and_keep_them() {
    let mut pair = Pair::new(100);
    assert_eq!(pair.cfgset(Some(1), None), "ERR no such key");
    pair.add(b"old", NewId::Auto, None);
    let settings = IdmpSettings { duration_s: 7, iids_max: 2 };
    pair.apply(&[Op::ConfigureIdmp { settings }]);
    pair.add(b"s", NewId::Auto, None);
    let seen = |pair: &mut Pair, key| {
        ["idmp-duration", "idmp-maxsize"].map(|field| pair.info(key, field)).join(" ")
    };
    assert_eq!((&*seen(&mut pair, b"old"), &*seen(&mut pair, b"s")), ("100 100", "7 2"));
    pair.check_twins();
    pair.apply(&[Op::ConfigureIdmp { settings: IdmpSettings::default() }]);
    assert_eq!(seen(&mut pair, b"s"), "7 2");
    let copy = Command::Copy { key: b"s", new_key: b"copy", new_db: None, replace: false };
    assert_eq!(pair.run(&copy), "1");
    assert_eq!(seen(&mut pair, b"copy"), "7 2");
    pair.check_twins();
}

#[test]
fn a_rewritten_log_says_what_is_known() {
    let mut pair = Pair::new(100);
    pair.add(b"s", NewId::Explicit(StreamId::new(5, 0)), None);
    let record = |pair: &mut Pair, iid: &'static [u8], ms| {
        let id = StreamId::new(ms, 0);
        pair.run(&Command::XIdmpRecord { key: b"s", pid: b"p", iid, id })
    };
    assert_eq!(record(&mut pair, b"a", 5), "OK");
    assert_eq!(record(&mut pair, b"a", 5), "OK");
    assert!(record(&mut pair, b"a", 6).contains("maps to a different stream ID"));
    assert!(record(&mut pair, b"b", 6).contains("deleted or doesn't exist"));
    assert_eq!(pair.sent(b"a"), "5-0");
    assert_eq!(pair.counts(), "1 1 0 1");
    pair.check_twins();
}
