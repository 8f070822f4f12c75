//! Operations in words near to Redis's.

use engine::{Ids, ListEnd, Op, StreamId, score_text};
use serde_json::{Value, json};

/// An operation as a command: a verb, the key, and what follows it.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    /// `None` where it concerns no single database.
    pub(crate) db: Option<u8>,
    pub(crate) verb: &'static str,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) arguments: Vec<Argument<'a>>,
    /// Who asked for it.
    client: Option<&'a [u8]>,
}

/// Something behind the key.
#[derive(Debug)]
pub(crate) enum Argument<'a> {
    /// Our own words.
    Word(String),
    /// What a client sent.
    Bytes(&'a [u8]),
}

/// The operations of a record, each with the client that asked for it, if the record says so.
pub(crate) fn with_clients<'a>(
    ops: &'a [Op<'a>],
) -> impl Iterator<Item = (&'a Op<'a>, Option<&'a [u8]>)> {
    let mut client = None;
    ops.iter().filter_map(move |op| match op {
        Op::Origin { client: by } => {
            client = Some(&**by);
            None
        }
        op => Some((op, client)),
    })
}

impl<'a> Words<'a> {
    fn new(db: u8, verb: &'static str, key: &'a [u8]) -> Self {
        Self { db: Some(db), verb, key: Some(key), arguments: Vec::new(), client: None }
    }

    fn word(mut self, word: impl ToString) -> Self {
        self.arguments.push(Argument::Word(word.to_string()));
        self
    }

    fn bytes(mut self, bytes: &'a [u8]) -> Self {
        self.arguments.push(Argument::Bytes(bytes));
        self
    }

    fn all(mut self, bytes: impl Iterator<Item = &'a [u8]>) -> Self {
        self.arguments.extend(bytes.map(Argument::Bytes));
        self
    }

    fn ids(mut self, ids: &Ids) -> Self {
        self.arguments.extend(ids.iter().map(|id| Argument::Word(id.to_string())));
        self
    }

    fn number(self, name: &str, number: Option<u64>) -> Self {
        match number {
            Some(number) => self.word(name).word(number),
            None => self,
        }
    }

    /// For which client it was done, if the record says so.
    pub(crate) fn by(mut self, client: Option<&'a [u8]>) -> Self {
        self.client = client;
        self
    }

    /// What an operation does. It is absolute: XADD has the ID that `*` came to, XTRIM the ID below
    /// which everything went, whatever was asked for.
    pub(crate) fn of(op: &'a Op<'a>) -> Self {
        match op {
            Op::StreamCreate { .. }
            | Op::StreamAppend { .. }
            | Op::StreamTrim { .. }
            | Op::StreamDelete { .. }
            | Op::StreamForget { .. }
            | Op::StreamMessage { .. }
            | Op::StreamDuplicate { .. }
            | Op::StreamConfigure { .. }
            | Op::StreamSetId { .. } => Self::of_stream(op),
            Op::GroupCreate { .. }
            | Op::GroupSetId { .. }
            | Op::GroupDestroy { .. }
            | Op::ConsumerCreate { .. }
            | Op::ConsumerDelete { .. }
            | Op::ConsumerSeen { .. }
            | Op::Deliver { .. }
            | Op::Redeliver { .. }
            | Op::Claim { .. }
            | Op::Ack { .. }
            | Op::Release { .. } => Self::of_group(op),
            Op::ListPush { .. }
            | Op::ListPop { .. }
            | Op::ListMove { .. }
            | Op::ListSet { .. }
            | Op::ListInsert { .. }
            | Op::ListRemove { .. }
            | Op::ListTrim { .. }
            | Op::SetAdd { .. }
            | Op::SetRemove { .. } => Self::of_collection(op),
            Op::SortedSetAdd { .. }
            | Op::SortedSetRemove { .. }
            | Op::SortedSetRemoveRange { .. } => Self::of_sorted_set(op),
            _ => Self::of_key(op),
        }
    }

