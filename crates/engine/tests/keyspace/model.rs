//! Random commands equal a naive model, and so do their replay and their image.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::harness::Run;

/// The simplest thing that could hold keys: everything looked up by walking, time checked always.
#[derive(Default)]
struct Model {
    now: u64,
    keys: BTreeMap<String, (Value, Option<u64>)>,
}

#[derive(Clone)]
enum Value {
    Text(String),
    Hash(BTreeMap<String, String>),
}

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NO_INTEGER: &str = "ERR value is not an integer or out of range";

impl Model {
    fn text(&self, key: &str) -> Result<Option<String>, String> {
        match self.keys.get(key) {
            None => Ok(None),
            Some((Value::Text(text), _)) => Ok(Some(text.clone())),
            Some(_) => Err(WRONG_TYPE.to_owned()),
        }
    }

    fn hash(&self, key: &str) -> Result<BTreeMap<String, String>, String> {
        match self.keys.get(key) {
            None => Ok(BTreeMap::new()),
            Some((Value::Hash(hash), _)) => Ok(hash.clone()),
            Some(_) => Err(WRONG_TYPE.to_owned()),
        }
    }

    /// Puts a value, keeping the expiry.
    fn put(&mut self, key: &str, value: Value) {
        let expiry = self.keys.get(key).and_then(|(_, expiry)| *expiry);
        self.keys.insert(key.to_owned(), (value, expiry));
    }

    fn reply(&mut self, line: &str) -> String {
        let now = self.now;
        self.keys.retain(|_, (_, expiry)| expiry.is_none_or(|at| now < at));
        let words: Vec<&str> = line.split(' ').collect();
        self.answer(&words).unwrap_or_else(|refusal| refusal)
    }

    fn answer(&mut self, words: &[&str]) -> Result<String, String> {
        let key = *words.get(1).unwrap_or(&"");
        let or_nil = |value: Option<String>| value.unwrap_or_else(|| "nil".to_owned());
        Ok(match words[0] {
            "SET" => {
                let expiry = words.get(4).map(|ms| self.now + ms.parse::<u64>().unwrap());
                self.keys.insert(key.to_owned(), (Value::Text(words[2].to_owned()), expiry));
                "OK".to_owned()
            }
            "GET" => or_nil(self.text(key)?),
            "DEL" => i32::from(self.keys.remove(key).is_some()).to_string(),
            "APPEND" => {
                let text = self.text(key)?.unwrap_or_default() + words[2];
                self.put(key, Value::Text(text.clone()));
                text.len().to_string()
            }
            "SETRANGE" => {
                let mut text = self.text(key)?.unwrap_or_default().into_bytes();
                let offset: usize = words[2].parse().unwrap();
                text.resize(text.len().max(offset + words[3].len()), 0);
                text[offset..offset + words[3].len()].copy_from_slice(words[3].as_bytes());
                self.put(key, Value::Text(String::from_utf8(text.clone()).unwrap()));
                text.len().to_string()
            }
            "INCRBY" => {
                let text = self.text(key)?.unwrap_or("0".to_owned());
                let before: i64 = text.parse().map_err(|_| NO_INTEGER)?;
                if before.to_string() != text {
                    return Err(NO_INTEGER.to_owned());
                }
                let after = before + words[2].parse::<i64>().unwrap();
                self.put(key, Value::Text(after.to_string()));
                after.to_string()
            }
            "PEXPIRE" => {
                let ms: i64 = words[2].parse().unwrap();
                let at = self.now.saturating_add_signed(ms);
                match self.keys.get_mut(key) {
                    None => "0".to_owned(),
                    Some((_, expiry)) => {
                        *expiry = Some(at);
                        "1".to_owned()
                    }
                }
            }
            "PTTL" => match self.keys.get(key) {
                None => "-2".to_owned(),
                Some((_, None)) => "-1".to_owned(),
                Some((_, Some(at))) => (at - self.now).to_string(),
            },
            "PERSIST" => {
                let expiry = self.keys.get_mut(key).and_then(|(_, expiry)| expiry.take());
                i32::from(expiry.is_some()).to_string()
            }
            "RENAME" => match self.keys.remove(key) {
                None => "ERR no such key".to_owned(),
                Some(entry) => {
                    self.keys.insert(words[2].to_owned(), entry);
                    "OK".to_owned()
                }
            },
            "COPY" if key == words[2] => {
                "ERR source and destination objects are the same".to_owned()
            }
            "COPY" => match self.keys.get(key).cloned() {
                None => "0".to_owned(),
                Some(entry) => {
                    self.keys.insert(words[2].to_owned(), entry);
                    "1".to_owned()
                }
            },
            "HSET" => {
                let mut hash = self.hash(key)?;
                let added = hash.insert(words[2].to_owned(), words[3].to_owned()).is_none();
                self.put(key, Value::Hash(hash));
                i32::from(added).to_string()
            }
            "HDEL" => {
                let mut hash = self.hash(key)?;
                let gone = hash.remove(words[2]).is_some();
                if hash.is_empty() {
                    self.keys.remove(key);
                } else {
                    self.put(key, Value::Hash(hash));
                }
                i32::from(gone).to_string()
            }
            "HGET" => or_nil(self.hash(key)?.get(words[2]).cloned()),
            "HLEN" => self.hash(key)?.len().to_string(),
            "HINCRBY" => {
                let mut hash = self.hash(key)?;
                let text = hash.get(words[2]).cloned().unwrap_or("0".to_owned());
                let before: i64 =
                    text.parse().map_err(|_| "ERR hash value is not an integer".to_owned())?;
                let after = before + words[3].parse::<i64>().unwrap();
                hash.insert(words[2].to_owned(), after.to_string());
                self.put(key, Value::Hash(hash));
                after.to_string()
            }
            "DBSIZE" => self.keys.len().to_string(),
            "FLUSHDB" => {
                self.keys.clear();
                "OK".to_owned()
            }
            other => panic!("unknown to the model: {other}"),
        })
    }
}

