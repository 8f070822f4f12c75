//! Lines about sorted sets as commands.

use engine::{
    Aggregate, CombineOptions, Command, Direction, LexBound, LexRange, MemberRange, ScanFilter,
    ScoreBound, ScoreEnd, ScoreRange, SetOperation, ZAdd, ZAddCondition, ZCombine, ZRange,
};

use crate::harness::number;

/// The command of a line that is known to be well formed.
pub(crate) fn command<'a>(argv: &'a [&'a [u8]]) -> Command<'a> {
    let name = std::str::from_utf8(argv[0]).unwrap();
    let rest = &argv[1..];
    let key = rest.first().copied().unwrap_or_default();
    let has = |option: &str| rest.contains(&option.as_bytes());
    let draw = 11;
    match name {
        "ZADD" => Command::ZAdd(z_add(key, &rest[1..])),
        "ZREM" => Command::ZRem { key, members: &rest[1..] },
        "ZREMRANGEBYRANK" => Command::ZRemRange { key, range: ranks(rest[1], rest[2]) },
        "ZREMRANGEBYSCORE" => Command::ZRemRange { key, range: scores(rest[1], rest[2]) },
        "ZREMRANGEBYLEX" => Command::ZRemRange { key, range: members(rest[1], rest[2]) },
        "ZCARD" => Command::ZCard { key },
        "ZSCORE" => Command::ZScore { key, member: rest[1] },
        "ZMSCORE" => Command::ZMScore { key, members: &rest[1..] },
        "ZCOUNT" => Command::ZCount { key, range: scores(rest[1], rest[2]) },
        "ZLEXCOUNT" => Command::ZCount { key, range: members(rest[1], rest[2]) },
        "ZRANK" | "ZREVRANK" => Command::ZRank {
            key,
            member: rest[1],
            direction: direction(name == "ZREVRANK"),
            with_score: has("WITHSCORE"),
        },
        "ZRANGE" => Command::ZRange(z_range(rest)),
        "ZRANGESTORE" => Command::ZRangeStore { new_key: key, range: z_range(&rest[1..]) },
        "ZPOPMIN" | "ZPOPMAX" => Command::ZPop {
            key,
            end: end(name == "ZPOPMAX"),
            count: rest.get(1).map(|word| number(word)),
        },
        "BZPOPMIN" | "BZPOPMAX" => {
            Command::BZPop { keys: rest, end: end(name == "BZPOPMAX"), block_ms: 0 }
        }
        "ZMPOP" | "BZMPOP" => Command::ZMPop {
            keys: &rest[1..],
            end: ScoreEnd::Lowest,
            count: number(key),
            block_ms: (name == "BZMPOP").then_some(0),
        },
        "ZUNION" | "ZINTER" | "ZDIFF" => Command::ZCombine(z_combine(name, rest)),
        "ZUNIONSTORE" | "ZINTERSTORE" | "ZDIFFSTORE" => {
            Command::ZCombineStore { new_key: key, combine: z_combine(name, &rest[1..]) }
        }
        "ZINTERCARD" => Command::ZInterCard { keys: &rest[1..], limit: Ok(number(key)) },
        "ZRANDMEMBER" => Command::ZRandMember {
            key,
            count: rest.get(1).map(|word| number(word)),
            with_scores: has("WITHSCORES"),
            draw,
        },
        "ZSCAN" => Command::ZScan {
            key,
            cursor: number(rest[1]),
            filter: Ok(ScanFilter {
                pattern: rest.get(2).copied().filter(|_| !has("COUNT")),
                count: if has("COUNT") { number(rest[3]) } else { 10 },
                names_only: false,
            }),
        },
        other => panic!("unknown to the harness: {other}"),
    }
}

fn direction(reverse: bool) -> Direction {
    if reverse { Direction::Reverse } else { Direction::Forward }
}

fn end(highest: bool) -> ScoreEnd {
    if highest { ScoreEnd::Highest } else { ScoreEnd::Lowest }
}

fn z_add<'a>(key: &'a [u8], words: &'a [&'a [u8]]) -> ZAdd<'a> {
    let is_option =
        |word: &&&[u8]| matches!(**word, b"NX" | b"XX" | b"GT" | b"LT" | b"CH" | b"INCR");
    let options: Vec<&[u8]> = words.iter().take_while(is_option).copied().collect();
    let has = |option: &str| options.contains(&option.as_bytes());
    let pairs = words[options.len()..].chunks(2).map(|pair| (number(pair[0]), pair[1]));
    ZAdd {
        key,
        condition: ZAddCondition {
            if_missing: has("NX"),
            if_present: has("XX"),
            if_greater: has("GT"),
            if_less: has("LT"),
        },
        count_changed: has("CH"),
        increment: has("INCR"),
        pairs: pairs.collect(),
    }
}