    fn of_key(op: &'a Op<'a>) -> Self {
        match op {
            Op::Delete { db, key } => Self::new(*db, "DEL", key),
            Op::Restore { db, key, payload, .. } => {
                Self::new(*db, "RESTORE", key).word(format!("({} bytes)", payload.len()))
            }
            Op::Expire { db, key, at: Some(at) } => Self::new(*db, "PEXPIREAT", key).word(at),
            Op::Expire { db, key, at: None } => Self::new(*db, "PERSIST", key),
            Op::Rename { db, key, new_db, new_key } => {
                let moved = (db != new_db).then_some(u64::from(*new_db));
                Self::new(*db, "RENAME", key).bytes(new_key).number("DB", moved)
            }
            Op::Copy { db, key, new_db, new_key } => {
                let other = (db != new_db).then_some(u64::from(*new_db));
                Self::new(*db, "COPY", key).bytes(new_key).number("DB", other).word("REPLACE")
            }
            Op::StringSet { db, key, value, expire_at } => {
                Self::new(*db, "SET", key).bytes(value).number("PXAT", *expire_at)
            }
            Op::StringWrite { db, key, offset, value } => {
                Self::new(*db, "SETRANGE", key).word(offset).bytes(value)
            }
            Op::HashSet { db, key, pairs } => {
                Self::new(*db, "HSET", key).all(pairs.strings().iter().copied())
            }
            Op::HashSetField { db, key, field, value } => {
                Self::new(*db, "HSET", key).bytes(field).bytes(value)
            }
            Op::HashDelete { db, key, fields } => {
                Self::new(*db, "HDEL", key).all(fields.iter().copied())
            }
            Op::Flush { db: Some(db) } => Self { db: Some(*db), ..Self::of_all("FLUSHDB") },
            Op::Flush { db: None } => Self::of_all("FLUSHALL"),
            Op::SwapDb { first, second } => Self::of_all("SWAPDB").word(first).word(second),
            Op::Origin { .. } => Self::of_all("(who asked for what follows)"),
            Op::LibrarySet { name, code } => {
                Self::of_all("FUNCTION LOAD").word("REPLACE").bytes(name).bytes(code)
            }
            Op::LibraryDelete { name } => Self::of_all("FUNCTION DELETE").bytes(name),
            Op::ConfigureIdmp { settings } => Self::of_all("CONFIG SET")
                .word("stream-idmp-duration")
                .word(settings.duration_s)
                .word("stream-idmp-maxsize")
                .word(settings.iids_max),
            Op::Configure { block_entries_max, block_bytes_max } => Self::of_all("CONFIG SET")
                .word("stream-node-max-entries")
                .word(block_entries_max)
                .word("stream-node-max-bytes")
                .word(block_bytes_max),
            _ => unreachable!("Words::of sends the others elsewhere"),
        }
    }

    fn of_all(verb: &'static str) -> Self {
        Self { db: None, verb, key: None, arguments: Vec::new(), client: None }
    }

    fn of_stream(op: &'a Op<'a>) -> Self {
        match op {
            Op::StreamCreate { db, key } => Self::new(*db, "MKSTREAM", key),
            Op::StreamAppend { db, key, id, fields } => {
                Self::new(*db, "XADD", key).word(id).all(fields.strings().iter().copied())
            }
            Op::StreamTrim { db, key, before, first_id, .. } => {
                let words = Self::new(*db, "XTRIM", key).word("MINID").word(before);
                if *first_id == StreamId::MIN {
                    words.word("(nothing is left)")
                } else {
                    words.word(format!("(first entry now {first_id})"))
                }
            }
            Op::StreamDelete { db, key, ids, .. } => Self::new(*db, "XDEL", key).ids(ids),
            Op::StreamMessage { db, key, pid, iid, id, .. } => {
                Self::new(*db, "XIDMPRECORD", key).bytes(pid).bytes(iid).word(id)
            }
            Op::StreamDuplicate { db, key } => Self::new(*db, "XADD", key).word("(duplicate)"),
            Op::StreamConfigure { db, key, settings } => Self::new(*db, "XCFGSET", key)
                .word("IDMP-DURATION")
                .word(settings.duration_s)
                .word("IDMP-MAXSIZE")
                .word(settings.iids_max),
            Op::StreamForget { db, key, before, ids } => Self::new(*db, "XACK", key)
                .word("(every group)")
                .word("BELOW")
                .word(before)
                .ids(ids),
            Op::StreamSetId { db, key, last_id, entries_added, max_deleted_id } => {
                Self::new(*db, "XSETID", key)
                    .word(last_id)
                    .word("ENTRIESADDED")
                    .word(entries_added)
                    .word("MAXDELETEDID")
                    .word(max_deleted_id)
            }
            _ => unreachable!("Words::of sends the others elsewhere"),
        }
    }

