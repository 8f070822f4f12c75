//! SET and its older forms, and the expiry options it shares with GETEX.

use engine::{Command, CommandError, ExpireTime, Set, SetCondition, SetExpiry, SetReply, TimeUnit};

use super::args::{integer, is};
use super::{Arguments, Options, Parsed, Request, text};

pub(crate) fn set(args: Arguments<'_>) -> Parsed<'_> {
    let mut condition = SetCondition::Always;
    let mut reply = SetReply::Status;
    let mut expiry = Expiry::default();
    let mut options = args.options(3);
    while let Some(word) = options.next() {
        if is(word, "nx") && condition != SetCondition::IfPresent {
            condition = SetCondition::IfMissing;
        } else if is(word, "xx") && condition != SetCondition::IfMissing {
            condition = SetCondition::IfPresent;
        } else if is(word, "get") {
            reply = SetReply::OldValue;
        } else if is(word, "keepttl") {
            expiry.choose(Choice::Keep, b"")?;
        } else {
            expiry.take(word, &mut options)?;
        }
    }
    let expiry = expiry.finish(args.spec.name)?.unwrap_or(SetExpiry::Clear);
    string_set(args.at(1), args.at(2), condition, expiry, reply)
}

pub(crate) fn setnx(args: Arguments<'_>) -> Parsed<'_> {
    let (condition, reply) = (SetCondition::IfMissing, SetReply::Flag);
    string_set(args.at(1), args.at(2), condition, SetExpiry::Clear, reply)
}

pub(crate) fn setex(args: Arguments<'_>) -> Parsed<'_> {
    set_with_expiry(args, TimeUnit::Seconds)
}

pub(crate) fn psetex(args: Arguments<'_>) -> Parsed<'_> {
    set_with_expiry(args, TimeUnit::Millis)
}

fn set_with_expiry(args: Arguments<'_>, unit: TimeUnit) -> Parsed<'_> {
    let time = positive_time(args.at(2), unit, Anchor::Now, args.spec.name)?;
    let (condition, reply) = (SetCondition::Always, SetReply::Status);
    string_set(args.at(1), args.at(3), condition, SetExpiry::Until(time), reply)
}

fn string_set<'a>(
    key: &'a [u8],
    value: &'a [u8],
    condition: SetCondition,
    expiry: SetExpiry,
    reply: SetReply,
) -> Parsed<'a> {
    Ok(Request::Engine(Command::Set(Set { key, value, condition, expiry, reply })))
}

pub(crate) fn getex(args: Arguments<'_>) -> Parsed<'_> {
    let mut expiry = Expiry::default();
    let mut options = args.options(2);
    while let Some(word) = options.next() {
        if is(word, "persist") {
            expiry.choose(Choice::Persist, b"")?;
        } else {
            expiry.take(word, &mut options)?;
        }
    }
    let expiry = expiry.finish(args.spec.name);
    Ok(Request::Engine(Command::GetEx { key: args.at(1), expiry }))
}

/// The one expiry option of a request. Its value is read after all options are known to be well
/// formed, as the reference does.
#[derive(Debug, Default)]
struct Expiry<'a> {
    chosen: Option<(Choice, &'a [u8])>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Keep,
    Persist,
    Time(TimeUnit, Anchor),
}

/// What a time counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Now,
    Epoch,
}

impl<'a> Expiry<'a> {
    fn take(&mut self, word: &[u8], options: &mut Options<'a>) -> Result<(), CommandError> {
        let (unit, anchor) = if is(word, "ex") {
            (TimeUnit::Seconds, Anchor::Now)
        } else if is(word, "px") {
            (TimeUnit::Millis, Anchor::Now)
        } else if is(word, "exat") {
            (TimeUnit::Seconds, Anchor::Epoch)
        } else if is(word, "pxat") {
            (TimeUnit::Millis, Anchor::Epoch)
        } else {
            return Err(CommandError::Syntax);
        };
        let value = options.value()?;
        self.choose(Choice::Time(unit, anchor), value)
    }

    /// The same option again is allowed, and the last one counts; another one is not.
    fn choose(&mut self, choice: Choice, value: &'a [u8]) -> Result<(), CommandError> {
        if self.chosen.is_some_and(|(chosen, _)| chosen != choice) {
            return Err(CommandError::Syntax);
        }
        self.chosen = Some((choice, value));
        Ok(())
    }

    fn finish(self, command: &str) -> Result<Option<SetExpiry>, CommandError> {
        let Some((choice, value)) = self.chosen else { return Ok(None) };
        Ok(Some(match choice {
            Choice::Keep => SetExpiry::Keep,
            Choice::Persist => SetExpiry::Clear,
            Choice::Time(unit, anchor) => {
                SetExpiry::Until(positive_time(value, unit, anchor, command)?)
            }
        }))
    }
}

fn positive_time(
    value: &[u8],
    unit: TimeUnit,
    anchor: Anchor,
    command: &str,
) -> Result<ExpireTime, CommandError> {
    let number = integer(value)?;
    if number <= 0 {
        return Err(invalid_expire_time(command));
    }
    expire_time(number, unit, anchor, command)
}

/// Room left above a duration for the present time to be added, in milliseconds: enough until the
/// year 2109. The grammar knows no clock.
const NOW_MAX: i64 = 1 << 42;

pub(super) fn expire_time(
    number: i64,
    unit: TimeUnit,
    anchor: Anchor,
    command: &str,
) -> Result<ExpireTime, CommandError> {
    let millis = match unit {
        TimeUnit::Millis => Some(number),
        TimeUnit::Seconds => number.checked_mul(1000),
    };
    let millis = millis.ok_or_else(|| invalid_expire_time(command))?;
    match anchor {
        Anchor::Epoch => Ok(ExpireTime::At(millis)),
        Anchor::Now if millis <= i64::MAX - NOW_MAX => Ok(ExpireTime::In(millis)),
        Anchor::Now => Err(invalid_expire_time(command)),
    }
}

fn invalid_expire_time(command: &str) -> CommandError {
    text(&[b"ERR invalid expire time in '", command.as_bytes(), b"' command"])
}
