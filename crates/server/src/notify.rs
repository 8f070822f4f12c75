//! Keyspace notifications: what happens to keys, as messages of channels.

use std::ops::Range;

use engine::{Command, Context, Event, EventClass, Missing, Op, Reply, UnixMillis};
use protocol::{ChannelKind, CommandSpec, Flags};

use crate::core::Core;
use crate::execute::Executor;
use crate::push::Push;

/// What `notify-keyspace-events` asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventClasses(u16);

const KEYSPACE: u16 = 1;
const KEYEVENT: u16 = 1 << 1;
const KEY_MISS: u16 = 1 << 2;
const NEW: u16 = 1 << 3;

/// The classes that `A` stands for, in the order in which they are shown. There are no modules and no
/// evictions here, whose letters are known all the same.
const OF_ALL: [(char, u16); 10] = [
    ('g', 1 << 4),
    ('$', 1 << 5),
    ('l', 1 << 6),
    ('s', 1 << 7),
    ('h', 1 << 8),
    ('z', 1 << 9),
    ('x', 1 << 10),
    ('e', 1 << 11),
    ('t', 1 << 12),
    ('d', 1 << 13),
];
const ALL: u16 = 0x3ff << 4;

impl EventClasses {
    /// Reads the letters of `notify-keyspace-events`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bit = |letter| match letter {
            'A' => Some(ALL),
            'K' => Some(KEYSPACE),
            'E' => Some(KEYEVENT),
            'm' => Some(KEY_MISS),
            'n' => Some(NEW),
            _ => OF_ALL.iter().find(|(known, _)| *known == letter).map(|(_, bit)| *bit),
        };
        text.chars().try_fold(0, |bits, letter| Some(bits | bit(letter)?)).map(Self)
    }

    /// Whether anything is asked for that can be told.
    pub(crate) fn is_on(self) -> bool {
        self.0 & (KEYSPACE | KEYEVENT) != 0 && self.0 & !(KEYSPACE | KEYEVENT) != 0
    }

    fn has(self, class: EventClass) -> bool {
        let letter = match class {
            EventClass::KeyMiss => return self.0 & KEY_MISS != 0,
            EventClass::New => return self.0 & NEW != 0,
            EventClass::Generic => 'g',
            EventClass::String => '$',
            EventClass::List => 'l',
            EventClass::Set => 's',
            EventClass::Hash => 'h',
            EventClass::SortedSet => 'z',
            EventClass::Expired => 'x',
            EventClass::Stream => 't',
        };
        OF_ALL.iter().any(|(known, bit)| *known == letter && self.0 & bit != 0)
    }
}

impl std::fmt::Display for EventClasses {
    /// As CONFIG GET shows it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let has = |bit: u16| self.0 & bit == bit;
        if has(ALL) {
            f.write_str("A")?;
        } else {
            for (letter, _) in OF_ALL.iter().filter(|(_, bit)| has(*bit)) {
                write!(f, "{letter}")?;
            }
        }
        let rest = [('n', NEW), ('K', KEYSPACE), ('E', KEYEVENT), ('m', KEY_MISS)];
        for (letter, _) in rest.iter().filter(|(_, bit)| has(*bit)) {
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

impl Core {
    /// Takes over the classes to be told.
    pub(crate) fn notify_of(&mut self, classes: EventClasses) {
        self.notify = classes;
        self.audience_changed();
    }

    /// What must be known before a command is executed, to tell of it afterwards.
    pub(crate) fn missing_before(&self, command: &Command<'_>, context: Context) -> Missing {
        if self.has_audience && self.notify.is_on() && self.notify.has(EventClass::New) {
            self.database.engine().missing_before(command, context)
        } else {
            Missing::default()
        }
    }

    /// Tells what operations that have just been applied did to keys.
    pub(crate) fn tell_events<'o>(
        &mut self,
        command: Option<&Command<'o>>,
        ops: &'o [Op<'o>],
        db: u8,
        missing: Missing,
    ) {
        if !self.has_audience || !self.notify.is_on() {
            return;
        }
        for event in self.database.engine().events(command, ops, db, missing) {
            self.tell_event(event);
        }
    }

