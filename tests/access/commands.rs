//! Users by commands: nobody runs what no rule allows.

use support::{Client, Value};

use super::{NO_KEY, check, no_command, start, told, user};

/// Every command and subcommand, with its arity, its flags and its keys' specifications.
fn table(client: &mut Client) -> Vec<(String, i64, Vec<String>, usize)> {
    let mut rows = Vec::new();
    for command in client.ok(&["COMMAND"]).array() {
        let parent = command.array();
        let subcommands = parent[9].clone().array();
        if subcommands.is_empty() || parent[1].int() == -1 {
            rows.push(parent.clone());
        }
        rows.extend(subcommands.into_iter().map(Value::array));
    }
    let row = |row: Vec<Value>| {
        let flags = row[2].clone().array().iter().map(Value::text).collect();
        let is_key =
            |spec: &Value| !spec.field("flags").array().iter().any(|f| f.text() == "not_key");
        let keys = row[8].clone().array().iter().filter(|spec| is_key(spec)).count();
        (row[0].text(), row[1].int(), flags, keys)
    };
    rows.into_iter().map(row).collect()
}

/// The shortest request that the arity allows.
fn request(name: &str, arity: i64) -> Vec<String> {
    let mut words: Vec<String> = name.split('|').map(str::to_owned).collect();
    while (words.len() as i64) < arity.abs() {
        words.push("1".to_owned());
    }
    words
}

#[test]
fn whoever_has_no_rights_runs_nothing() {
    let server = start();
    let mut nobody = user(&server, "nobody", &["~*", "&*"]);
    let rows = table(&mut server.connect());
    assert!(150 < rows.len(), "{}", rows.len());
    for (name, arity, flags, _) in rows {
        if flags.iter().any(|flag| flag == "no_auth") {
            continue;
        }
        let reply = nobody.command(&request(&name, arity));
        let abort =
            if name == "exec" { "EXECABORT Transaction discarded because of: " } else { "" };
        assert_eq!(told(reply), no_command(&name).replacen('-', &format!("-{abort}"), 1));
    }
    // Those without which nobody could become somebody else are always allowed.
    nobody.ok(&["HELLO", "3", "AUTH", "nobody", "pw", "SETNAME", "me"]);
    nobody.ok(&["AUTH", "nobody", "pw"]);
    nobody.ok(&["RESET"]);
    check(&mut nobody, "ACL WHOAMI", "\"default\"");
}

#[test]
fn one_command_allowed_or_forbidden_is_that_one() {
    let server = start();
    let mut admin = server.connect();
    let rows = table(&mut admin);
    for (name, arity, flags, keys) in &rows {
        if flags.iter().any(|flag| flag == "no_auth") {
            continue;
        }
        let verdict = |admin: &mut Client, rules: &[&str]| {
            admin.ok(&["ACL", "SETUSER", "u", "reset"]);
            let words: Vec<_> = ["ACL", "SETUSER", "u"].iter().chain(rules).copied().collect();
            admin.ok(&words);
            let mut dry = vec!["ACL".to_owned(), "DRYRUN".to_owned(), "u".to_owned()];
            dry.extend(request(name, *arity));
            told(admin.command(&dry))
        };
        let denied = format!("\"This user has no permissions to run the '{name}' command\"");
        let (allow, forbid) = (format!("+{name}"), format!("-{name}"));
        assert_eq!(verdict(&mut admin, &["+@all", "~*", "&*", &forbid]), denied);
        assert_eq!(verdict(&mut admin, &["~*", "&*", &allow]), "+OK", "{name}");
        assert_eq!(verdict(&mut admin, &["~*", "&*", "+@all", "-@all", &allow, &forbid]), denied);
        // With its keys, if it has any at fixed places, it is allowed; without them it is not.
        let movable = flags.iter().any(|flag| flag == "movablekeys");
        if 0 < *keys && !movable {
            let seen = verdict(&mut admin, &["+@all", "&*", "~2"]);
            assert_eq!(seen, "\"This user has no permissions to access the '1' key\"", "{name}");
            assert_eq!(verdict(&mut admin, &["+@all", "&*", "~1"]), "+OK", "{name}");
        }
        if let Some((container, _)) = name.split_once('|') {
            assert_eq!(verdict(&mut admin, &["~*", "&*", &format!("+{container}")]), "+OK");
            let without = ["~*", "&*", "+@all", &format!("-{container}")];
            assert_eq!(verdict(&mut admin, &without), denied);
        }
    }
}

