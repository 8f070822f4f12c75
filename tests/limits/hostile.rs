//! Clients that mean harm, against a server with little memory. Everybody else is served meanwhile.
//!
//! `HEADWATER_HOSTILE_SECONDS` and `HEADWATER_HOSTILE_IDLE` make it longer and the crowd larger.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, MemoryGroup, Server, Value, anonymous_bytes, encode, skipped};

use super::{figure, launch, wait};

const MIB: u64 = 1 << 20;

/// How long a well-behaved client may wait for its answers: the machine is busy with the others, and
/// the server may be built without optimisation.
const PATIENCE: Duration = Duration::from_secs(20);

/// Readers that wait for a stream.
const BLOCKED: u64 = 500;

/// What one hostile client does with a fresh connection until it is thrown out or had enough.
type Attack = fn(&mut Client) -> std::io::Result<()>;

const ATTACKS: [(&str, Attack); 9] = [
    ("announces huge arguments and sends them in drops", |client| {
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000000\r\n")?;
        (0..200).try_for_each(|_| client.send(&[b'x'; 1000]))?;
        wait_for_end(client)
    }),
    ("announces a million arguments", |client| {
        client.send(b"*1000000\r\n")?;
        client.send(&b"$1\r\nx\r\n".repeat(100_000))?;
        wait_for_end(client)
    }),
    ("sends a huge argument", |client| {
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000000\r\n")?;
        let part = vec![b'x'; 1 << 20];
        (0..500).try_for_each(|_| client.send(&part))
    }),
    ("reads a stream without taking it", |client| {
        client.send(&encode(&["XRANGE", "stream", "-", "+"]).repeat(1000))?;
        wait_for_end(client)
    }),
    ("names a large value many times", |client| {
        let mut names = vec!["MGET"];
        names.extend(["large"; 5000]);
        client.send(&encode(&names))?;
        wait_for_end(client)
    }),
    ("asks for a giant hash, and all in one transaction", |client| {
        client.send(b"MULTI\r\n")?;
        client.send(&b"HGETALL hash\r\n".repeat(100))?;
        client.send(b"EXEC\r\n")?;
        wait_for_end(client)
    }),
    ("gathers a transaction without end", |client| {
        client.send(b"MULTI\r\n")?;
        let set = encode(&["SET", "k", &"x".repeat(10_000)]);
        (0..20_000).try_for_each(|_| client.send(&set))
    }),
    ("echoes and does not listen", |client| {
        let echo = encode(&["ECHO", &"x".repeat(100_000)]);
        (0..5000).try_for_each(|_| client.send(&echo))
    }),
    ("talks nonsense", |client| {
        client.send(&b"\0\xff*9\r\n$-7\r\n{}'\"".repeat(10_000))?;
        wait_for_end(client)
    }),
];

