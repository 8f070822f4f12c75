//! Connections: protocols, pipelines, names, limits, refusals.

use std::io::Read;

use support::{Client, Launch, Value};

use super::{connect, start, strings};

#[test]
fn a_long_pipeline_is_answered_in_order() {
    let server = start();
    let mut client = connect(&server);
    let requests: String = (1..=5000).map(|at| format!("XADD k {at}-1 f v\r\n")).collect();
    client.send(requests.as_bytes()).expect("open");
    for at in 1..=5000 {
        assert_eq!(client.receive().expect("a reply").text(), format!("{at}-1"));
    }
    assert_eq!(client.words("XLEN k"), Value::Int(5000));
}

#[test]
fn a_large_value_comes_back_as_it_went() {
    let server = start();
    let mut client = connect(&server);
    let value: Vec<u8> = (0..10_000_000u32).map(|at| (at % 251) as u8).collect();
    client.ok(&[b"XADD", &b"k"[..], b"1-1", b"f", &value]);
    let entries = client.words("XRANGE k - +").array();
    let fields = entries[0].clone().array()[1].clone().array();
    assert!(fields[1] == Value::bulk(&value), "10 MB differ");
}

#[test]
fn hello_switches_the_protocol_and_names_the_server_redis() {
    let server = start();
    let mut client = connect(&server);
    let hello = client.words("HELLO 3 SETNAME me");
    assert_eq!(hello.field("server").text(), "redis");
    assert_eq!(hello.field("proto").int(), 3);
    assert_eq!(client.words("CLIENT GETNAME").text(), "me");
    client.words("HSET h f v");
    assert!(matches!(client.words("HGETALL h"), Value::Map(_)));
    assert!(client.words("HELLO 4").is_error("NOPROTO unsupported protocol version"));
    client.words("RESET");
    assert!(matches!(client.words("HGETALL h"), Value::Array(_)));
}

#[test]
fn without_the_password_nothing_is_answered_but_auth() {
    let server =
        Launch::new(env!("CARGO_BIN_EXE_headwater")).args(["--requirepass", "secret"]).start();
    let mut client = connect(&server);
    assert!(client.words("GET k").is_error("NOAUTH Authentication required."));
    assert!(client.words("AUTH wrong").is_error("WRONGPASS invalid username-password pair"));
    assert!(client.words("HELLO 3").is_error("NOAUTH HELLO must be called"));
    assert_eq!(client.words("HELLO 3 AUTH default secret").field("proto").int(), 3);
    assert_eq!(client.words("GET k"), Value::Null);
    let mut hostile = connect(&server);
    hostile.send(b"*1\r\n$100000\r\n").expect("open");
    let refused = hostile.receive().expect("an answer");
    assert!(refused.is_error("ERR Protocol error: unauthenticated bulk length"), "{refused:?}");
}

#[test]
fn a_broken_request_is_answered_once_and_ends_the_connection() {
    let check = |bytes: &[u8], expected: &str| {
        let server = start();
        let mut client = connect(&server);
        client.send(b"PING\r\n").expect("open");
        client.send(bytes).expect("open");
        assert_eq!(client.receive().expect("answered"), Value::simple("PONG"));
        let refused = client.receive().expect("an answer");
        assert!(refused.is_error(expected), "{refused:?}");
        assert!(client.receive().is_err(), "the connection goes on");
    };
    check(b"*1\r\n+PING\r\n", "ERR Protocol error: expected '$', got '+'");
    check(b"*-2x\r\n", "ERR Protocol error: invalid multibulk length");
    check(b"SET \"a\r\n", "ERR Protocol error: unbalanced quotes in request");
}

#[test]
fn http_is_cut_off_without_a_word() {
    let server = start();
    let mut client = connect(&server);
    client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET k v\r\n").expect("open");
    let mut rest = Vec::new();
    // A reset is as good an end as any.
    let _ = client.stream().read_to_end(&mut rest);
    assert_eq!(rest, b"");
    assert_eq!(connect(&server).words("EXISTS k"), Value::Int(0));
}