#[test]
fn keys_are_read_written_or_only_known() {
    let server = start();
    let mut admin = server.connect();
    admin.ok(&["ACL", "SETUSER", "u", "+@all", "%R~r*", "%W~w*", "~b*"]);
    let denied = |key: &str| format!("\"This user has no permissions to access the '{key}' key\"");
    for (request, key) in [
        ("xadd w * a b", ""),
        ("xadd r * a b", "r"),
        ("xrange r - +", ""),
        ("xrange w - +", "w"),
        ("xlen w", ""),
        ("xlen r", ""),
        ("xlen x", "x"),
        ("xread streams r1 r2 0 0", ""),
        ("xread streams r1 w 0 0", "w"),
        ("xreadgroup group g c streams r >", ""),
        ("xreadgroup count 1 group streams c streams x >", "x"),
        ("xack w g 1-1", ""),
        ("xack r g 1-1", "r"),
        ("xgroup create w g 0", ""),
        ("xinfo stream r", ""),
        ("xinfo stream w", "w"),
        ("get r", ""),
        ("get w", "w"),
        ("set w v", ""),
        ("set w v get", "w"),
        ("set b v get", ""),
        ("set r v", "r"),
        ("getset w v", "w"),
        ("incr w", "w"),
        ("append w v", ""),
        ("copy r w", ""),
        ("copy w r", "w"),
        ("rename b w", ""),
        ("rename w b", "w"),
        ("mset w1 1 w2 2", ""),
        ("mset w1 1 r2 2", "r2"),
        ("del w1 w2", ""),
        ("del w r", "r"),
        ("exists r w b", ""),
        ("exists r x", "x"),
        ("watch w", ""),
        ("watch x", "x"),
        ("hset w f v", ""),
        ("hget r f", ""),
        ("hlen w", ""),
        ("expire w 1", ""),
        ("ttl w", "w"),
        ("type w", ""),
        ("memory usage w", ""),
        ("object encoding w", ""),
        ("object encoding x", "x"),
        ("keys *", ""),
        ("scan 0", ""),
    ] {
        let expected = if key.is_empty() { "+OK".to_owned() } else { denied(key) };
        check(&mut admin, &format!("ACL DRYRUN u {request}"), &expected);
    }
}

/// The users of the manual's example, each doing all that the others do.
#[test]
fn the_users_of_the_manual_do_their_own_work_only() {
    let server = start();
    let mut producer = user(&server, "producer", &["~orders*", "+xadd"]);
    let mut worker = user(
        &server,
        "worker",
        &["%R~orders*", "+xreadgroup", "(%RW~orders* +xack +xautoclaim +xgroup|create)", "+ping"],
    );
    let mut dashboard = user(&server, "dashboard", &["%R~*", "+@read", "-@dangerous", "+info"]);
    let no = |name: &str| no_command(name);
    for (line, allowed, producer_says, worker_says, dashboard_says) in [
        ("XADD orders:1 1-1 a b", 'p', "\"1-1\"".to_owned(), no("xadd"), no("xadd")),
        ("XADD stock 1-1 a b", '-', NO_KEY.to_owned(), no("xadd"), no("xadd")),
        (
            "XGROUP CREATE orders:1 g 0",
            'w',
            no("xgroup|create"),
            "+OK".to_owned(),
            no("xgroup|create"),
        ),
        (
            "XREADGROUP GROUP g c STREAMS orders:1 >",
            'w',
            no("xreadgroup"),
            { "[[\"orders:1\", [[\"1-1\", [\"a\", \"b\"]]]]]".to_owned() },
            no("xreadgroup"),
        ),
        (
            "XREADGROUP GROUP g c STREAMS stock >",
            '-',
            no("xreadgroup"),
            NO_KEY.to_owned(),
            no("xreadgroup"),
        ),
        ("XACK orders:1 g 1-1", 'w', no("xack"), ":1".to_owned(), no("xack")),
        ("XACK stock g 1-1", '-', no("xack"), NO_KEY.to_owned(), no("xack")),
        ("XLEN orders:1", 'd', no("xlen"), no("xlen"), ":1".to_owned()),
        ("GET stock", 'd', no("get"), no("get"), "null".to_owned()),
        ("KEYS *", '-', no("keys"), no("keys"), no("keys")),
        ("DEL orders:1", '-', no("del"), no("del"), no("del")),
        ("PING", 'w', no("ping"), "+PONG".to_owned(), no("ping")),
        ("CONFIG GET requirepass", '-', no("config|get"), no("config|get"), no("config|get")),
        ("ACL LIST", '-', no("acl|list"), no("acl|list"), no("acl|list")),
    ] {
        check(&mut producer, line, &producer_says);
        check(&mut worker, line, &worker_says);
        check(&mut dashboard, line, &dashboard_says);
        let allows = [producer_says, worker_says, dashboard_says]
            .iter()
            .filter(|says| !says.starts_with("-NOPERM"))
            .count();
        assert_eq!(allows, usize::from(allowed != '-'), "{line}");
    }
}

