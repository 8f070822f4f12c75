//! However the bytes of a connection are cut into reads, the same requests come out, and the same
//! refusal at the end; and no bytes at all make the decoder or the grammar panic.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use proptest::prelude::*;
use protocol::{Args, Decoder, Limits, ProtocolError, Version};

type Requests = Vec<Vec<Vec<u8>>>;

/// Feeds `pieces` one after another, as a connection does.
fn decode(pieces: &[&[u8]], limits: Limits) -> (Requests, Result<(), ProtocolError>) {
    let mut decoder = Decoder::new(limits);
    let mut buffer: Vec<u8> = Vec::new();
    let mut requests = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(None) => break,
                Err(error) => return (requests, Err(error)),
                Ok(Some(len)) => {
                    let mut args = Args::new();
                    decoder.args(&buffer, &mut args);
                    if !args.is_empty() {
                        requests.push(args.iter().map(|arg| arg.to_vec()).collect());
                    }
                    drop(args);
                    buffer.drain(..len);
                }
            }
        }
    }
    (requests, Ok(()))
}

/// Small limits, so that random input reaches them.
fn limits() -> impl Strategy<Value = Limits> {
    (any::<bool>(), 1usize..6, 4usize..64, 8usize..64).prop_map(
        |(authenticated, args_max, bulk_bytes_max, inline_bytes_max)| Limits {
            bulk_bytes_max,
            args_max,
            inline_bytes_max,
            authenticated,
        },
    )
}

fn array(args: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Pieces of conversations: whole requests, inline commands, and what must be refused.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5)
            .prop_map(|args| array(&args)),
        3 => "[a-zA-Z0-9 '\"\\\\x]{0,20}\r?\n".prop_map(String::into_bytes),
        1 => "[*$][-+0-9a]{0,4}\r\n".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #[test]
    fn any_split_gives_the_same_requests(
        fragments in prop::collection::vec(fragment(), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limits in limits(),
    ) {
        let input = fragments.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &input[cut[0]..cut[1]]).collect();
        let bytes: Vec<&[u8]> = input.chunks(1).collect();

        let whole = decode(&[&input], limits);
        prop_assert_eq!(&decode(&pieces, limits), &whole);
        prop_assert_eq!(&decode(&bytes, limits), &whole);
    }

    #[test]
    fn whole_requests_come_out_as_they_went_in(
        requests in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..8), 0..6),
    ) {
        let is_http = |args: &Vec<Vec<u8>>| {
            args[0].eq_ignore_ascii_case(b"post") || args[0].eq_ignore_ascii_case(b"host:")
        };
        prop_assume!(!requests.iter().any(is_http));
        let input: Vec<u8> = requests.iter().flat_map(|args| array(args)).collect();
        prop_assert_eq!(decode(&[&input], Limits::default()), (requests, Ok(())));
    }

    #[test]
    fn random_bytes_are_refused_or_answered(input in prop::collection::vec(any::<u8>(), 0..400)) {
        let (requests, _) = decode(&[&input], Limits::default());
        for request in &requests {
            run(request);
        }
    }

    #[test]
    fn random_words_of_the_grammar_are_refused_or_answered(
        command in any::<prop::sample::Index>(),
        words in prop::collection::vec(word(), 0..12),
    ) {
        let names = names();
        let name = &names[command.index(names.len())];
        let mut request: Vec<Vec<u8>> = name.split(|&byte| byte == b'|').map(Vec::from).collect();
        request.extend(words);
        run(&request);
    }
}

/// The way of a request through the grammar and the encoder, whatever comes out.
fn run(request: &[Vec<u8>]) {
    let args: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
    let parsed = protocol::resolve(&args).and_then(|spec| protocol::parse(spec, &args, 7));
    let mut out = Vec::new();
    match parsed {
        Ok(protocol::Request::Ready(reply)) => {
            protocol::encode(&reply, Version::Resp2, usize::MAX, &mut out).unwrap();
            protocol::encode(&reply, Version::Resp3, usize::MAX, &mut out).unwrap();
        }
        Ok(_) => {}
        Err(error) => {
            protocol::encode_error(&error, &mut out);
            assert!(out.starts_with(b"-") && out.ends_with(b"\r\n"));
            let breaks = out.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
            assert_eq!(breaks, 2, "{}", out.escape_ascii());
        }
    }
}

/// Names of all commands and, as `container|subcommand`, of their subcommands.
fn names() -> Vec<Vec<u8>> {
    let args: [&[u8]; 5] = [b"command", b"list", b"filterby", b"pattern", b"*"];
    let spec = protocol::resolve(&args).unwrap();
    let Ok(protocol::Request::Ready(engine::Reply::Array(names))) = protocol::parse(spec, &args, 0)
    else {
        panic!("COMMAND LIST is answered by the grammar");
    };
    let name = |name| match name {
        engine::Reply::Bulk(name) => name.to_vec(),
        other => panic!("{other:?}"),
    };
    names.into_iter().map(name).collect()
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "k",
        "g",
        "c",
        "0",
        "-1",
        "1",
        "5-5",
        "$",
        "*",
        ">",
        "+",
        "-",
        "(5",
        "=",
        "~",
        "maxlen",
        "minid",
        "limit",
        "nomkstream",
        "count",
        "block",
        "streams",
        "group",
        "noack",
        "idle",
        "time",
        "retrycount",
        "force",
        "justid",
        "lastid",
        "mkstream",
        "entriesread",
        "full",
        "entriesadded",
        "maxdeletedid",
        "ex",
        "px",
        "exat",
        "pxat",
        "nx",
        "xx",
        "gt",
        "lt",
        "get",
        "keepttl",
        "persist",
        "match",
        "type",
        "id",
        "addr",
        "skipme",
        "yes",
        "no",
        "one",
        "auth",
        "setname",
        "on",
        "off",
        "filterby",
        "aclcat",
        "9223372036854775807",
        "18446744073709551616",
        "xread",
        "set",
        "abort",
        "save",
        "withvalues",
        "db",
        "replace",
    ];
    prop_oneof![
        8 => prop::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

#[test]
fn ten_megabytes_in_small_pieces_are_not_scanned_again() {
    // Quadratic rescanning of 10 MB in 1 KiB pieces would take minutes.
    let arg = vec![b'\n'; 10 * 1024 * 1024];
    let input = array(&[b"ECHO".to_vec(), arg.clone()]);
    let pieces: Vec<&[u8]> = input.chunks(1024).collect();
    let (requests, end) = decode(&pieces, Limits::default());
    assert_eq!(end, Ok(()));
    assert!(requests == [vec![b"ECHO".to_vec(), arg]]);
}