/// A command line over few keys and fields, so that they meet.
fn line() -> impl Strategy<Value = String> {
    let key = || (0..5u8).prop_map(|key| format!("k{key}"));
    let value = || prop_oneof![Just("v".to_owned()), (-20..20i32).prop_map(|n| n.to_string())];
    let field = || (0..4u8).prop_map(|field| format!("f{field}"));
    let one = |name: &'static str| key().prop_map(move |key| format!("{name} {key}"));
    prop_oneof![
        4 => (key(), value()).prop_map(|(key, value)| format!("SET {key} {value}")),
        3 => (key(), value(), 1..50u32).prop_map(|(key, value, ms)| format!("SET {key} {value} PX {ms}")),
        2 => one("GET"),
        2 => one("DEL"),
        3 => (key(), value()).prop_map(|(key, value)| format!("APPEND {key} {value}")),
        2 => (key(), 0..9u8, value()).prop_map(|(key, at, value)| format!("SETRANGE {key} {at} {value}")),
        3 => (key(), -9..9i32).prop_map(|(key, by)| format!("INCRBY {key} {by}")),
        3 => (key(), -5..60i32).prop_map(|(key, ms)| format!("PEXPIRE {key} {ms}")),
        2 => one("PTTL"),
        1 => one("PERSIST"),
        2 => (key(), key()).prop_map(|(key, new)| format!("RENAME {key} {new}")),
        2 => (key(), key()).prop_map(|(key, new)| format!("COPY {key} {new} REPLACE")),
        5 => (key(), field(), value()).prop_map(|(key, field, value)| format!("HSET {key} {field} {value}")),
        4 => (key(), field()).prop_map(|(key, field)| format!("HDEL {key} {field}")),
        2 => (key(), field()).prop_map(|(key, field)| format!("HGET {key} {field}")),
        1 => one("HLEN"),
        2 => (key(), field(), -9..9i32).prop_map(|(key, field, by)| format!("HINCRBY {key} {field} {by}")),
        1 => Just("DBSIZE".to_owned()),
        1 => Just("FLUSHDB".to_owned()),
    ]
}

proptest! {
    #[test]
    fn random_commands_equal_the_model(
        steps in proptest::collection::vec((line(), 0..8u64, 0..3usize), 1..120)
    ) {
        let mut run = Run::new();
        let mut model = Model { now: run.now, ..Model::default() };
        for (line, pause, removed) in steps {
            run.now += pause;
            model.now += pause;
            run.expire(removed);
            prop_assert_eq!(run.reply(&line), model.reply(&line).escape_default_zero(), "{}", line);
        }
        run.check_whole();
    }
}

/// The harness shows bytes escaped.
trait EscapeZero {
    fn escape_default_zero(self) -> String;
}

impl EscapeZero for String {
    fn escape_default_zero(self) -> String {
        self.as_bytes().escape_ascii().to_string()
    }
}