#[test]
fn a_first_argument_can_be_all_that_is_allowed() {
    let server = start();
    let mut client = user(&server, "u", &["~*", "+select|1", "+config|get", "+get|k"]);
    check(&mut client, "SELECT 1", "+OK");
    check(&mut client, "SELECT 2", &no_command("select"));
    check(&mut client, "GET K", "null");
    check(&mut client, "GET j", &no_command("get"));
    assert_eq!(client.ok(&["CONFIG", "GET", "port", "maxclients"]).array().len(), 4);
    check(&mut client, "CONFIG SET maxclients 5", &no_command("config|set"));
}

/// SORT makes names of keys from what it sorts.
#[test]
fn patterns_of_sort_ask_for_all_keys() {
    let server = start();
    let mut admin = server.connect();
    admin.ok(&["RPUSH", "l", "2", "1"]);
    let mut client = user(&server, "u", &["+@all", "~l", "%R~r*"]);
    let denied = |option: &str| {
        format!("-ERR {option} option of SORT denied due to insufficient ACL permissions.")
    };
    for (line, option) in [
        ("SORT l BY w*", "BY"),
        ("SORT l LIMIT 0 1 BY w*", "BY"),
        ("SORT_RO l BY nosort GET #", "GET"),
        ("SORT l GET x", "GET"),
        ("SORT l ALPHA GET # STORE l", "GET"),
        ("SORT l BY w* FOO", "BY"),
    ] {
        check(&mut client, line, &denied(option));
    }
    check(&mut client, "SORT l", "[\"1\", \"2\"]");
    check(&mut client, "SORT l BY x", "[\"2\", \"1\"]");
    check(&mut client, "SORT l FOO BY w*", "-ERR syntax error");
    check(&mut client, "SORT l STORE q", NO_KEY);
    check(&mut client, "MULTI", "+OK");
    check(&mut client, "SORT l GET #", "+QUEUED");
    check(&mut client, "EXEC", &format!("[{}]", denied("GET")));
    check(&mut admin, "ACL DRYRUN u SORT l GET #", "+OK");
    admin.ok(&["ACL", "SETUSER", "u", "%R~*"]);
    check(&mut client, "SORT l GET #", "[\"1\", \"2\"]");
}

/// What the grammar says comes first where it does in the reference.
#[test]
fn the_order_of_checks() {
    let server = start();
    let mut client = user(&server, "u", &["~a*", "+get", "+xread", "+mset", "+multi"]);
    check(&mut client, "FOO", "-ERR unknown command 'FOO', with args beginning with: ");
    check(&mut client, "SET k", "-ERR wrong number of arguments for 'set' command");
    check(&mut client, "CONFIG FOO", "-ERR unknown subcommand 'FOO'. Try CONFIG HELP.");
    check(&mut client, "SET k v FOO", &no_command("set"));
    check(&mut client, "XREAD foo bar baz", "-ERR syntax error");
    check(&mut client, "MSET b 1 a", NO_KEY);
    check(&mut client, "MULTI", "+OK");
    check(&mut client, "MULTI", "-ERR MULTI calls can not be nested");
}

#[test]
fn categories_are_listed_with_their_commands() {
    let server = start();
    let mut client = server.connect();
    let names = client.ok(&["ACL", "CAT"]).array();
    assert_eq!(names.len(), 21);
    for name in names {
        let name = name.text();
        let listed = client.ok(&["ACL", "CAT", &name]);
        let filtered = client.ok(&["COMMAND", "LIST", "FILTERBY", "ACLCAT", &name]);
        let sorted = |list: Value| {
            let mut list: Vec<_> = list.array().iter().map(Value::text).collect();
            list.sort();
            list
        };
        assert_eq!(sorted(listed), sorted(filtered), "{name}");
    }
    check(&mut client, "ACL CAT nonsense", "-ERR Unknown category 'nonsense'");
    check(&mut client, "ACL CAT a b", {
        "-ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP."
    });
}