/// Reads nothing; returns when the server has ended the connection, or after a second.
fn wait_for_end(client: &Client) -> std::io::Result<()> {
    let stream = client.stream();
    let until = Instant::now() + Duration::from_secs(1);
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    // Nothing is taken from the socket: a peek tells what is there, or that the end is.
    while Instant::now() < until && stream.peek(&mut [0; 1])? != 0 {
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn fill(server: &Server) {
    let mut client = server.connect();
    let value = vec![b'x'; 100_000];
    for _ in 0..100 {
        client.ok(&[b"XADD", &b"stream"[..], b"*", b"f", &value]);
    }
    client.ok(&[b"SET", &b"large"[..], &vec![b'x'; 1_000_000]]);
    for part in 0..100 {
        let fields: Vec<String> = (0..2000).map(|at| format!("field-{part}-{at}")).collect();
        let mut hset = vec!["HSET", "hash"];
        hset.extend(fields.iter().map(String::as_str));
        client.ok(&hset);
    }
}

/// One that asks for little, takes what it gets, and must never wait long.
fn behave(server: &Server, is_over: &AtomicBool) -> (u64, Duration) {
    let mut client = server.connect();
    let (mut answered, mut longest) = (0, Duration::ZERO);
    while !is_over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        assert_eq!(client.words("PING"), Value::simple("PONG"));
        let added = client.words("XADD mine MAXLEN 100 * f v");
        assert!(matches!(added, Value::Bulk(_)) || added.is_error("OOM"), "{added:?}");
        assert!(!matches!(client.words("XREVRANGE mine + - COUNT 3"), Value::Error(_)));
        longest = longest.max(asked.elapsed());
        answered += 3;
    }
    (answered, longest)
}

#[test]
fn hostile_clients_cost_little_memory_and_nobody_else() {
    let Ok(group) = MemoryGroup::new(256 * MIB) else {
        skipped("hostile clients", "no control groups for memory here, or not root");
        return;
    };
    let seconds = figure("HEADWATER_HOSTILE_SECONDS", 20);
    let crowd = figure("HEADWATER_HOSTILE_IDLE", 10_000);
    // The test's own descriptors and the server's are as many.
    let clients_max = crowd + BLOCKED + 100;
    if support::raise_descriptor_limit() < clients_max + 100 {
        skipped("hostile clients", "this process may not have so many descriptors");
        return;
    }
    let clients_max = clients_max.to_string();
    let limits = ["--maxmemory", "128mb", "--client-output-buffer-limit", "normal 32mb 0 0"];
    let limits = limits.into_iter().chain(["--maxclients", &clients_max]);
    let server = launch().wrapper(group.wrapper()).args(limits).start();
    fill(&server);
    // They are connected, and that is all.
    let connect = |_| TcpStream::connect(server.address()).expect("there is room for the crowd");
    let idle: Vec<TcpStream> = (0..crowd).map(connect).collect();
    let mut blocked: Vec<Client> = (0..BLOCKED).map(|_| server.connect()).collect();
    for client in &mut blocked {
        client.send_command(&["XREAD", "BLOCK", "0", "STREAMS", "quiet", "$"]).expect("open");
    }
    let mut client = server.connect();
    let everybody = (crowd + BLOCKED + 1).to_string();
    wait("all are connected", || client.info("connected_clients") == everybody);
    wait("the readers wait", || client.info("blocked_clients") == BLOCKED.to_string());
    drop(client);
    eprintln!("{} MiB with the crowd", anonymous_bytes(server.pid()).expect("it runs") / MIB);
    let is_over = AtomicBool::new(false);
    let until = Instant::now() + Duration::from_secs(seconds);
    thread::scope(|scope| {
        let polite: Vec<_> = (0..2).map(|_| scope.spawn(|| behave(&server, &is_over))).collect();
        let attackers: Vec<_> = ATTACKS
            .iter()
            .map(|(_, attack)| {
                let address = server.address();
                scope.spawn(move || {
                    let mut rounds = 0;
                    while Instant::now() < until {
                        // However it ends: the others judge.
                        let _ = Client::connect(address).and_then(|mut client| {
                            client.stream().set_write_timeout(Some(Duration::from_secs(1)))?;
                            attack(&mut client)
                        });
                        rounds += 1;
                        thread::sleep(Duration::from_millis(10));
                    }
                    rounds
                })
            })
            .collect();
        for (attacker, (name, _)) in attackers.into_iter().zip(ATTACKS) {
            let rounds = attacker.join().expect("an attacker does not panic");
            eprintln!("{rounds} times: {name}");
        }
        is_over.store(true, Ordering::Relaxed);
        for client in polite {
            let served = client.join();
            assert_eq!(group.kills(), 0, "out of memory");
            let (answered, longest) = served.expect("a well-behaved client was not served");
            eprintln!("well-behaved: {answered} answers, the slowest three took {longest:?}");
            assert!(longest < PATIENCE && 10 < answered, "{answered} answers, {longest:?}");
        }
    });
    assert_eq!(group.kills(), 0, "out of memory");
    let mut client = server.connect();
    // One large entry for many readers at once.
    let until = Instant::now() + PATIENCE;
    let large = vec![b'x'; 1_000_000];
    // What the attackers leave behind goes soon, not at once.
    while let refused @ Value::Error(_) =
        client.command(&[b"XADD", &b"quiet"[..], b"*", b"f", &large])
    {
        assert!(refused.is_error("OOM") && Instant::now() < until, "{refused:?}");
    }
    assert_eq!(client.words("PING"), Value::simple("PONG"));
    let is_open = |idle: &&TcpStream| {
        idle.set_nonblocking(true).expect("a socket");
        idle.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    let open = idle.iter().filter(is_open).count();
    assert_eq!(open, idle.len(), "those who do nothing were thrown out");
    eprintln!(
        "figure: {open} idle clients and {} attackers for {seconds} s: evicted {}, over their output limit {}, peak {} MiB",
        ATTACKS.len(),
        client.info("evicted_clients"),
        client.info("client_output_buffer_limit_disconnections"),
        client.info("used_memory_peak").parse::<u64>().expect("a number") / MIB
    );
    assert_eq!(group.kills(), 0, "out of memory");
    drop((idle, blocked, client));
    assert!(server.terminate().success());
}

/// The most anonymous memory seen until `is_over`.
fn peak(server: &Server, is_over: impl Fn() -> bool) -> u64 {
    let mut most = 0;
    while !is_over() {
        most = most.max(anonymous_bytes(server.pid()).expect("it runs"));
    }
    most
}

/// Redis has none for normal clients.
#[test]
fn the_output_limit_is_on_by_default() {
    let server = launch().start();
    let limits = server.connect().words("CONFIG GET client-output-buffer-limit");
    let limits = limits.field("client-output-buffer-limit").text();
    assert!(limits.starts_with("normal 268435456 0 0 "), "{limits}");
}

#[test]
fn an_unread_client_costs_its_output_limit_and_no_more() {
    let server = launch().args(["--client-output-buffer-limit", "normal 32mb 0 0"]).start();
    let mut client = server.connect();
    let value = vec![b'x'; 10_000];
    for _ in 0..3300 {
        client.ok(&[b"XADD", &b"fits"[..], b"*", b"f", &value]);
    }
    let before = anonymous_bytes(server.pid()).expect("it runs");
    let mut greedy = server.connect();
    greedy.send(&encode(&["XRANGE", "fits", "-", "+"]).repeat(100)).expect("open");
    let until = Instant::now() + Duration::from_secs(2);
    let took = peak(&server, || until < Instant::now()).saturating_sub(before);
    assert!((24 * MIB..=32 * MIB * 11 / 10).contains(&took), "{} KiB", took / 1024);
    drop(greedy);

    // One that does not fit is not even begun.
    for _ in 0..300 {
        client.ok(&[b"XADD", &b"fits"[..], b"*", b"f", &value]);
    }
    wait("the memory is given back", || {
        anonymous_bytes(server.pid()).expect("it runs").saturating_sub(before) <= 6 * MIB
    });
    let before = anonymous_bytes(server.pid()).expect("it runs");
    let refused = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20 {
                let mut greedy = server.connect();
                assert!(greedy.try_command(&["XRANGE", "fits", "-", "+"]).is_err(), "33 MiB");
            }
            refused.store(true, Ordering::Relaxed);
        });
        let took = peak(&server, || refused.load(Ordering::Relaxed)).saturating_sub(before);
        assert!(took < 4 * MIB, "{} KiB for replies that are never sent", took / 1024);
    });
}