/// `key min max`, then `REV`, `BYSCORE`, `BYLEX`, `WITHSCORES`, and last `LIMIT` with its numbers.
fn z_range<'a>(words: &'a [&'a [u8]]) -> ZRange<'a> {
    let has = |option: &str| words[3..].contains(&option.as_bytes());
    let (mut min, mut max) = (words[1], words[2]);
    let is_rank = !has("BYSCORE") && !has("BYLEX");
    if has("REV") && !is_rank {
        (min, max) = (max, min);
    }
    let range = if has("BYSCORE") {
        scores(min, max)
    } else if has("BYLEX") {
        members(min, max)
    } else {
        ranks(min, max)
    };
    let limit = has("LIMIT").then(|| {
        let numbers = &words[words.len() - 2..];
        (number(numbers[0]), number(numbers[1]))
    });
    let direction = direction(has("REV"));
    ZRange { key: words[0], range, direction, limit, with_scores: has("WITHSCORES") }
}

fn ranks<'a>(start: &[u8], stop: &[u8]) -> MemberRange<'a> {
    MemberRange::Rank { start: number(start), stop: number(stop) }
}

fn scores<'a>(min: &[u8], max: &[u8]) -> MemberRange<'a> {
    let bound = |word: &[u8]| match word {
        [b'(', word @ ..] => ScoreBound::Exclusive(number(word)),
        word => ScoreBound::Inclusive(number(word)),
    };
    MemberRange::Score(ScoreRange { min: bound(min), max: bound(max) })
}

fn members<'a>(min: &'a [u8], max: &'a [u8]) -> MemberRange<'a> {
    let bound = |word: &'a [u8]| match word {
        b"-" => LexBound::Smallest,
        b"+" => LexBound::Greatest,
        [b'(', word @ ..] => LexBound::Exclusive(word),
        word => LexBound::Inclusive(&word[1..]),
    };
    MemberRange::Lex(LexRange { min: bound(min), max: bound(max) })
}

/// Keys, then `WEIGHTS` with one for each, or `MIN`, `MAX`, `WITHSCORES`.
fn z_combine<'a>(name: &str, words: &'a [&'a [u8]]) -> ZCombine<'a> {
    let is_option = |word: &&[u8]| matches!(*word, b"WEIGHTS" | b"MIN" | b"MAX" | b"WITHSCORES");
    let keys = words.iter().position(is_option).unwrap_or(words.len());
    let (keys, options) = words.split_at(keys);
    let has = |option: &str| options.contains(&option.as_bytes());
    let weights = if has("WEIGHTS") { &options[1..=keys.len()] } else { &[] };
    ZCombine {
        operation: match &name[..3] {
            "ZUN" => SetOperation::Union,
            "ZIN" => SetOperation::Intersection,
            _ => SetOperation::Difference,
        },
        keys,
        options: Ok(CombineOptions {
            weights: weights.iter().map(|word| number(word)).collect(),
            aggregate: match (has("MIN"), has("MAX")) {
                (true, _) => Aggregate::Min,
                (_, true) => Aggregate::Max,
                _ => Aggregate::Sum,
            },
            with_scores: has("WITHSCORES"),
        }),
    }
}