    fn of_collection(op: &'a Op<'a>) -> Self {
        let pick = |end, left, right| if end == ListEnd::Left { left } else { right };
        match op {
            Op::ListPush { db, key, end, values } => {
                Self::new(*db, pick(*end, "LPUSH", "RPUSH"), key).all(values.iter())
            }
            Op::ListPop { db, key, end, count } => {
                Self::new(*db, pick(*end, "LPOP", "RPOP"), key).word(count)
            }
            Op::ListMove { db, key, from, new_key, to } => Self::new(*db, "LMOVE", key)
                .bytes(new_key)
                .word(pick(*from, "LEFT", "RIGHT"))
                .word(pick(*to, "LEFT", "RIGHT")),
            Op::ListSet { db, key, index, value } => {
                Self::new(*db, "LSET", key).word(index).bytes(value)
            }
            Op::ListInsert { db, key, index, value } => {
                Self::new(*db, "LINSERT", key).word(format!("(at {index})")).bytes(value)
            }
            Op::ListRemove { db, key, indices } => {
                let words = Self::new(*db, "LREM", key).word("(at)");
                indices.iter().fold(words, |words, index| words.word(index))
            }
            Op::ListTrim { db, key, front, back } => Self::new(*db, "LTRIM", key)
                .word(format!("({front} gone at the left, {back} at the right)")),
            Op::SetAdd { db, key, members } => Self::new(*db, "SADD", key).all(members.iter()),
            Op::SetRemove { db, key, members } => Self::new(*db, "SREM", key).all(members.iter()),
            _ => unreachable!("Words::of sends the others elsewhere"),
        }
    }

    fn of_sorted_set(op: &'a Op<'a>) -> Self {
        match op {
            Op::SortedSetAdd { db, key, scores, members } => {
                let words = Self::new(*db, "ZADD", key);
                let pairs = scores.iter().zip(members.iter());
                pairs.fold(words, |words, (score, member)| {
                    words.word(score_text(*score)).bytes(member)
                })
            }
            Op::SortedSetRemove { db, key, members } => {
                Self::new(*db, "ZREM", key).all(members.iter())
            }
            Op::SortedSetRemoveRange { db, key, first, count } => {
                let last = first.saturating_add(count.saturating_sub(1));
                Self::new(*db, "ZREMRANGEBYRANK", key).word(first).word(last)
            }
            _ => unreachable!("Words::of sends the others elsewhere"),
        }
    }

