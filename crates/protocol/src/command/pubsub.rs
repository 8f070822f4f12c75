//! Channels: SUBSCRIBE, PUBLISH, PUBSUB and their kin.

use super::session::SessionCommand;
use super::{Arguments, Parsed, Request, subcommand_syntax};

/// A command about channels.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PubSubCommand<'a> {
    /// SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE; at least one name.
    Subscribe { kind: ChannelKind, names: &'a [&'a [u8]] },
    /// UNSUBSCRIBE, PUNSUBSCRIBE, SUNSUBSCRIBE; no name means all.
    Unsubscribe { kind: ChannelKind, names: &'a [&'a [u8]] },
    /// PUBLISH, SPUBLISH.
    Publish { kind: ChannelKind, channel: &'a [u8], message: &'a [u8] },
    /// PUBSUB CHANNELS, SHARDCHANNELS.
    Channels { kind: ChannelKind, pattern: Option<&'a [u8]> },
    /// PUBSUB NUMSUB, SHARDNUMSUB.
    NumSub { kind: ChannelKind, channels: &'a [&'a [u8]] },
    /// PUBSUB NUMPAT.
    NumPat,
}

/// What is subscribed to. The three know nothing of each other, but that a message to a channel also
/// goes to the patterns that match its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChannelKind {
    /// A channel by its name.
    Channel,
    /// All channels whose names match.
    Pattern,
    /// A channel of a shard.
    Shard,
}

fn pubsub(command: PubSubCommand<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::PubSub(command)))
}

pub(crate) fn subscribe(args: Arguments<'_>) -> Parsed<'_> {
    pubsub(PubSubCommand::Subscribe { kind: ChannelKind::Channel, names: args.from(1) })
}

pub(crate) fn psubscribe(args: Arguments<'_>) -> Parsed<'_> {
    pubsub(PubSubCommand::Subscribe { kind: ChannelKind::Pattern, names: args.from(1) })
}

pub(crate) fn ssubscribe(args: Arguments<'_>) -> Parsed<'_> {
    pubsub(PubSubCommand::Subscribe { kind: ChannelKind::Shard, names: args.from(1) })
}

pub(crate) fn unsubscribe(args: Arguments<'_>) -> Parsed<'_> {
    pubsub(PubSubCommand::Unsubscribe { kind: ChannelKind::Channel, names: args.from(1) })
}

pub(crate) fn punsubscribe(args: Arguments<'_>) -> Parsed<'_> {
    pubsub(PubSubCommand::Unsubscribe { kind: ChannelKind::Pattern, names: args.from(1) })
}

pub(crate) fn sunsubscribe(args: Arguments<'_>) -> Parsed<'_> {
    pubsub(PubSubCommand::Unsubscribe { kind: ChannelKind::Shard, names: args.from(1) })
}

pub(crate) fn publish(args: Arguments<'_>) -> Parsed<'_> {
    let kind = ChannelKind::Channel;
    pubsub(PubSubCommand::Publish { kind, channel: args.at(1), message: args.at(2) })
}

pub(crate) fn spublish(args: Arguments<'_>) -> Parsed<'_> {
    let kind = ChannelKind::Shard;
    pubsub(PubSubCommand::Publish { kind, channel: args.at(1), message: args.at(2) })
}

pub(crate) fn channels(args: Arguments<'_>) -> Parsed<'_> {
    list(args, ChannelKind::Channel)
}

pub(crate) fn shard_channels(args: Arguments<'_>) -> Parsed<'_> {
    list(args, ChannelKind::Shard)
}

fn list(args: Arguments<'_>, kind: ChannelKind) -> Parsed<'_> {
    match args.from(2) {
        [] => pubsub(PubSubCommand::Channels { kind, pattern: None }),
        [pattern] => pubsub(PubSubCommand::Channels { kind, pattern: Some(pattern) }),
        _ => Err(subcommand_syntax(args.at(1), "PUBSUB")),
    }
}

pub(crate) fn num_sub(args: Arguments<'_>) -> Parsed<'_> {
    pubsub(PubSubCommand::NumSub { kind: ChannelKind::Channel, channels: args.from(2) })
}

pub(crate) fn shard_num_sub(args: Arguments<'_>) -> Parsed<'_> {
    pubsub(PubSubCommand::NumSub { kind: ChannelKind::Shard, channels: args.from(2) })
}

pub(crate) fn num_pat(_: Arguments<'_>) -> Parsed<'_> {
    pubsub(PubSubCommand::NumPat)
}

pub(crate) fn help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CHANNELS [<pattern>]",
        "    The channels that have subscribers.",
        "NUMPAT",
        "    The number of patterns subscribed to.",
        "NUMSUB [<channel> ...]",
        "    The number of subscribers of each channel, without those of patterns.",
        "SHARDCHANNELS [<pattern>]",
        "    The shard channels that have subscribers.",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    The number of subscribers of each shard channel.",
    ])
}
