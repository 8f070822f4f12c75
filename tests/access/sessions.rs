//! Connections and their users: authentication, transactions, users that change or go.

use std::io::ErrorKind;

use support::{Client, Value};

use super::{NO_KEY, check, connect_as, no_command, start, user};

const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.";

fn has_ended(client: &mut Client) -> bool {
    client.try_command(&["PING"]).is_err_and(|error| {
        matches!(
            error.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        )
    })
}

#[test]
fn both_forms_of_auth_and_hello() {
    let server = start();
    let mut admin = server.connect();
    admin.ok(&["ACL", "SETUSER", "u", "on", ">one", ">two", "+@all"]);
    admin.ok(&["ACL", "SETUSER", "off", ">one", "+@all"]);
    admin.ok(&["ACL", "SETUSER", "none", "on", "+@all"]);
    let mut client = server.connect();
    check(&mut client, "AUTH pw", {
        "-ERR AUTH <password> called without any password configured for the default user. Are you \
         sure your configuration is correct?"
    });
    check(&mut client, "AUTH a b c", "-ERR syntax error");
    check(&mut client, "ACL WHOAMI", "\"default\"");
    for line in ["AUTH u three", "AUTH u on", "AUTH off one", "AUTH none x", "AUTH nobody one"] {
        check(&mut client, line, WRONG);
        check(&mut client, "ACL WHOAMI", "\"default\"");
    }
    check(&mut client, "AUTH default anything", "+OK");
    check(&mut client, "AUTH u one", "+OK");
    check(&mut client, "ACL WHOAMI", "\"u\"");
    check(&mut client, "AUTH u two", "+OK");
    check(&mut client, "AUTH u three", WRONG);
    check(&mut client, "ACL WHOAMI", "\"u\"");
    assert!(client.words("CLIENT INFO").text().contains(" user=u "));
    check(&mut client, "HELLO 2 AUTH u three", WRONG);
    client.ok(&["HELLO", "3", "AUTH", "default", "x"]);
    check(&mut client, "ACL WHOAMI", "\"default\"");
    client.ok(&["HELLO", "3", "AUTH", "u", "two", "SETNAME", "me"]);
    check(&mut client, "RESET", "+RESET");
    check(&mut client, "ACL WHOAMI", "\"default\"");
}

#[test]
fn requirepass_is_the_password_of_the_default_user() {
    let server = super::launch().args(["--requirepass", "first"]).start();
    let mut client = server.connect();
    check(&mut client, "PING", "-NOAUTH Authentication required.");
    check(&mut client, "ACL WHOAMI", "-NOAUTH Authentication required.");
    check(&mut client, "AUTH wrong", WRONG);
    check(&mut client, "AUTH first", "+OK");
    client.ok(&["ACL", "SETUSER", "default", ">second"]);
    connect_as(&server, "default", "second");
    connect_as(&server, "default", "first");
    client.ok(&["CONFIG", "SET", "requirepass", "third"]);
    let hash = "dae298a4fffe1a00405bfb4f1a5ca82f3d0acc74c3f1daf1bf11a90b9c5d4ad4";
    let line = client.words("ACL LIST").array()[0].text();
    assert!(line.starts_with("user default on #") && line.ends_with(" ~* &* +@all"), "{line}");
    assert_eq!(line.matches('#').count(), 1, "{line} {hash}");
    let mut other = server.connect();
    check(&mut other, "AUTH second", WRONG);
    check(&mut other, "AUTH third", "+OK");
    // A stranger that is connected already is let in when the password goes.
    let mut stranger = server.connect();
    check(&mut stranger, "PING", "-NOAUTH Authentication required.");
    client.ok(&["CONFIG", "SET", "requirepass", ""]);
    check(&mut stranger, "PING", "+PONG");
    check(&mut client, "ACL LIST", "[\"user default on nopass ~* &* +@all\"]");
}

#[test]
fn the_default_user_can_be_shut_out() {
    let server = start();
    let mut admin = user(&server, "admin", &["+@all", "~*", "&*"]);
    let mut before = server.connect();
    check(&mut before, "PING", "+PONG");
    admin.ok(&["ACL", "SETUSER", "default", "off"]);
    // As in the reference, who is in stays in.
    check(&mut before, "PING", "+PONG");
    let mut client = server.connect();
    check(&mut client, "PING", "-NOAUTH Authentication required.");
    check(&mut client, "AUTH x", {
        "-ERR AUTH <password> called without any password configured for the default user. Are you \
         sure your configuration is correct?"
    });
    check(&mut client, "AUTH default x", WRONG);
    client.ok(&["HELLO", "3", "AUTH", "admin", "pw"]);
    check(&mut client, "RESET", "+RESET");
    check(&mut client, "PING", "-NOAUTH Authentication required.");
    admin.ok(&["ACL", "SETUSER", "default", "on", "-@all", "+ping"]);
    check(&mut client, "PING", "+PONG");
    check(&mut client, "GET k", &no_command("get"));
    check(&mut before, "GET k", &no_command("get"));
}

