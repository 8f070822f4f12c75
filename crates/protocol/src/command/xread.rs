//! XREAD and XREADGROUP.

use engine::{
    Command, CommandError, Deferred, GroupReadFrom, ReadFrom, ReadLimits, XRead, XReadGroup,
};

use super::args::{clamped, is, positive, timeout};
use super::stream_id::parse_id;
use super::{Arguments, Parsed, Request, text};
use crate::number::parse_i64;

pub(crate) fn xread(args: Arguments<'_>) -> Parsed<'_> {
    let read = Read::parse(args, Kind::Plain)?;
    let streams = read.streams().map(|(key, id)| (key, read_from(id))).collect();
    Ok(Request::Engine(Command::XRead(XRead {
        streams,
        limits: read.limits,
        block_ms: read.block_ms,
    })))
}

pub(crate) fn xreadgroup(args: Arguments<'_>) -> Parsed<'_> {
    let read = Read::parse(args, Kind::Group)?;
    let missing = CommandError::Fixed("ERR Missing GROUP option for XREADGROUP");
    let (group, consumer) = read.group.ok_or(missing)?;
    let streams = read.streams().map(|(key, id)| (key, group_read_from(id))).collect();
    Ok(Request::Engine(Command::XReadGroup(XReadGroup {
        group,
        consumer,
        streams,
        limits: read.limits,
        block_ms: read.block_ms,
        no_ack: read.no_ack,
        claim_idle_min_ms: read.claim_idle_min_ms,
    })))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Group,
}

/// What both commands have in common.
#[derive(Debug, Default)]
struct Read<'a> {
    limits: ReadLimits,
    block_ms: Option<u64>,
    group: Option<(&'a [u8], &'a [u8])>,
    no_ack: bool,
    claim_idle_min_ms: Option<u64>,
    /// Keys, then as many IDs.
    keys_and_ids: &'a [&'a [u8]],
}

impl<'a> Read<'a> {
    fn parse(args: Arguments<'a>, kind: Kind) -> Result<Self, CommandError> {
        let mut read = Read::default();
        let mut options = args.options(1);
        while let Some(word) = options.next() {
            let left = options.rest.len();
            if is(word, "block") && 1 <= left {
                if args.is_in_script {
                    // With the name as the script has written it.
                    let rest = b" command is not allowed with BLOCK option from scripts";
                    return Err(text(&[b"ERR ", args.at(0), rest]));
                }
                read.block_ms = Some(timeout(options.value()?)?);
            } else if is(word, "count") && 1 <= left {
                // Zero and below: no limit.
                read.limits.count = Some(clamped(options.integer()?)).filter(|&count| 0 < count);
            } else if is(word, "maxcount") && 1 <= left {
                const REFUSAL: &str = "ERR MAXCOUNT must be a positive integer";
                read.limits.total =
                    Some(positive(options.value()?).ok_or(CommandError::Fixed(REFUSAL))?);
            } else if is(word, "maxsize") && 1 <= left {
                const REFUSAL: &str = "ERR MAXSIZE must be a positive integer";
                read.limits.bytes =
                    Some(positive(options.value()?).ok_or(CommandError::Fixed(REFUSAL))?);
            } else if is(word, "streams") && 1 <= left {
                if !left.is_multiple_of(2) {
                    return Err(unbalanced(kind));
                }
                read.keys_and_ids = options.rest;
                break;
            } else if is(word, "group") && 2 <= left {
                refuse_in_xread(
                    kind,
                    "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                )?;
                read.group = Some((options.value()?, options.value()?));
            } else if is(word, "noack") {
                refuse_in_xread(
                    kind,
                    "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                )?;
                read.no_ack = true;
            } else if is(word, "claim") && 1 <= left {
                refuse_in_xread(
                    kind,
                    "ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.",
                )?;
                read.claim_idle_min_ms = Some(claim_idle(options.value()?)?);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if read.keys_and_ids.is_empty() {
            return Err(CommandError::Syntax);
        }
        if let (Some(total), Some(count)) = (read.limits.total, read.limits.count)
            && total < count
        {
            const REFUSAL: &str = "ERR MAXCOUNT must be greater than or equal to COUNT";
            return Err(CommandError::Fixed(REFUSAL));
        }
        Ok(read)
    }

    fn streams(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (keys, ids) = self.keys_and_ids.split_at(self.keys_and_ids.len() / 2);
        keys.iter().copied().zip(ids.iter().copied())
    }
}

/// The shortest idle time of what is claimed.
fn claim_idle(text: &[u8]) -> Result<u64, CommandError> {
    let idle = parse_i64(text).ok_or(CommandError::Fixed("ERR min-idle-time is not an integer"))?;
    const NEGATIVE: CommandError =
        CommandError::Fixed("ERR min-idle-time must be a positive integer");
    u64::try_from(idle).map_err(|_| NEGATIVE)
}

fn refuse_in_xread(kind: Kind, refusal: &'static str) -> Result<(), CommandError> {
    if kind == Kind::Plain { Err(CommandError::Fixed(refusal)) } else { Ok(()) }
}

fn unbalanced(kind: Kind) -> CommandError {
    CommandError::Fixed(match kind {
        Kind::Plain => {
            "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified."
        }
        Kind::Group => {
            "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
        }
    })
}

fn read_from(id: &[u8]) -> Deferred<ReadFrom> {
    match id {
        b"$" => Ok(ReadFrom::Last),
        b"+" => Ok(ReadFrom::LastEntry),
        b">" => Err(CommandError::Fixed(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        )),
        id => parse_id(id, 0).map(ReadFrom::After),
    }
}

fn group_read_from(id: &[u8]) -> Deferred<GroupReadFrom> {
    match id {
        b">" => Ok(GroupReadFrom::New),
        b"$" => Err(CommandError::Fixed(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
        )),
        b"+" => Err(CommandError::Fixed(
            "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.",
        )),
        id => parse_id(id, 0).map(GroupReadFrom::HistoryAfter),
    }
}