    fn tell_event(&mut self, event: Event<'_>) {
        let Event { class, name, db, key } = event;
        if !self.notify.has(class) {
            return;
        }
        let mut tell = |channel: &[u8], message: &[u8]| {
            let receivers = self.channels.receivers(ChannelKind::Channel, channel, message);
            let pushes = receivers.into_iter().map(|(client, message)| Push { client, message });
            self.told.extend(pushes);
        };
        if self.notify.0 & KEYSPACE != 0 {
            let channel = [format!("__keyspace@{db}__:").as_bytes(), key].concat();
            tell(&channel, name.as_bytes());
        }
        if self.notify.0 & KEYEVENT != 0 {
            tell(format!("__keyevent@{db}__:{name}").as_bytes(), key);
        }
    }

    fn exists(&self, db: u8, key: &[u8], now: UnixMillis) -> bool {
        let command = Command::Exists { keys: &[key] };
        let decision = self.database.engine().decide(&command, Context { db, now });
        decision.is_ok_and(|decision| decision.reply == Reply::Integer(1))
    }
}

impl Executor<'_> {
    /// Tells of keys that a command is about to look for in vain.
    pub(crate) fn tell_misses(&mut self, spec: &'static CommandSpec, args: &[&[u8]]) {
        let core = &mut *self.core;
        if !core.notify.is_on() || !core.notify.has(EventClass::KeyMiss) {
            return;
        }
        let Some(read) = keys_read(spec, args) else { return };
        let db = self.session.db;
        // XREAD looks at each of its keys once more when it reads.
        let looks = if spec.name == "xread" { 2 } else { 1 };
        for _ in 0..looks {
            for key in spec.keys_in(args).skip(read.start).take(read.len()) {
                if !core.exists(db, key, self.now) {
                    let class = EventClass::KeyMiss;
                    core.tell_event(Event { class, name: "keymiss", db, key });
                }
            }
        }
    }
}

/// Which of its keys a command reads and tells of if they are missing; `None` for one that tells of none,
/// as it writes, or looks without touching.
fn keys_read(spec: &CommandSpec, args: &[&[u8]]) -> Option<Range<usize>> {
    const ALL: Range<usize> = 0..usize::MAX;
    match spec.name {
        "getdel" | "getex" | "getset" | "xreadgroup" | "xack" | "xclaim" | "xautoclaim" => {
            Some(ALL)
        }
        // The second one is written.
        "sort" | "copy" => Some(0..1),
        // The first one is written.
        "zrangestore" | "sinterstore" | "sunionstore" | "sdiffstore" | "zinterstore"
        | "zunionstore" | "zdiffstore" => Some(1..usize::MAX),
        "set" => {
            let asks = args.iter().skip(3).any(|word| word.eq_ignore_ascii_case(b"get"));
            asks.then_some(ALL)
        }
        // Their commands tell.
        "eval_ro" | "evalsha_ro" | "fcall_ro" => None,
        name if name.starts_with("object|") || name.starts_with("memory|") => None,
        _ => spec.flags.contains(Flags::READONLY).then_some(ALL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_are_put_in_order() {
        let check = |text: &str, expected: Option<&str>| {
            let shown = EventClasses::parse(text).map(|classes| classes.to_string());
            assert_eq!(shown.as_deref(), expected, "{text:?}");
        };
        check("", Some(""));
        check("xE$g", Some("g$xE"));
        check("AKEg", Some("AKE"));
        check("KEg$lshzxetd", Some("AKE"));
        check("mEKA", Some("AKEm"));
        check("nKl", Some("lnK"));
        check("Kq", None);
        check("k", None);
    }

    #[test]
    fn a_place_and_a_class_are_needed() {
        let check = |text: &str, expected: bool| {
            let classes = EventClasses::parse(text).expect("letters");
            assert_eq!(classes.is_on(), expected, "{text:?}");
        };
        check("", false);
        check("A", false);
        check("KE", false);
        check("Kg", true);
        check("Em", true);
    }
}