#[test]
fn a_change_of_rules_reaches_those_who_are_connected() {
    let server = start();
    let mut admin = server.connect();
    let mut client = user(&server, "u", &["+@all", "~*"]);
    check(&mut client, "GET k", "null");
    admin.ok(&["ACL", "SETUSER", "u", "-get"]);
    check(&mut client, "GET k", &no_command("get"));
    admin.ok(&["ACL", "SETUSER", "u", "+get", "resetkeys", "~a"]);
    check(&mut client, "GET k", NO_KEY);
    check(&mut client, "GET a", "null");
    admin.ok(&["ACL", "SETUSER", "u", "allkeys", "off"]);
    check(&mut client, "GET k", "null");
    check(&mut server.connect(), "AUTH u pw", WRONG);
    // Also within one batch of requests.
    client
        .send(b"ACL SETUSER u -get\r\nGET k\r\nACL SETUSER u +get\r\nGET k\r\n")
        .expect("the client is connected");
    let replies: Vec<_> = (0..4).map(|_| client.receive().expect("a reply")).collect();
    assert_eq!(format!("{replies:?}"), format!("[+OK, {}, +OK, null]", no_command("get")));
}

#[test]
fn a_transaction_is_checked_twice() {
    let server = start();
    let mut admin = server.connect();
    let mut client = user(&server, "u", &["+@all", "~*", "-set"]);
    check(&mut client, "MULTI", "+OK");
    check(&mut client, "SET k v", &no_command("set"));
    check(&mut client, "GET k", "+QUEUED");
    check(&mut client, "EXEC", "-EXECABORT Transaction discarded because of previous errors.");
    let changed = "-NOPERM ACLs rules changed between the moment the transaction was accumulated and \
                   the EXEC call. This command is no longer allowed for the following reason: ";
    check(&mut client, "MULTI", "+OK");
    check(&mut client, "INCR k", "+QUEUED");
    check(&mut client, "GET k", "+QUEUED");
    check(&mut client, "GET j", "+QUEUED");
    admin.ok(&["ACL", "SETUSER", "u", "-incr", "resetkeys", "~j"]);
    check(
        &mut client,
        "EXEC",
        &format!(
            "[{changed}no permission to execute the command or subcommand, {changed}no permission to \
         touch the specified keys, null]"
        ),
    );
    check(&mut client, "MULTI", "+OK");
    check(&mut client, "GET j", "+QUEUED");
    admin.ok(&["ACL", "SETUSER", "u", "-exec"]);
    check(
        &mut client,
        "EXEC",
        &format!("-EXECABORT Transaction discarded because of: {}", &no_command("exec")[1..]),
    );
    check(&mut client, "DISCARD", "-ERR DISCARD without MULTI");
    let contexts: Vec<_> = admin
        .words("ACL LOG 20")
        .array()
        .iter()
        .map(|entry| format!("{} {}", entry.field("context").text(), entry.field("object").text()))
        .collect();
    assert_eq!(contexts, ["multi exec", "multi k", "multi incr", "multi set"]);
}

#[test]
fn whoever_is_deleted_is_gone() {
    let server = start();
    let mut admin = server.connect();
    let mut reading = user(&server, "u", &["+@all", "~*"]);
    let mut idle = connect_as(&server, "u", "pw");
    let mut queueing = connect_as(&server, "u", "pw");
    let mut other = user(&server, "v", &["+@all", "~*"]);
    queueing.ok(&["MULTI"]);
    reading.send(b"XREAD BLOCK 0 STREAMS s $\r\n").expect("the client is connected");
    while admin.info("blocked_clients") != "1" {}
    check(&mut admin, "ACL DELUSER u nobody", ":1");
    assert!(has_ended(&mut idle));
    assert!(has_ended(&mut queueing));
    assert!(has_ended(&mut reading));
    check(&mut other, "ACL DELUSER v", ":1");
    assert!(has_ended(&mut other), "its own reply was the last");
    check(&mut admin, "ACL DELUSER default", "-ERR The 'default' user cannot be removed");
    check(&mut admin, "ACL USERS", "[\"default\"]");
    assert_eq!(admin.info("blocked_clients"), "0");
}

