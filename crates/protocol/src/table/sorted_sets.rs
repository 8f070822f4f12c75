//! Sorted sets.

use super::Group::SortedSet;
use super::{
    BLOCKING, CommandSpec, DENYOOM, FAST, KeySpec, MOVABLEKEYS, NOSCRIPT, READONLY, WRITE, spec,
};
use crate::command::{sorted_sets, zcombine, zrange};

const READ: &[KeySpec] = &[KeySpec::at(&["RO", "access"], 1)];
const LOOK: &[KeySpec] = &[KeySpec::at(&["RO"], 1)];
const DELETE: &[KeySpec] = &[KeySpec::at(&["RW", "delete"], 1)];
const TAKE: &[KeySpec] = &[KeySpec::at(&["RW", "access", "delete"], 1)];
const READ_MANY: &[KeySpec] = &[KeySpec::counted(&["RO", "access"], 1)];
const READ_AND_STORE: &[KeySpec] =
    &[KeySpec::at(&["OW", "update"], 1), KeySpec::counted(&["RO", "access"], 2)];

const LOGARITHMIC: &str = "O(log(N)) in the size of the set";
const OF_RANGE: &str = "O(log(N)+M), N members and M of them in the range";
const OF_UNION: &str = "O(N*log(N)) in the members of all sets";
const OF_INTERSECTION: &str = "O(N*K+M*log(M)), K sets, N members of the smallest, M in the result";
const OF_DIFFERENCE: &str = "O(N*K+M*log(M)), K sets, N members of the first, M in the result";
const OF_POPS: &str = "O(K+M*log(N)), K keys, N members of a set, M of them taken";

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec(
        "bzmpop",
        -5,
        WRITE | BLOCKING | MOVABLEKEYS,
        &[KeySpec::counted(&["RW", "access", "delete"], 2)],
        sorted_sets::bzmpop,
    )
    .about(
        SortedSet,
        "7.0.0",
        OF_POPS,
        "Takes members from an end of the first set that there is, or waits for one.",
    ),
    spec(
        "bzpopmax",
        -3,
        WRITE | NOSCRIPT | BLOCKING | FAST,
        &[KeySpec::all_but_last(&["RW", "access", "delete"])],
        sorted_sets::bzpopmax,
    )
    .about(
        SortedSet,
        "5.0.0",
        LOGARITHMIC,
        "Takes the member with the highest score, or waits for one.",
    ),
    spec(
        "bzpopmin",
        -3,
        WRITE | NOSCRIPT | BLOCKING | FAST,
        &[KeySpec::all_but_last(&["RW", "access", "delete"])],
        sorted_sets::bzpopmin,
    )
    .about(
        SortedSet,
        "5.0.0",
        LOGARITHMIC,
        "Takes the member with the lowest score, or waits for one.",
    ),
    spec(
        "zadd",
        -4,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "update"], 1)],
        sorted_sets::zadd,
    )
    .about(
        SortedSet,
        "1.2.0",
        "O(log(N)) for each member",
        "Gives scores to members, which it adds where they are missing.",
    ),
    spec("zcard", 2, READONLY | FAST, LOOK, sorted_sets::zcard).about(
        SortedSet,
        "1.2.0",
        "O(1)",
        "Number of members.",
    ),
    spec("zcount", 4, READONLY | FAST, READ, zrange::zcount).about(
        SortedSet,
        "2.0.0",
        LOGARITHMIC,
        "How many members have scores in a range.",
    ),
    spec("zdiff", -3, READONLY | MOVABLEKEYS, READ_MANY, zcombine::zdiff).about(
        SortedSet,
        "6.2.0",
        OF_DIFFERENCE,
        "The members of the first set that no other has.",
    ),
    spec("zdiffstore", -4, WRITE | DENYOOM | MOVABLEKEYS, READ_AND_STORE, zcombine::zdiffstore)
        .about(
            SortedSet,
            "6.2.0",
            OF_DIFFERENCE,
            "Stores the members of the first set that no other has.",
        ),
    spec(
        "zincrby",
        4,
        WRITE | DENYOOM | FAST,
        &[KeySpec::at(&["RW", "access", "update"], 1)],
        sorted_sets::zincrby,
    )
    .about(SortedSet, "1.2.0", LOGARITHMIC, "Adds to the score of a member."),
    spec("zinter", -3, READONLY | MOVABLEKEYS, READ_MANY, zcombine::zinter).about(
        SortedSet,
        "6.2.0",
        OF_INTERSECTION,
        "The members that all sets have.",
    ),
    spec("zintercard", -3, READONLY | MOVABLEKEYS, READ_MANY, zcombine::zintercard).about(
        SortedSet,
        "7.0.0",
        "O(N*K), K sets and N members of the smallest",
        "How many members all sets have.",
    ),
    spec("zinterstore", -4, WRITE | DENYOOM | MOVABLEKEYS, READ_AND_STORE, zcombine::zinterstore)
        .about(SortedSet, "2.0.0", OF_INTERSECTION, "Stores the members that all sets have."),
    spec("zlexcount", 4, READONLY | FAST, READ, zrange::zlexcount).about(
        SortedSet,
        "2.8.9",
        LOGARITHMIC,
        "How many members lie between two, all scores being equal.",
    ),
    spec(
        "zmpop",
        -4,
        WRITE | MOVABLEKEYS,
        &[KeySpec::counted(&["RW", "access", "delete"], 1)],
        sorted_sets::zmpop,
    )
    .about(
        SortedSet,
        "7.0.0",
        OF_POPS,
        "Takes members from an end of the first set that there is.",
    ),
    spec("zmscore", -3, READONLY | FAST, READ, sorted_sets::zmscore).about(
        SortedSet,
        "6.2.0",
        "O(N) in the number of members",
        "The scores of several members.",
    ),
    spec("zpopmax", -2, WRITE | FAST, TAKE, sorted_sets::zpopmax).about(
        SortedSet,
        "5.0.0",
        "O(M*log(N)), M of N members taken",
        "Takes members with the highest scores.",
    ),
    spec("zpopmin", -2, WRITE | FAST, TAKE, sorted_sets::zpopmin).about(
        SortedSet,
        "5.0.0",
        "O(M*log(N)), M of N members taken",
        "Takes members with the lowest scores.",
    ),
    spec("zrandmember", -2, READONLY, READ, sorted_sets::zrandmember).about(
        SortedSet,
        "6.2.0",
        "O(N) in the number of members returned",
        "Some members, chosen at random.",
    ),
    spec("zrange", -4, READONLY, READ, zrange::zrange).about(
        SortedSet,
        "1.2.0",
        OF_RANGE,
        "The members in a range of places, scores or members.",
    ),
    spec("zrangebylex", -4, READONLY, READ, zrange::zrangebylex).about(
        SortedSet,
        "2.8.9",
        OF_RANGE,
        "The members between two, all scores being equal.",
    ),
    spec("zrangebyscore", -4, READONLY, READ, zrange::zrangebyscore).about(
        SortedSet,
        "1.0.5",
        OF_RANGE,
        "The members with scores in a range.",
    ),
    spec(
        "zrangestore",
        -5,
        WRITE | DENYOOM,
        &[KeySpec::at(&["OW", "update"], 1), KeySpec::at(&["RO", "access"], 2)],
        zrange::zrangestore,
    )
    .about(SortedSet, "6.2.0", OF_RANGE, "Stores the members in a range under another key."),
    spec("zrank", -3, READONLY | FAST, READ, sorted_sets::zrank).about(
        SortedSet,
        "2.0.0",
        LOGARITHMIC,
        "The place of a member, from the lowest score up.",
    ),
    spec("zrem", -3, WRITE | FAST, DELETE, sorted_sets::zrem).about(
        SortedSet,
        "1.2.0",
        "O(M*log(N)), M of N members removed",
        "Removes members.",
    ),
    spec("zremrangebylex", 4, WRITE, DELETE, zrange::zremrangebylex).about(
        SortedSet,
        "2.8.9",
        OF_RANGE,
        "Removes the members between two, all scores being equal.",
    ),
    spec("zremrangebyrank", 4, WRITE, DELETE, zrange::zremrangebyrank).about(
        SortedSet,
        "2.0.0",
        OF_RANGE,
        "Removes the members in a range of places.",
    ),
    spec("zremrangebyscore", 4, WRITE, DELETE, zrange::zremrangebyscore).about(
        SortedSet,
        "1.2.0",
        OF_RANGE,
        "Removes the members with scores in a range.",
    ),
    spec("zrevrange", -4, READONLY, READ, zrange::zrevrange).about(
        SortedSet,
        "1.2.0",
        OF_RANGE,
        "The members in a range of places, from the highest score down.",
    ),
    spec("zrevrangebylex", -4, READONLY, READ, zrange::zrevrangebylex).about(
        SortedSet,
        "2.8.9",
        OF_RANGE,
        "The members between two, from the greatest down.",
    ),
    spec("zrevrangebyscore", -4, READONLY, READ, zrange::zrevrangebyscore).about(
        SortedSet,
        "2.2.0",
        OF_RANGE,
        "The members with scores in a range, from the highest down.",
    ),
    spec("zrevrank", -3, READONLY | FAST, READ, sorted_sets::zrevrank).about(
        SortedSet,
        "2.0.0",
        LOGARITHMIC,
        "The place of a member, from the highest score down.",
    ),
    spec("zscan", -3, READONLY, READ, sorted_sets::zscan).about(
        SortedSet,
        "2.8.0",
        "O(1) per call, O(N) for all members",
        "Walks over the members and their scores.",
    ),
    spec("zscore", 3, READONLY | FAST, READ, sorted_sets::zscore).about(
        SortedSet,
        "1.2.0",
        "O(1)",
        "The score of a member.",
    ),
    spec("zunion", -3, READONLY | MOVABLEKEYS, READ_MANY, zcombine::zunion).about(
        SortedSet,
        "6.2.0",
        OF_UNION,
        "The members that any set has.",
    ),
    spec("zunionstore", -4, WRITE | DENYOOM | MOVABLEKEYS, READ_AND_STORE, zcombine::zunionstore)
        .about(SortedSet, "2.0.0", OF_UNION, "Stores the members that any set has."),
];