    fn of_group(op: &'a Op<'a>) -> Self {
        match op {
            Op::GroupCreate { db, key, group, last_delivered, entries_read } => {
                Self::new(*db, "XGROUP CREATE", key)
                    .bytes(group)
                    .word(last_delivered)
                    .number("ENTRIESREAD", *entries_read)
            }
            Op::GroupSetId { db, key, group, last_delivered, entries_read } => {
                Self::new(*db, "XGROUP SETID", key)
                    .bytes(group)
                    .word(last_delivered)
                    .number("ENTRIESREAD", *entries_read)
            }
            Op::GroupDestroy { db, key, group } => {
                Self::new(*db, "XGROUP DESTROY", key).bytes(group)
            }
            Op::ConsumerCreate { db, key, group, consumer, .. } => {
                Self::new(*db, "XGROUP CREATECONSUMER", key).bytes(group).bytes(consumer)
            }
            Op::ConsumerDelete { db, key, group, consumer } => {
                Self::new(*db, "XGROUP DELCONSUMER", key).bytes(group).bytes(consumer)
            }
            Op::ConsumerSeen { db, key, group, consumer, .. } => {
                Self::new(*db, "XREADGROUP", key).bytes(group).bytes(consumer).word("(seen)")
            }
            Op::Deliver { db, key, group, consumer, ids, last_delivered, .. } => {
                let words = Self::new(*db, "XREADGROUP", key).bytes(group).bytes(consumer);
                if ids.is_empty() {
                    words.word("NOACK").word(format!("(up to {last_delivered})"))
                } else {
                    words.word("delivered").ids(ids)
                }
            }
            Op::Redeliver { db, key, group, ids, .. } => {
                Self::new(*db, "XREADGROUP", key).bytes(group).word("delivered again").ids(ids)
            }
            Op::Claim { db, key, group, consumer, ids, removed, .. } => {
                let words = Self::new(*db, "XCLAIM", key).bytes(group).bytes(consumer).ids(ids);
                if removed.is_empty() { words } else { words.word("(gone:").ids(removed).word(")") }
            }
            Op::Ack { db, key, group, ids } => Self::new(*db, "XACK", key).bytes(group).ids(ids),
            Op::Release { db, key, group, ids, .. } => {
                Self::new(*db, "XNACK", key).bytes(group).ids(ids)
            }
            _ => unreachable!("Words::of sends the others elsewhere"),
        }
    }

    /// One line of text; values longer than `bytes_max` are cut, and say so.
    pub(crate) fn text(&self, bytes_max: usize, out: &mut String) {
        out.push_str(self.verb);
        if let Some(key) = self.key {
            out.push(' ');
            escape(key, usize::MAX, out);
        }
        for argument in &self.arguments {
            out.push(' ');
            match argument {
                Argument::Word(word) => out.push_str(word),
                Argument::Bytes(bytes) => escape(bytes, bytes_max, out),
            }
        }
        if let Some(client) = self.client {
            out.push_str(" (by ");
            out.extend(client.escape_ascii().map(char::from));
            out.push(')');
        }
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        let arguments = self.arguments.iter().map(|argument| match argument {
            Argument::Word(word) => json!(word),
            Argument::Bytes(bytes) => lossless(bytes),
        });
        let arguments: Vec<_> = arguments.collect();
        let mut json = json!({
            "db": self.db, "op": self.verb, "key": self.key.map(lossless), "args": arguments
        });
        if let Some(client) = self.client {
            json["by"] = lossless(client);
        }
        json
    }
}