/// As since Redis 7.2, only at once: in 7.0 a wait that has begun is served.
#[test]
fn whoever_waits_for_what_it_may_not_have_any_more_is_told() {
    let server = start();
    let mut admin = server.connect();
    let waits = [
        ("XREAD BLOCK 0 STREAMS a s $ $", "xread"),
        ("XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "xreadgroup"),
        ("BLPOP a l 0", "blpop"),
        ("BLMOVE a l LEFT LEFT 0", "blmove"),
    ];
    admin.ok(&["XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"]);
    for (line, name) in waits {
        admin.ok(&["ACL", "SETUSER", "u", "reset", "on", ">pw", "+@all", "~*"]);
        let mut client = connect_as(&server, "u", "pw");
        client.send(format!("{line}\r\nPING\r\n").as_bytes()).expect("connected");
        while admin.info("blocked_clients") != "1" {}
        // What it may do still leaves it waiting.
        admin.ok(&["ACL", "SETUSER", "u", "resetkeys", "%R~s", "~a", "~l", "-set"]);
        assert_eq!(admin.info("blocked_clients"), "1", "{line}");
        admin.ok(&["ACL", "SETUSER", "u", "resetkeys", "~a"]);
        let told = client.receive().expect("the wait is over");
        assert_eq!(super::told(told), no_command(name), "{line}");
        assert_eq!(client.receive().expect("a reply"), Value::simple("PONG"));
        assert_eq!(admin.info("blocked_clients"), "0");
    }
}

#[test]
fn a_deletion_of_oneself_inside_a_transaction_ends_the_rights_there() {
    let server = start();
    let mut client = user(&server, "u", &["+@all", "~*"]);
    client.send(b"MULTI\r\nACL DELUSER u\r\nSET k v\r\nEXEC\r\n").expect("connected");
    for _ in 0..3 {
        client.receive().expect("queued");
    }
    let replies = client.receive().expect("the last reply").array();
    assert_eq!(replies[0], Value::Int(1));
    assert!(replies[1].is_error("NOPERM"), "{replies:?}");
    assert!(has_ended(&mut client));
    check(&mut server.connect(), "EXISTS k", ":0");
}

#[test]
fn clients_are_known_by_their_user() {
    let server = start();
    let mut admin = server.connect();
    let mut client = user(&server, "u", &["+@all", "~*"]);
    let listed = admin.words("CLIENT LIST").text();
    assert!(listed.lines().any(|line| line.contains(" cmd=auth user=u ")), "{listed}");
    assert!(listed.lines().any(|line| line.contains(" cmd=client|list user=default ")), "{listed}");
    check(&mut admin, "CLIENT KILL USER nobody", "-ERR No such user 'nobody'");
    check(&mut admin, "CLIENT KILL USER u", ":1");
    assert!(has_ended(&mut client));
    check(&mut admin, "CLIENT KILL USER u", ":0");
}

#[test]
fn refusals_are_noted() {
    let server = start();
    let mut admin = server.connect();
    let mut client = user(&server, "u", &["+get", "~a"]);
    check(&mut client, "GET b", NO_KEY);
    check(&mut client, "SET a b", &no_command("set"));
    check(&mut client, "GET b", NO_KEY);
    check(&mut client, "AUTH admin sesame", WRONG);
    check(&mut client, "HELLO 3 AUTH u sesame", WRONG);
    let log = admin.words("ACL LOG").array();
    let told: Vec<_> = log
        .iter()
        .map(|entry| {
            let fields = ["reason", "context", "object", "username"].map(|f| entry.field(f).text());
            format!("{} {}", entry.field("count").int(), fields.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "1 auth toplevel HELLO u",
            "1 auth toplevel AUTH admin",
            "2 key toplevel b u",
            "1 command toplevel set u",
        ]
    );
    let entry = &log[2];
    let names: Vec<_> = entry.clone().array().chunks(2).map(|pair| pair[0].text()).collect();
    assert_eq!(
        names,
        [
            "count",
            "reason",
            "context",
            "object",
            "username",
            "age-seconds",
            "client-info",
            "entry-id",
            "timestamp-created",
            "timestamp-last-updated",
        ]
    );
    let client_info = entry.field("client-info").text();
    assert!(
        client_info.contains(" cmd=get user=u ") && !client_info.ends_with('\n'),
        "{client_info}"
    );
    assert_eq!(entry.field("entry-id").int(), 0);
    let age: f64 = entry.field("age-seconds").text().parse().expect("a number");
    assert!((0.0..60.0).contains(&age));
    assert!(entry.field("timestamp-created").int() <= entry.field("timestamp-last-updated").int());
    assert_eq!(admin.words("ACL LOG 1").array().len(), 1);
    check(&mut admin, "ACL LOG 0", "[]");
    check(&mut admin, "ACL LOG x", "-ERR value is not an integer or out of range");
    admin.ok(&["HELLO", "3"]);
    let entry = admin.words("ACL LOG 1").array().remove(0);
    assert!(matches!(entry.field("age-seconds"), Value::Double(_)), "{entry:?}");
    check(&mut admin, "ACL LOG RESET", "+OK");
    check(&mut admin, "ACL LOG", "[]");
    admin.ok(&["CONFIG", "SET", "acllog-max-len", "1"]);
    check(&mut client, "SET b", "-ERR wrong number of arguments for 'set' command");
    check(&mut client, "GET c", NO_KEY);
    check(&mut client, "GET b", NO_KEY);
    assert_eq!(admin.words("ACL LOG").array().len(), 1);
}