#[test]
fn the_largest_clients_go_when_all_take_too_much() {
    let server = launch().args(["--maxmemory-clients", "8mb"]).start();
    let mut client = server.connect();
    client.ok(&["CLIENT", "NO-EVICT", "ON"]);
    let mut clients: Vec<Client> = (1..=4u8).map(|_| server.connect()).collect();
    for (client, mib) in clients.iter_mut().zip([1, 1, 2, 6]) {
        client.send(b"*2\r\n$4\r\nECHO\r\n$9000000\r\n").expect("open");
        // The server may end one of them while it still sends.
        let _ = client.send(&vec![b'x'; mib * 1_000_000]);
    }
    wait("one is evicted", || client.info("evicted_clients") != "0");
    let end = clients[3].receive().expect_err("the largest goes on").kind();
    assert!(matches!(end, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{end}");
    assert_eq!(client.info("evicted_clients"), "1");
    assert!(client.info("mem_clients_normal").parse::<u64>().is_ok_and(|bytes| bytes < 8 << 20));
}

/// `maxmemory-clients` is a share of `maxmemory` by default. However small that is, whoever set it can
/// set it back.
#[test]
fn a_small_maxmemory_shuts_nobody_out() {
    let server = launch().start();
    let mut client = server.connect();
    for bytes in ["1", "100", "1000000"] {
        client.ok(&["CONFIG", "SET", "maxmemory", bytes]);
        if bytes != "1000000" {
            // The limit is held against the memory that was measured last, several times a second.
            let xadd = ["XADD", "s", "*", "f", "v"];
            let until = Instant::now() + Duration::from_secs(20);
            while !server.connect().command(&xadd).is_error("OOM") {
                assert!(Instant::now() < until, "maxmemory {bytes} refuses nothing");
            }
        }
        client.ok(&["PING"]);
        server.connect().ok(&["CONFIG", "SET", "maxmemory", "0"]);
    }
    assert_eq!(client.info("evicted_clients"), "0");
}

#[test]
fn strangers_cost_next_to_nothing() {
    let launch = launch().args(["--requirepass", "secret", "--maxclients", "400"]);
    let server = launch.start();
    let mut client = server.connect();
    client.ok(&["AUTH", "secret"]);
    let before = anonymous_bytes(server.pid()).expect("it runs");
    let garbage = encode(&["GET", &"x".repeat(10_000)]).repeat(200);
    let mut strangers = Vec::new();
    for at in 0..1000 {
        let Ok(mut stream) = TcpStream::connect(server.address()) else { continue };
        stream.set_nonblocking(true).expect("a socket");
        let _ = match at % 3 {
            // Whole requests, refused one by one; the replies are never read.
            0 => stream.write(&garbage),
            // The beginning of one that never ends.
            1 => stream.write(b"*10\r\n$16384\r\nxxxxxxx"),
            _ => stream.write(b"PING"),
        };
        strangers.push(stream);
        if at % 100 == 0 {
            assert_eq!(client.words("PING"), Value::simple("PONG"));
        }
    }
    let took = anonymous_bytes(server.pid()).expect("it runs").saturating_sub(before);
    assert!(took < 16 * MIB, "{} KiB for 1,000 strangers", took / 1024);
    let connected: u64 = client.info("connected_clients").parse().expect("a number");
    assert!(connected <= 101, "{connected} clients: strangers took places of others");
    // Who knows the password gets in, at the latest when a stranger's second is over.
    wait("who knows the password gets in", || {
        let mut other = server.connect();
        other.try_command(&["AUTH", "secret"]).is_ok_and(|reply| reply == Value::simple("OK"))
    });
    // And whoever has not said it after ten seconds goes.
    wait("the strangers are gone", || client.info("connected_clients") == "1");
    for mut stream in strangers {
        stream.set_nonblocking(false).expect("a socket");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.len() < 70_000, "{} bytes of replies for a stranger", rest.len());
    }
}
