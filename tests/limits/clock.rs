//! The wall clock jumps, at run time and between two lives of the server.

use support::{Client, Clock, Rng, Server, Value};

use super::{figure, launch, wait};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn id(text: &str) -> (u64, u64) {
    let (ms, seq) = text.split_once('-').expect("an ID has a dash");
    (ms.parse().expect("a number"), seq.parse().expect("a number"))
}

fn field(value: &Value, name: &str) -> i64 {
    value.field(name).int()
}

/// Idle times are what has passed, never negative: Redis's own word for "unknown" is -1, and no
/// consumer here is unknown.
fn check_times(client: &mut Client) {
    for consumer in client.words("XINFO CONSUMERS s g").array() {
        assert!(0 <= field(&consumer, "idle"), "{consumer:?}");
        assert!(0 <= field(&consumer, "inactive"), "{consumer:?}");
    }
    for pending in client.words("XPENDING s g - + 10").array() {
        assert!(0 <= pending.clone().array()[2].int(), "{pending:?}");
    }
    for line in client.words("CLIENT LIST").text().lines() {
        for word in
            line.split(' ').filter(|word| word.starts_with("age=") || word.starts_with("idle="))
        {
            let (_, seconds) = word.split_once('=').expect("as filtered");
            assert!(seconds.parse::<u64>().is_ok_and(|seconds| seconds < 3600), "{line}");
        }
    }
}

#[test]
fn ids_never_go_back_whatever_the_clock_does() {
    let cycles = figure("HEADWATER_CLOCK_CYCLES", 30);
    let seed = figure("HEADWATER_SEED", 20_260_101);
    eprintln!("HEADWATER_SEED={seed} HEADWATER_CLOCK_CYCLES={cycles}");
    let mut rng = Rng::new(seed);
    let clock = Clock::new();
    let launch = clock.around(launch());
    let mut server = launch.start();
    let mut newest = (0, 0);
    server.connect().ok(&["XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"]);
    for cycle in 0..cycles {
        let offset = rng.below(0..31 * 86_400).cast_signed() - DAY;
        clock.set(offset);
        let mut client = server.connect();
        for _ in 0..3 {
            let added = id(&client.words("XADD s * f v").text());
            assert!(newest < added, "cycle {cycle}, {offset} s: {added:?} after {newest:?}");
            newest = added;
        }
        client.ok(&["XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "s", ">"]);
        check_times(&mut client);
        // The newest entry goes; its ID must not come again.
        assert_eq!(client.words(&format!("XDEL s {}-{}", newest.0, newest.1)), Value::Int(1));
        server = restart(server, &mut rng, &|| launch.start());
    }
}

/// Leaves it alone, stops it or kills it.
fn restart(server: Server, rng: &mut Rng, start: &dyn Fn() -> Server) -> Server {
    match rng.below(0..3) {
        0 => return server,
        1 => assert!(server.terminate().success()),
        _ => server.kill(),
    }
    start()
}

#[test]
fn keys_expire_by_the_wall_clock() {
    let clock = Clock::new();
    let server = clock.around(launch()).start();
    let mut client = server.connect();
    client.ok(&["SET", "k", "v", "EX", "3600"]);
    clock.set(-DAY);
    // The moment stays where it is: a day and an hour away now.
    let ttl = client.words("TTL k").int();
    assert!((DAY + HOUR - 60..=DAY + HOUR).contains(&ttl), "{ttl}");
    clock.set(HOUR / 2);
    assert_eq!(client.words("EXISTS k"), Value::Int(1));
    clock.set(2 * HOUR);
    assert_eq!(client.words("EXISTS k"), Value::Int(0));
    wait("the key expires", || client.info("expired_keys") == "1");
    clock.set(0);
    assert_eq!(client.words("EXISTS k"), Value::Int(0), "it came back");
}

#[test]
fn a_step_is_logged_and_a_clock_gone_mad_is_capped() {
    let clock = Clock::new();
    let launch = clock.around(launch());
    let server = launch.start();
    let until_logged = |words: &str| {
        wait(words, || server.output().iter().any(|line| line.contains(words)));
    };
    clock.set(30 * DAY);
    until_logged("the clock was set forward");
    clock.set(-DAY);
    until_logged("the clock was set back");
    clock.set(400 * 365 * DAY);
    let mut client = server.connect();
    let first = id(&client.words("XADD s * f v").text());
    // The first millisecond of the year 2200: room is left above it for as long as anybody cares.
    assert_eq!(first, (7_258_118_400_000, 0));
    assert_eq!(id(&client.words("XADD s * f v").text()), (first.0, 1));
    until_logged("the clock is beyond the year 2200");
    // Set right again, IDs go on from the last one, also in the next life.
    clock.set(0);
    assert_eq!(id(&client.words("XADD s * f v").text()), (first.0, 2));
    server.kill();
    let server = launch.start();
    assert_eq!(id(&server.connect().words("XADD s * f v").text()), (first.0, 3));
}
