//! Keys of any type: removing, naming, expiring, walking.

use engine::{
    Command, CommandError, Deferred, ExpireCondition, ObjectField, Restore, TimeUnit, TtlForm,
};

use super::args::{database, database_in_range, integer, is};
use super::set::{Anchor, expire_time};
use super::{Arguments, Parsed, Request, echo, text};
use crate::number::parse_i64;

pub(crate) fn del(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::Del { keys: args.from(1) }))
}

pub(crate) fn exists(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::Exists { keys: args.from(1) }))
}

pub(crate) fn touch(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::Touch { keys: args.from(1) }))
}

pub(crate) fn type_of(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::Type { key: args.at(1) }))
}

pub(crate) fn expire(args: Arguments<'_>) -> Parsed<'_> {
    set_expiry(args, TimeUnit::Seconds, Anchor::Now)
}

pub(crate) fn pexpire(args: Arguments<'_>) -> Parsed<'_> {
    set_expiry(args, TimeUnit::Millis, Anchor::Now)
}

pub(crate) fn expireat(args: Arguments<'_>) -> Parsed<'_> {
    set_expiry(args, TimeUnit::Seconds, Anchor::Epoch)
}

pub(crate) fn pexpireat(args: Arguments<'_>) -> Parsed<'_> {
    set_expiry(args, TimeUnit::Millis, Anchor::Epoch)
}

fn set_expiry(args: Arguments<'_>, unit: TimeUnit, anchor: Anchor) -> Parsed<'_> {
    let condition = expire_condition(args)?;
    let when = expire_time(integer(args.at(2))?, unit, anchor, args.spec.name)?;
    Ok(Request::Engine(Command::Expire { key: args.at(1), when, condition }))
}

fn expire_condition(args: Arguments<'_>) -> Result<ExpireCondition, CommandError> {
    let mut condition = ExpireCondition::default();
    for word in args.options(3) {
        if is(word, "nx") {
            condition.none_set = true;
        } else if is(word, "xx") {
            condition.some_set = true;
        } else if is(word, "gt") {
            condition.later = true;
        } else if is(word, "lt") {
            condition.sooner = true;
        } else {
            return Err(text(&[b"ERR Unsupported option ", echo(word, word.len())]));
        }
    }
    let ExpireCondition { none_set, some_set, later, sooner } = condition;
    if none_set && (some_set || later || sooner) {
        return Err(CommandError::Fixed(
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ));
    }
    if later && sooner {
        return Err(CommandError::Fixed(
            "ERR GT and LT options at the same time are not compatible",
        ));
    }
    Ok(condition)
}

pub(crate) fn ttl(args: Arguments<'_>) -> Parsed<'_> {
    time_left(args, TimeUnit::Seconds, TtlForm::Remaining)
}

pub(crate) fn pttl(args: Arguments<'_>) -> Parsed<'_> {
    time_left(args, TimeUnit::Millis, TtlForm::Remaining)
}

pub(crate) fn expiretime(args: Arguments<'_>) -> Parsed<'_> {
    time_left(args, TimeUnit::Seconds, TtlForm::Instant)
}

pub(crate) fn pexpiretime(args: Arguments<'_>) -> Parsed<'_> {
    time_left(args, TimeUnit::Millis, TtlForm::Instant)
}

fn time_left(args: Arguments<'_>, unit: TimeUnit, form: TtlForm) -> Parsed<'_> {
    Ok(Request::Engine(Command::Ttl { key: args.at(1), unit, form }))
}

pub(crate) fn persist(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::Persist { key: args.at(1) }))
}

pub(crate) fn rename(args: Arguments<'_>) -> Parsed<'_> {
    let (key, new_key) = (args.at(1), args.at(2));
    Ok(Request::Engine(Command::Rename { key, new_key, only_if_free: false }))
}

pub(crate) fn renamenx(args: Arguments<'_>) -> Parsed<'_> {
    let (key, new_key) = (args.at(1), args.at(2));
    Ok(Request::Engine(Command::Rename { key, new_key, only_if_free: true }))
}

pub(crate) fn dump(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::Dump { key: args.at(1) }))
}

pub(crate) fn restore(args: Arguments<'_>) -> Parsed<'_> {
    let mut restore = Restore {
        key: args.at(1),
        ttl: restore_ttl(args.at(2)),
        payload: args.at(3),
        replace: false,
        absolute: false,
        idle_s: None,
    };
    let mut has_frequency = false;
    let mut options = args.options(4);
    while let Some(word) = options.next() {
        let has_value = !options.rest.is_empty();
        if is(word, "replace") {
            restore.replace = true;
        } else if is(word, "absttl") {
            restore.absolute = true;
        } else if is(word, "idletime") && has_value && !has_frequency {
            const NEGATIVE: CommandError =
                CommandError::Fixed("ERR Invalid IDLETIME value, must be >= 0");
            restore.idle_s = Some(u64::try_from(options.integer()?).map_err(|_| NEGATIVE)?);
        } else if is(word, "freq") && has_value && restore.idle_s.is_none() {
            if !(0..=255).contains(&options.integer()?) {
                return Err(CommandError::Fixed("ERR Invalid FREQ value, must be >= 0 and <= 255"));
            }
            has_frequency = true;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(Request::Engine(Command::Restore(restore)))
}

fn restore_ttl(text: &[u8]) -> Deferred<u64> {
    const NEGATIVE: CommandError = CommandError::Fixed("ERR Invalid TTL value, must be >= 0");
    u64::try_from(integer(text)?).map_err(|_| NEGATIVE)
}

pub(crate) fn copy(args: Arguments<'_>) -> Parsed<'_> {
    let mut new_db = None;
    let mut replace = false;
    let mut options = args.options(3);
    while let Some(word) = options.next() {
        if is(word, "replace") {
            replace = true;
        } else if is(word, "db") {
            new_db = Some(database(options.value()?)?);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let (key, new_key) = (args.at(1), args.at(2));
    Ok(Request::Engine(Command::Copy { key, new_key, new_db, replace }))
}

pub(crate) fn move_key(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::Move { key: args.at(1), new_db: database(args.at(2))? }))
}

pub(crate) fn keys(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::Keys { pattern: args.at(1) }))
}

pub(crate) fn scan(args: Arguments<'_>) -> Parsed<'_> {
    super::scan::scan(args)
}

pub(crate) fn random_key(args: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::RandomKey { draw: args.draw }))
}

pub(crate) fn dbsize(_: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Engine(Command::DbSize))
}

pub(crate) fn flushdb(args: Arguments<'_>) -> Parsed<'_> {
    flush(args, false)
}

pub(crate) fn flushall(args: Arguments<'_>) -> Parsed<'_> {
    flush(args, true)
}

fn flush(args: Arguments<'_>, all: bool) -> Parsed<'_> {
    match args.from(1) {
        [] => Ok(Request::Engine(Command::Flush { all })),
        [word] if is(word, "async") || is(word, "sync") => {
            Ok(Request::Engine(Command::Flush { all }))
        }
        _ => Err(CommandError::Syntax),
    }
}

pub(crate) fn swapdb(args: Arguments<'_>) -> Parsed<'_> {
    let number = |text: &[u8], refusal| {
        let number = parse_i64(text).and_then(|number| i32::try_from(number).ok());
        number.ok_or(CommandError::Fixed(refusal))
    };
    let first = number(args.at(1), "ERR invalid first DB index")?;
    let second = number(args.at(2), "ERR invalid second DB index")?;
    let (first, second) = (database_in_range(first)?, database_in_range(second)?);
    Ok(Request::Engine(Command::SwapDb { first, second }))
}

pub(crate) fn object_encoding(args: Arguments<'_>) -> Parsed<'_> {
    object(args, ObjectField::Encoding)
}

pub(crate) fn object_freq(args: Arguments<'_>) -> Parsed<'_> {
    object(args, ObjectField::Freq)
}

pub(crate) fn object_idletime(args: Arguments<'_>) -> Parsed<'_> {
    object(args, ObjectField::IdleTime)
}

pub(crate) fn object_refcount(args: Arguments<'_>) -> Parsed<'_> {
    object(args, ObjectField::RefCount)
}

fn object(args: Arguments<'_>, what: ObjectField) -> Parsed<'_> {
    Ok(Request::Engine(Command::Object { key: args.at(2), what }))
}

pub(crate) fn object_help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    How the value is kept in memory.",
        "FREQ <key>",
        "    How often the key was used, with an LFU policy.",
        "IDLETIME <key>",
        "    Seconds since the key was last used.",
        "REFCOUNT <key>",
        "    References to the value.",
    ])
}
