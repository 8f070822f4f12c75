//! Random commands on sorted sets equal a naive model, and so do their replay and their image.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use engine::score_text;
use proptest::prelude::*;

use crate::harness::Run;

/// Members in a plain vector that is sorted after every change.
#[derive(Default)]
struct Model {
    sets: BTreeMap<String, Vec<(f64, String)>>,
}

fn order(one: &(f64, String), other: &(f64, String)) -> Ordering {
    one.0.partial_cmp(&other.0).unwrap().then_with(|| one.1.cmp(&other.1))
}

fn list<'m>(members: impl Iterator<Item = &'m (f64, String)>) -> String {
    let members = members.map(|(score, member)| format!("{member}={}", score_text(*score)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(" "))
}

impl Model {
    fn put(&mut self, key: &str, mut set: Vec<(f64, String)>) {
        set.sort_by(order);
        if set.is_empty() {
            self.sets.remove(key);
        } else {
            self.sets.insert(key.to_owned(), set);
        }
    }

    fn answer(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let key = words[1];
        let mut set = self.sets.get(key).cloned().unwrap_or_default();
        let len = set.len();
        let place =
            |set: &[(f64, String)], member: &str| set.iter().position(|(_, found)| found == member);
        let index = |word: &str| {
            let index: i64 = word.parse().unwrap();
            let index = if index < 0 { index + i64::try_from(len).unwrap() } else { index };
            usize::try_from(index.max(0)).unwrap()
        };
        let score = |word: &str| word.parse::<f64>().unwrap();
        match words[0] {
            "ZADD" => {
                let mut added = 0;
                for pair in words[2..].chunks(2) {
                    match place(&set, pair[1]) {
                        Some(at) => set[at].0 = score(pair[0]),
                        None => {
                            set.push((score(pair[0]), pair[1].to_owned()));
                            added += 1;
                        }
                    }
                }
                self.put(key, set);
                added.to_string()
            }
            "ZREM" => {
                set.retain(|(_, member)| !words[2..].contains(&&**member));
                let gone = len - set.len();
                self.put(key, set);
                gone.to_string()
            }
            "ZRANK" => place(&set, words[2]).map_or("nil".to_owned(), |rank| rank.to_string()),
            "ZCOUNT" => {
                let (min, max) = (score(words[2]), score(words[3]));
                set.iter().filter(|(score, _)| min <= *score && *score <= max).count().to_string()
            }
            "ZRANGE" if words.contains(&"BYSCORE") => {
                let (min, max) = (score(words[2]), score(words[3]));
                let within = set.iter().filter(|(score, _)| min <= *score && *score <= max);
                let (skip, take) = (words[7].parse().unwrap(), words[8].parse().unwrap());
                list(within.skip(skip).take(take))
            }
            "ZRANGE" => {
                let reversed: Vec<_> = set.iter().rev().cloned().collect();
                let set = if words.contains(&"REV") { reversed } else { set };
                let (start, stop) = (index(words[2]), words[3].parse::<i64>().unwrap());
                let stop = if stop < 0 { stop + i64::try_from(len).unwrap() } else { stop };
                let stop = usize::try_from((stop + 1).max(0)).unwrap();
                list(set.iter().take(stop).skip(start))
            }
            "ZREMRANGEBYRANK" => {
                let (start, stop) = (index(words[2]), index(words[3]));
                let kept = |at: usize| at < start || stop < at;
                let kept = set.into_iter().enumerate().filter(|(at, _)| kept(*at));
                let kept: Vec<_> = kept.map(|(_, pair)| pair).collect();
                let gone = len - kept.len();
                self.put(key, kept);
                gone.to_string()
            }
            "ZPOPMIN" | "ZPOPMAX" => {
                let count = words[2].parse::<usize>().unwrap().min(len);
                if words[0] == "ZPOPMAX" {
                    set.reverse();
                }
                let popped: Vec<_> = set.drain(..count).collect();
                self.put(key, set);
                list(popped.iter())
            }
            "ZUNIONSTORE" | "ZINTERSTORE" => {
                let get = |key: &str| self.sets.get(key).cloned().unwrap_or_default();
                let (one, other) = (get(words[2]), get(words[3]));
                let mut result = Vec::new();
                for (score, member) in &one {
                    match place(&other, member) {
                        Some(at) => result.push((score + other[at].0, member.clone())),
                        None if words[0] == "ZUNIONSTORE" => result.push((*score, member.clone())),
                        None => {}
                    }
                }
                if words[0] == "ZUNIONSTORE" {
                    let alone = other.iter().filter(|(_, member)| place(&one, member).is_none());
                    result.extend(alone.cloned());
                }
                let count = result.len();
                self.put(key, result);
                count.to_string()
            }
            "DEL" => {
                self.sets.remove(key);
                i32::from(len != 0).to_string()
            }
            other => panic!("unknown to the model: {other}"),
        }
    }
}

/// A command line over few keys and some hundred members, so that trees grow several leaves.
fn line() -> impl Strategy<Value = String> {
    let key = || (0..3u8).prop_map(|key| format!("z{key}"));
    let member = || (0..600u16).prop_map(|member| format!("m{member}"));
    let score = || (-40..40i32).prop_map(|score| (f64::from(score) / 2.0).to_string());
    let pairs = || proptest::collection::vec((score(), member()), 1..80);
    let index = || -300..300i32;
    prop_oneof![
        6 => (key(), pairs()).prop_map(|(key, pairs)| {
            let pairs = pairs.into_iter().map(|(score, member)| format!(" {score} {member}"));
            format!("ZADD {key}{}", pairs.collect::<String>())
        }),
        3 => (key(), proptest::collection::vec(member(), 1..40))
            .prop_map(|(key, members)| format!("ZREM {key} {}", members.join(" "))),
        2 => (key(), member()).prop_map(|(key, member)| format!("ZRANK {key} {member}")),
        2 => (key(), score(), score()).prop_map(|(key, a, b)| format!("ZCOUNT {key} {a} {b}")),
        2 => (key(), score(), score(), 0..9u8, 0..200u8).prop_map(|(key, a, b, skip, take)| {
            format!("ZRANGE {key} {a} {b} BYSCORE WITHSCORES LIMIT {skip} {take}")
        }),
        2 => (key(), index(), index())
            .prop_map(|(key, a, b)| format!("ZRANGE {key} {a} {b} WITHSCORES")),
        2 => (key(), index(), index())
            .prop_map(|(key, a, b)| format!("ZRANGE {key} {a} {b} WITHSCORES REV")),
        2 => (key(), 0..300u16, 0..300u16)
            .prop_map(|(key, a, b)| format!("ZREMRANGEBYRANK {key} {a} {b}")),
        2 => (key(), 0..90u8).prop_map(|(key, count)| format!("ZPOPMIN {key} {count}")),
        2 => (key(), 0..90u8).prop_map(|(key, count)| format!("ZPOPMAX {key} {count}")),
        1 => (key(), key(), key()).prop_map(|(new, a, b)| format!("ZUNIONSTORE {new} {a} {b}")),
        1 => (key(), key(), key()).prop_map(|(new, a, b)| format!("ZINTERSTORE {new} {a} {b}")),
        1 => key().prop_map(|key| format!("DEL {key}")),
    ]
}

proptest! {
    #[test]
    fn random_commands_on_sorted_sets_equal_the_model(
        lines in proptest::collection::vec(line(), 1..80)
    ) {
        let mut run = Run::new();
        let mut model = Model::default();
        for line in lines {
            // An empty range of a missing set is an empty list, of another one no pairs.
            let reply = run.reply(&line).replace("[]", "{}");
            prop_assert_eq!(reply, model.answer(&line), "{}", line);
        }
        run.check_whole();
    }
}
