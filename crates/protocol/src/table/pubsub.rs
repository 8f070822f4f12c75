//! Channels and their subscribers.

use super::Group::PubSub;
use super::{
    CommandSpec, FAST, KeySpec, LOADING, MAY_REPLICATE, NO_KEYS, NONE, NOSCRIPT, PUBSUB, STALE,
    container, spec,
};
use crate::command::pubsub;

/// What (un)subscribing needs.
const LISTEN: u32 = PUBSUB | NOSCRIPT | LOADING | STALE;

/// What publishing needs.
const SPEAK: u32 = PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE;

/// What PUBSUB needs.
const LOOK: u32 = PUBSUB | LOADING | STALE;

/// The names of shard channels: no keys, but a cluster routes by them.
const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::from_first(&["not_key"], 1)];

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec("psubscribe", -2, LISTEN, NO_KEYS, pubsub::psubscribe).about(
        PubSub,
        "2.0.0",
        "O(1) per pattern",
        "Listens to all channels that match patterns.",
    ),
    spec("publish", 3, SPEAK, NO_KEYS, pubsub::publish).about(
        PubSub,
        "2.0.0",
        "O(N+M) with N subscribers of the channel and M patterns",
        "Sends a message to the subscribers of a channel.",
    ),
    spec("pubsub", -2, NONE, NO_KEYS, container)
        .about(PubSub, "2.8.0", "Depends on the subcommand.", "Commands about subscriptions.")
        .with(&[
            spec("pubsub|channels", -2, LOOK, NO_KEYS, pubsub::channels).about(
                PubSub,
                "2.8.0",
                "O(N) in the number of channels",
                "The channels that have subscribers.",
            ),
            spec("pubsub|help", 2, LOADING | STALE, NO_KEYS, pubsub::help).about(
                PubSub,
                "6.2.0",
                "O(1)",
                "Describes the subcommands.",
            ),
            spec("pubsub|numpat", 2, LOOK, NO_KEYS, pubsub::num_pat).about(
                PubSub,
                "2.8.0",
                "O(1)",
                "The number of patterns subscribed to.",
            ),
            spec("pubsub|numsub", -2, LOOK, NO_KEYS, pubsub::num_sub).about(
                PubSub,
                "2.8.0",
                "O(1) per channel",
                "The number of subscribers of channels.",
            ),
            spec("pubsub|shardchannels", -2, LOOK, NO_KEYS, pubsub::shard_channels).about(
                PubSub,
                "7.0.0",
                "O(N) in the number of shard channels",
                "The shard channels that have subscribers.",
            ),
            spec("pubsub|shardnumsub", -2, LOOK, NO_KEYS, pubsub::shard_num_sub).about(
                PubSub,
                "7.0.0",
                "O(1) per channel",
                "The number of subscribers of shard channels.",
            ),
        ]),
    spec("punsubscribe", -1, LISTEN, NO_KEYS, pubsub::punsubscribe).about(
        PubSub,
        "2.0.0",
        "O(1) per pattern",
        "Ends subscriptions to patterns.",
    ),
    spec("spublish", 3, SPEAK, &[KeySpec::at(&["not_key"], 1)], pubsub::spublish).about(
        PubSub,
        "7.0.0",
        "O(N) in the number of subscribers of the channel",
        "Sends a message to the subscribers of a shard channel.",
    ),
    spec("ssubscribe", -2, LISTEN, SHARD_CHANNELS, pubsub::ssubscribe).about(
        PubSub,
        "7.0.0",
        "O(1) per channel",
        "Listens to shard channels.",
    ),
    spec("subscribe", -2, LISTEN, NO_KEYS, pubsub::subscribe).about(
        PubSub,
        "2.0.0",
        "O(1) per channel",
        "Listens to channels.",
    ),
    spec("sunsubscribe", -1, LISTEN, SHARD_CHANNELS, pubsub::sunsubscribe).about(
        PubSub,
        "7.0.0",
        "O(1) per channel",
        "Ends subscriptions to shard channels.",
    ),
    spec("unsubscribe", -1, LISTEN, NO_KEYS, pubsub::unsubscribe).about(
        PubSub,
        "2.0.0",
        "O(1) per channel",
        "Ends subscriptions to channels.",
    ),
];