#[test]
fn too_many_clients_are_refused_and_room_is_used_again() {
    let server = Launch::new(env!("CARGO_BIN_EXE_headwater")).args(["--maxclients", "3"]).start();
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let mut client = connect(&server);
        match client.try_command(&["PING"]) {
            Ok(Value::Simple(_)) => clients.push(client),
            Ok(refused) => {
                assert!(refused.is_error("ERR max number of clients reached"), "{refused:?}");
                break;
            }
            // The refusal was lost to the reset that our PING provoked.
            Err(_) => break,
        }
    }
    assert!(clients.len() <= 3, "{}", clients.len());
    clients.pop();
    while !connect(&server).try_command(&["PING"]).is_ok_and(|reply| reply == Value::simple("PONG"))
    {
    }
}

#[test]
fn client_kill_and_list_see_each_other() {
    let server = start();
    let [mut client, mut other] = [(); 2].map(|()| connect(&server));
    other.words("CLIENT SETNAME victim");
    let id = other.words("CLIENT ID").int();
    assert!(client.words("CLIENT LIST").text().contains(&format!("id={id} ")));
    assert!(client.words("CLIENT LIST").text().contains(" name=victim "));
    assert_eq!(client.words(&format!("CLIENT KILL ID {id}")), Value::Int(1));
    assert!(other.receive().is_err());
    assert!(client.words("CLIENT KILL 1.2.3.4:5").is_error("ERR No such client"));
}

#[test]
fn client_reply_off_and_skip_are_silent() {
    let server = start();
    let mut client = connect(&server);
    client
        .send(b"CLIENT REPLY OFF\r\nPING 1\r\nCLIENT REPLY ON\r\nCLIENT REPLY SKIP\r\nPING 2\r\nPING 3\r\n")
        .expect("open");
    assert_eq!(client.receive().expect("answered"), Value::simple("OK"));
    assert_eq!(client.receive().expect("answered").text(), "3");
}

#[test]
fn databases_are_apart() {
    let server = start();
    let mut client = connect(&server);
    client.words("SET k zero");
    client.words("SELECT 5");
    assert_eq!(client.words("GET k"), Value::Null);
    client.words("SET k five");
    assert!(client.words("SELECT 16").is_error("ERR DB index is out of range"));
    assert_eq!(client.words("GET k").text(), "five");
    let keyspace = client.words("INFO keyspace").text();
    assert!(keyspace.contains("db0:keys=1") && keyspace.contains("db5:keys=1"), "{keyspace}");
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let server = start();
    let [mut greedy, mut other] = [(); 2].map(|()| connect(&server));
    greedy.ok(&["SET", "k", &"x".repeat(100_000)]);
    let request = b"GET k\r\n".repeat(2000);
    greedy.send(&request).expect("fits the socket buffers");
    // 200 MB of replies are due, and nobody reads them: others are served, memory stays bounded.
    for _ in 0..100 {
        assert_eq!(other.words("PING"), Value::simple("PONG"));
    }
    let line = other.words("CLIENT LIST").text();
    let unsent = |line: &str| {
        let field = line.split(' ').find_map(|word| word.strip_prefix("omem="));
        field.expect("a field of CLIENT LIST").parse::<u64>().expect("a number")
    };
    let largest = line.lines().map(unsent).max().expect("two clients");
    assert!(largest < 60_000_000, "{largest} bytes held back for one client");
    for _ in 0..2000 {
        assert_eq!(greedy.receive().expect("a reply").text().len(), 100_000);
    }
}

#[test]
fn what_clients_ask_first_is_answered() {
    let server = start();
    let mut client = connect(&server);
    assert_eq!(client.words("CLIENT SETINFO LIB-NAME x"), Value::simple("OK"));
    assert!(client.words("CLIENT MAINT_NOTIFICATIONS ON").is_error("ERR "));
    assert_eq!(client.info("redis_mode"), "standalone");
    assert_eq!(client.info("loading"), "0");
    assert_eq!(client.info("role"), "master");
    assert_eq!(strings(client.words("CONFIG GET appendfsync")), ["appendfsync", "always"]);
    assert!(100 < client.words("COMMAND COUNT").int());
    assert_eq!(client.words("WAITAOF 1 0 0"), Value::Array(vec![Value::Int(1), Value::Int(0)]));
    assert_eq!(client.words("WAIT 0 0"), Value::Int(0));
    assert_eq!(client.words("ECHO hi").text(), "hi");
}
