//! Lists and sets: random commands equal a naive model, and so do their replay and their image.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Command, ListEnd, ListPlace, ListSearch, SetOperation, Sort, SortPattern};
use proptest::prelude::*;

use crate::harness::{Run, number};

/// The command of a line that is known to be well formed, if it is about lists or sets.
pub(crate) fn command<'a>(name: &str, rest: &'a [&'a [u8]]) -> Option<Command<'a>> {
    let key = rest.first().copied().unwrap_or_default();
    let end = |word: &[u8]| if word == b"LEFT" { ListEnd::Left } else { ListEnd::Right };
    let at = |index: usize| rest.get(index).copied().unwrap_or_default();
    let of = |name: &str| match name {
        "SINTER" | "SINTERSTORE" => SetOperation::Intersection,
        "SUNION" | "SUNIONSTORE" => SetOperation::Union,
        _ => SetOperation::Difference,
    };
    Some(match name {
        "LPUSH" | "RPUSH" => {
            let end = if name == "LPUSH" { ListEnd::Left } else { ListEnd::Right };
            Command::LPush { key, end, values: &rest[1..], only_if_present: false }
        }
        "LPOP" | "RPOP" => {
            let end = if name == "LPOP" { ListEnd::Left } else { ListEnd::Right };
            Command::LPop { key, end, count: rest.get(1).map(|word| number(word)) }
        }
        "LLEN" => Command::LLen { key },
        "LRANGE" => Command::LRange { key, start: number(at(1)), stop: number(at(2)) },
        "LINDEX" => Command::LIndex { key, index: Ok(number(at(1))) },
        "LSET" => Command::LSet { key, index: Ok(number(at(1))), value: at(2) },
        "LINSERT" => {
            let place = if at(1) == b"BEFORE" { ListPlace::Before } else { ListPlace::After };
            Command::LInsert { key, place, pivot: at(2), value: at(3) }
        }
        "LREM" => Command::LRem { key, count: number(at(1)), value: at(2) },
        "LTRIM" => Command::LTrim { key, start: number(at(1)), stop: number(at(2)) },
        "LPOS" => {
            let count = rest.get(3).map(|word| number(word));
            let rank = number(at(2));
            Command::LPos { key, search: ListSearch { value: at(1), rank, count, compared_max: 0 } }
        }
        "LMOVE" => {
            Command::LMove { key, new_key: at(1), from: end(at(2)), to: end(at(3)), block_ms: None }
        }
        "LMPOP" => Command::LMPop {
            keys: &rest[..rest.len() - 2],
            end: end(at(rest.len() - 2)),
            count: number(at(rest.len() - 1)),
            block_ms: None,
        },
        "SADD" => Command::SAdd { key, members: &rest[1..] },
        "SREM" => Command::SRem { key, members: &rest[1..] },
        "SMEMBERS" => Command::SMembers { key },
        "SISMEMBER" => Command::SIsMember { key, member: at(1) },
        "SCARD" => Command::SCard { key },
        "SPOP" => {
            let count = rest.get(2).map(|word| number(word));
            Command::SPop { key, draw: number(at(1)), count }
        }
        "SMOVE" => Command::SMove { key, new_key: at(1), member: &rest[2..] },
        "SINTER" | "SUNION" | "SDIFF" => Command::SCombine { operation: of(name), keys: rest },
        "SINTERSTORE" | "SUNIONSTORE" | "SDIFFSTORE" => {
            Command::SCombineStore { operation: of(name), new_key: key, keys: &rest[1..] }
        }
        "SINTERCARD" => Command::SInterCard { keys: &rest[1..], limit: number(key) },
        "SORT" => Command::Sort(Sort {
            key,
            by: None,
            limit: None,
            get: rest.get(2).map(|word| SortPattern::of_get(word)).into_iter().collect(),
            is_descending: false,
            is_alpha: true,
            store: rest.get(1).copied(),
        }),
        _ => return None,
    })
}

#[test]
fn lists_and_sets_go_with_their_last_element_and_keep_their_expiry() {
    Run::table(&[
        ("RPUSH l a b", "2"),
        ("PEXPIRE l 1000", "1"),
        ("LPUSH l c", "3"),
        ("PTTL l", "1000"),
        ("RPOP l 2", "[b a]"),
        ("COPY l m", "1"),
        ("PTTL m", "1000"),
        ("LPOP l", "c"),
        ("EXISTS l", "0"),
        ("LMOVE m m LEFT RIGHT", "c"),
        ("LMOVE m n LEFT RIGHT", "c"),
        ("EXISTS m n", "1"),
        ("PTTL n", "-1"),
        ("LTRIM n 1 0", "OK"),
        ("EXISTS n", "0"),
        ("SADD s 3 1 2 1", "3"),
        ("PEXPIRE s 1000", "1"),
        ("SMEMBERS s", "[1 2 3]"),
        ("ENCODING s", "intset"),
        ("SADD s x", "1"),
        ("ENCODING s", "hashtable"),
        ("PTTL s", "1000"),
        ("SMOVE s t x", "1"),
        ("SREM s 1 2 3 4", "3"),
        ("EXISTS s", "0"),
        ("SPOP t 5 9", "[x]"),
        ("EXISTS t", "0"),
        ("RPUSH l v", "1"),
        ("SADD l m", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("GET l", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("TYPE l", "+list"),
        ("ENCODING l", "quicklist"),
        ("SUNIONSTORE l l2", "0"),
        ("EXISTS l", "0"),
    ]);
}

#[test]
fn a_destination_loses_its_old_value_and_expiry() {
    Run::table(&[
        ("SADD a 1 2 3", "3"),
        ("SADD b 2 3 4", "3"),
        ("SET d text PX 1000", "OK"),
        ("SINTERSTORE d a b", "2"),
        ("SMEMBERS d", "[2 3]"),
        ("PTTL d", "-1"),
        ("SDIFFSTORE a a b", "1"),
        ("SMEMBERS a", "[1]"),
        ("SORT b d", "3"),
        ("LRANGE d 0 -1", "[2 3 4]"),
        ("SET w2 x", "OK"),
        ("SORT b d w*", "3"),
        ("LRANGE d 0 -1", "[x  ]"),
        ("SORT missing d", "0"),
        ("EXISTS d", "0"),
    ]);
}

#[test]
fn what_has_expired_is_not_built_upon() {
    let mut run = Run::new();
    for line in ["RPUSH l old", "SADD s old", "RPUSH d old"] {
        run.reply(line);
        run.reply(&format!("PEXPIRE {} 10", line.split(' ').nth(1).unwrap()));
    }
    run.now += 10;
    run.check("RPUSH l new", "1");
    run.check("SADD s new", "1");
    run.check("LMOVE l d LEFT LEFT", "new");
    run.check("LRANGE d 0 -1", "[new]");
    run.check("PTTL d", "-1");
    run.check("SMEMBERS s", "[new]");
    run.check_whole();
}

/// A large collection comes in several items, each of them bounded.
#[test]
fn large_collections_are_loaded_in_parts() {
    let mut run = Run::new();
    let word = "x".repeat(1000);
    for part in 0..40 {
        let words: Vec<String> = (0..50).map(|at| format!("{part}-{at}-{word}")).collect();
        run.reply(&format!("RPUSH l {}", words.join(" ")));
        run.reply(&format!("SADD s {}", words.join(" ")));
    }
    let largest = crate::harness::image(&run.engine).iter().map(Vec::len).max();
    assert!(largest.unwrap() < 300 << 10, "{largest:?}");
    run.check("LLEN l", "2000");
    run.check_whole();
}

/// The simplest thing that could hold lists and sets.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    List(Vec<String>),
    Set(BTreeSet<String>),
}

#[derive(Default)]
struct Model(BTreeMap<String, Value>);

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

impl Model {
    fn list(&self, key: &str) -> Result<Vec<String>, String> {
        match self.0.get(key) {
            None => Ok(Vec::new()),
            Some(Value::List(list)) => Ok(list.clone()),
            Some(Value::Set(_)) => Err(WRONG_TYPE.to_owned()),
        }
    }

    fn set(&self, key: &str) -> Result<BTreeSet<String>, String> {
        match self.0.get(key) {
            None => Ok(BTreeSet::new()),
            Some(Value::Set(set)) => Ok(set.clone()),
            Some(Value::List(_)) => Err(WRONG_TYPE.to_owned()),
        }
    }

    fn put(&mut self, key: &str, value: Value) {
        match &value {
            Value::List(list) if list.is_empty() => self.0.remove(key),
            Value::Set(set) if set.is_empty() => self.0.remove(key),
            _ => self.0.insert(key.to_owned(), value),
        };
    }

    fn answer(&mut self, words: &[&str]) -> Result<String, String> {
        let key = words[1];
        let shown = |list: &[String]| format!("[{}]", list.join(" "));
        Ok(match words[0] {
            "LPUSH" | "RPUSH" => {
                let mut list = self.list(key)?;
                for value in &words[2..] {
                    let at = if words[0] == "LPUSH" { 0 } else { list.len() };
                    list.insert(at, (*value).to_owned());
                }
                let len = list.len();
                self.put(key, Value::List(list));
                len.to_string()
            }
            "LPOP" | "RPOP" => {
                let mut list = self.list(key)?;
                if list.is_empty() {
                    return Ok("nil".to_owned());
                }
                let at = if words[0] == "LPOP" { 0 } else { list.len() - 1 };
                let value = list.remove(at);
                self.put(key, Value::List(list));
                value
            }
            "LRANGE" => shown(&self.list(key)?),
            "LSET" => {
                let mut list = self.list(key)?;
                if list.is_empty() {
                    return Err("ERR no such key".to_owned());
                }
                let index: usize = words[2].parse().unwrap();
                let place = list.get_mut(index).ok_or("ERR index out of range")?;
                *place = words[3].to_owned();
                self.put(key, Value::List(list));
                "OK".to_owned()
            }
            "LINSERT" => {
                let mut list = self.list(key)?;
                if list.is_empty() {
                    return Ok("0".to_owned());
                }
                let Some(at) = list.iter().position(|value| value == words[3]) else {
                    return Ok("-1".to_owned());
                };
                list.insert(at + usize::from(words[2] == "AFTER"), words[4].to_owned());
                let len = list.len();
                self.put(key, Value::List(list));
                len.to_string()
            }
            "LREM" => {
                let mut list = self.list(key)?;
                let before = list.len();
                let count: i64 = words[2].parse().unwrap();
                let mut left = match usize::try_from(count.unsigned_abs()).unwrap() {
                    0 => usize::MAX,
                    count => count,
                };
                let mut stays = |value: &String| {
                    let goes = value == words[3] && left != 0;
                    left -= usize::from(goes);
                    !goes
                };
                if count < 0 {
                    list.reverse();
                }
                list.retain(&mut stays);
                if count < 0 {
                    list.reverse();
                }
                let removed = before - list.len();
                self.put(key, Value::List(list));
                removed.to_string()
            }
            "LTRIM" => {
                let list = self.list(key)?;
                let [start, stop] = [2, 3].map(|at| words[at].parse::<usize>().unwrap());
                let kept =
                    list.into_iter().enumerate().filter(|(at, _)| (start..=stop).contains(at));
                self.put(key, Value::List(kept.map(|(_, value)| value).collect()));
                "OK".to_owned()
            }
            "LMOVE" => {
                let mut list = self.list(key)?;
                if list.is_empty() {
                    return Ok("nil".to_owned());
                }
                self.list(words[2])?;
                let value = list.remove(if words[3] == "LEFT" { 0 } else { list.len() - 1 });
                self.put(key, Value::List(list));
                let mut list = self.list(words[2])?;
                list.insert(if words[4] == "LEFT" { 0 } else { list.len() }, value.clone());
                self.put(words[2], Value::List(list));
                value
            }
            "SADD" => {
                let mut set = self.set(key)?;
                let before = set.len();
                set.extend(words[2..].iter().map(|word| (*word).to_owned()));
                let added = set.len() - before;
                self.put(key, Value::Set(set));
                added.to_string()
            }
            "SREM" => {
                let mut set = self.set(key)?;
                let removed = words[2..].iter().filter(|word| set.remove(**word)).count();
                self.put(key, Value::Set(set));
                removed.to_string()
            }
            "SMEMBERS" => shown(&self.set(key)?.into_iter().collect::<Vec<_>>()),
            "SMOVE" => {
                let mut set = self.set(key)?;
                if set.is_empty() {
                    return Ok("0".to_owned());
                }
                self.set(words[2])?;
                if !set.remove(words[3]) {
                    return Ok("0".to_owned());
                }
                if key != words[2] {
                    self.put(key, Value::Set(set));
                    let mut other = self.set(words[2])?;
                    other.insert(words[3].to_owned());
                    self.put(words[2], Value::Set(other));
                }
                "1".to_owned()
            }
            "SINTERSTORE" | "SUNIONSTORE" | "SDIFFSTORE" => {
                let (one, other) = (self.set(words[2])?, self.set(words[3])?);
                let members: BTreeSet<String> = match words[0] {
                    "SINTERSTORE" => one.intersection(&other).cloned().collect(),
                    "SUNIONSTORE" => one.union(&other).cloned().collect(),
                    _ => one.difference(&other).cloned().collect(),
                };
                let len = members.len();
                self.put(key, Value::Set(members));
                len.to_string()
            }
            "SORT" => {
                let mut list = match self.0.get(key) {
                    None => Vec::new(),
                    Some(Value::List(list)) => list.clone(),
                    Some(Value::Set(set)) => set.iter().cloned().collect(),
                };
                list.sort();
                let len = list.len();
                self.put(words[2], Value::List(list));
                len.to_string()
            }
            "DEL" => i32::from(self.0.remove(key).is_some()).to_string(),
            "RENAME" => {
                let value = self.0.remove(key).ok_or("ERR no such key")?;
                self.0.insert(words[2].to_owned(), value);
                "OK".to_owned()
            }
            other => panic!("no command of this test: {other}"),
        })
    }

    /// What SPOP drew must have been there, and is gone.
    fn draw(&mut self, key: &str, drawn: &str) {
        let Ok(mut set) = self.set(key) else {
            assert_eq!(drawn, WRONG_TYPE);
            return;
        };
        for member in drawn.trim_matches(['[', ']']).split_whitespace() {
            assert!(set.remove(member), "{member} of {key} was not there, or came twice");
        }
        self.put(key, Value::Set(set));
    }
}

fn line() -> impl Strategy<Value = String> {
    let key = || prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")];
    let value = || prop_oneof![Just("1"), Just("2"), Just("30"), Just("x"), Just("y"), Just("z")];
    let end = || prop_oneof![Just("LEFT"), Just("RIGHT")];
    prop_oneof![
        8 => (prop_oneof![Just("LPUSH"), Just("RPUSH"), Just("SADD"), Just("SREM")], key(),
            prop::collection::vec(value(), 1..5))
            .prop_map(|(name, key, values)| format!("{name} {key} {}", values.join(" "))),
        3 => (prop_oneof![Just("LPOP"), Just("RPOP"), Just("DEL")], key())
            .prop_map(|(name, key)| format!("{name} {key}")),
        2 => (key(), 0..6, value()).prop_map(|(key, at, value)| format!("LSET {key} {at} {value}")),
        2 => (key(), prop_oneof![Just("BEFORE"), Just("AFTER")], value(), value())
            .prop_map(|(key, place, pivot, value)| format!("LINSERT {key} {place} {pivot} {value}")),
        2 => (key(), -2..3, value()).prop_map(|(key, count, value)| format!("LREM {key} {count} {value}")),
        1 => (key(), 0..3, 0..8).prop_map(|(key, start, stop)| format!("LTRIM {key} {start} {stop}")),
        3 => (key(), key(), end(), end()).prop_map(|(a, b, from, to)| format!("LMOVE {a} {b} {from} {to}")),
        2 => (key(), key(), value()).prop_map(|(a, b, member)| format!("SMOVE {a} {b} {member}")),
        2 => (prop_oneof![Just("SINTERSTORE"), Just("SUNIONSTORE"), Just("SDIFFSTORE")], key(), key(), key())
            .prop_map(|(name, a, b, c)| format!("{name} {a} {b} {c}")),
        1 => (key(), key()).prop_map(|(a, b)| format!("SORT {a} {b}")),
        1 => (key(), key()).prop_map(|(a, b)| format!("RENAME {a} {b}")),
        2 => (key(), any::<u64>(), 1..4).prop_map(|(key, draw, count)| format!("SPOP {key} {draw} {count}")),
        3 => key().prop_map(|key| format!("LRANGE {key} 0 -1")),
        3 => key().prop_map(|key| format!("SMEMBERS {key}")),
    ]
}

/// The words of a set's reply in order.
fn sorted(reply: &str) -> String {
    let mut words: Vec<&str> = reply.trim_matches(['[', ']']).split_whitespace().collect();
    words.sort_unstable();
    format!("[{}]", words.join(" "))
}

proptest! {
    #[test]
    fn random_commands_equal_the_model(lines in prop::collection::vec(line(), 1..80)) {
        let mut run = Run::new();
        let mut model = Model::default();
        for line in &lines {
            let reply = run.reply(line);
            let words: Vec<&str> = line.split(' ').collect();
            if words[0] == "SPOP" {
                model.draw(words[1], &reply);
                continue;
            }
            let expected = model.answer(&words).unwrap_or_else(|refusal| refusal);
            let is_set = words[0] == "SMEMBERS" && reply.starts_with('[');
            let reply = if is_set { sorted(&reply) } else { reply };
            prop_assert_eq!(reply, expected, "{}", line);
        }
        run.check_whole();
    }
}
