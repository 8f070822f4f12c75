//! LCS, as redis-server 7.0.15 answered for the same strings.

use engine::*;

fn lcs(first: &str, second: &str, options: LcsOptions) -> Result<Reply, CommandError> {
    let mut engine = Engine::new(Settings::default(), 1);
    let context = Context { db: 0, now: 1000 };
    let pairs: [&[u8]; 4] = [b"a", first.as_bytes(), b"b", second.as_bytes()];
    let decision = engine.decide(&Command::MSet { pairs: &pairs, only_if_free: false }, context)?;
    decision.ops.iter().for_each(|op| engine.apply(op, 1));
    let command = Command::Lcs { keys: [b"a", b"b"], options: Ok(options) };
    engine.decide(&command, context).map(|decision| decision.reply)
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Integer(number) => number.to_string(),
        Reply::Bulk(bytes) => bytes.escape_ascii().to_string(),
        Reply::Array(parts) => {
            format!("[{}]", parts.iter().map(text).collect::<Vec<_>>().join(" "))
        }
        Reply::Map(pairs) => pairs
            .iter()
            .map(|(name, value)| format!("{}={}", text(name), text(value)))
            .collect::<Vec<_>>()
            .join(" "),
        other => panic!("no reply of LCS: {other:?}"),
    }
}

#[test]
fn the_answers() {
    let check = |first: &str, second: &str, options: LcsOptions, expected: &str| {
        let reply = lcs(first, second, options).unwrap();
        assert_eq!(text(&reply), expected, "{first} {second} {options:?}");
    };
    let plain = LcsOptions::default();
    let length = LcsOptions { answer: LcsAnswer::Length, ..plain };
    let places = LcsOptions { answer: LcsAnswer::Places, ..plain };
    check("ohmytext", "mynewtext", plain, "mytext");
    check("ohmytext", "mynewtext", length, "6");
    check("ohmytext", "mynewtext", places, "matches=[[[4 7] [5 8]] [[2 3] [0 1]]] len=6");
    let long = LcsOptions { match_len_min: 4, with_match_len: true, ..places };
    check("ohmytext", "mynewtext", long, "matches=[[[4 7] [5 8] 4]] len=6");
    check("", "abc", plain, "");
    check("", "abc", places, "matches=[] len=0");
    check("abc", "abc", places, "matches=[[[0 2] [0 2]]] len=3");
    check("abcd", "dcba", plain, "d");
    check("aaab", "baaa", places, "matches=[[[0 2] [1 3]]] len=3");
}

#[test]
fn strings_too_long_for_the_table_are_refused() {
    let long = "x".repeat(20_000);
    let refusal = lcs(&long, &long, LcsOptions::default()).unwrap_err();
    let expected = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    assert_eq!(refusal, CommandError::Fixed(expected));
}