/// A string, or the hexadecimal digits of bytes that are none.
fn lossless(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => {
            json!({"hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()})
        }
    }
}

/// As redis-cli shows a string, without the quotes where nothing asks for them: what a client stored
/// must not reach a terminal as it is.
fn escape(bytes: &[u8], bytes_max: usize, out: &mut String) {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"'\\()".contains(byte);
    let shown = &bytes[..bytes.len().min(bytes_max)];
    if !shown.is_empty() && shown.len() == bytes.len() && shown.iter().all(is_plain) {
        out.extend(shown.iter().map(|&byte| char::from(byte)));
        return;
    }
    out.push('"');
    out.extend(shown.escape_ascii().map(char::from));
    out.push('"');
    if shown.len() < bytes.len() {
        out.push_str(&format!("...({} bytes)", bytes.len()));
    }
}

#[cfg(test)]
mod tests {
    use engine::{Fields, Text, Texts};

    use super::*;

    #[test]
    fn operations_read_like_commands() {
        let check = |op: Op<'_>, expected: &str| {
            let mut text = String::new();
            Words::of(&op).text(8, &mut text);
            assert_eq!(text, expected, "{op:?}");
        };
        let (db, key) = (0, &b"orders"[..]);
        let id = StreamId::new(5, 1);
        let ids: Ids = [id, StreamId::new(6, 0)].into_iter().collect();
        check(
            Op::StreamAppend { db, key, id, fields: Fields::Borrowed(&[b"item", b"a book"]) },
            r#"XADD orders 5-1 item "a book""#,
        );
        check(
            Op::StreamTrim { db, key, before: id, front_slots: 0, first_id: id },
            "XTRIM orders MINID 5-1 (first entry now 5-1)",
        );
        check(
            Op::StreamTrim { db, key, before: id, front_slots: 0, first_id: StreamId::MIN },
            "XTRIM orders MINID 5-1 (nothing is left)",
        );
        check(Op::Ack { db, key, group: b"g", ids: ids.clone() }, "XACK orders g 5-1 6-0");
        check(
            Op::Restore { db, key, expire_at: None, accessed_s: None, payload: b"HWDUMP" },
            "RESTORE orders (6 bytes)",
        );
        check(
            Op::Release { db, key, group: b"g", ids: ids.clone(), counts: vec![0, 3] },
            "XNACK orders g 5-1 6-0",
        );
        check(
            Op::Redeliver { db, key, group: b"g", time: 1, ids, counts: vec![2, 2] },
            "XREADGROUP orders g delivered again 5-1 6-0",
        );
        check(
            Op::ListPush { db, key, end: ListEnd::Left, values: Texts::Borrowed(&[b"a b", b"c"]) },
            r#"LPUSH orders "a b" c"#,
        );
        check(
            Op::ListMove { db, key, from: ListEnd::Right, new_key: b"k", to: ListEnd::Left },
            "LMOVE orders k RIGHT LEFT",
        );
        check(Op::ListRemove { db, key, indices: vec![0, 7] }, "LREM orders (at) 0 7");
        check(Op::SetRemove { db, key, members: Texts::Borrowed(&[b"m"]) }, "SREM orders m");
        let members = || Texts::Borrowed(&[b"a b", b"c"]);
        check(
            Op::SortedSetAdd { db, key, scores: vec![0.5, f64::INFINITY], members: members() },
            r#"ZADD orders 0.5 "a b" inf c"#,
        );
        check(Op::SortedSetRemove { db, key, members: members() }, r#"ZREM orders "a b" c"#);
        check(
            Op::SortedSetRemoveRange { db, key, first: 3, count: 2 },
            "ZREMRANGEBYRANK orders 3 4",
        );
        check(Op::Flush { db: None }, "FLUSHALL");
        check(Op::Delete { db, key: b"" }, r#"DEL """#);
        check(
            Op::StringSet { db, key, value: Text::Borrowed(b"0123456789"), expire_at: Some(7) },
            r#"SET orders "01234567"...(10 bytes) PXAT 7"#,
        );
        check(
            Op::Rename { db, key, new_db: 2, new_key: b"\x1b[2J\n\"x" },
            r#"RENAME orders "\x1b[2J\n\"x" DB 2"#,
        );
    }

    #[test]
    fn the_client_is_no_operation_of_its_own() {
        let (flush, swap) = (Op::Flush { db: None }, Op::SwapDb { first: 1, second: 2 });
        let origin = Op::Origin { client: Text::Borrowed(b"who") };
        let ops = [flush.clone(), origin, swap.clone()];
        let found: Vec<_> = with_clients(&ops).collect();
        assert_eq!(found, [(&flush, None), (&swap, Some(&b"who"[..]))]);
    }

    #[test]
    fn the_client_stands_behind_what_it_asked_for() {
        let op = Op::Flush { db: None };
        let words = Words::of(&op).by(Some(b"10.0.0.5:4711 id=7 name=a\nb"));
        let mut text = String::new();
        words.text(8, &mut text);
        assert_eq!(text, r"FLUSHALL (by 10.0.0.5:4711 id=7 name=a\nb)");
        assert_eq!(words.json()["by"], json!("10.0.0.5:4711 id=7 name=a\nb"));
    }

    #[test]
    fn json_loses_no_byte() {
        let op = Op::StringSet {
            db: 3,
            key: "schlüssel".as_bytes(),
            value: Text::Borrowed(b"\xff\x00"),
            expire_at: None,
        };
        let expected = json!({"db": 3, "op": "SET", "key": "schlüssel", "args": [{"hex": "ff00"}]});
        assert_eq!(Words::of(&op).json(), expected);
    }
}
