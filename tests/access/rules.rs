//! The words of ACL SETUSER, and how users are described. Every refusal is redis-server 7.0.15's.

use support::Value;

use super::{check, start};

fn refused(rule: &str, reason: &str) -> String {
    format!("-ERR Error in ACL SETUSER modifier '{rule}': {reason}")
}

#[test]
fn bad_rules_are_refused_in_the_words_of_the_reference() {
    let server = start();
    let mut admin = server.connect();
    let unknown = "Unknown command or category name in ACL";
    let keys = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not \
                have any effect. Try 'resetkeys' to start with an empty list of patterns";
    let channels = "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and \
                    does not have any effect. Try 'resetchannels' to start with an empty list of \
                    channels";
    let hash = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal \
                characters";
    for (rules, rule, reason) in [
        ("foo", "foo", "Syntax error"),
        ("+foo", "+foo", unknown),
        ("+@foo", "+@foo", unknown),
        ("+", "+", unknown),
        ("-", "-", unknown),
        ("+@", "+@", unknown),
        ("+|x", "+|x", unknown),
        ("+get|", "+get|", "Syntax error"),
        ("+config|", "+config|", "Syntax error"),
        ("+config|x", "+config|x", unknown),
        ("+get|a|b", "+get|a|b", unknown),
        ("-get|x", "-get|x", unknown),
        ("+acl|x|y", "+acl|x|y", unknown),
        ("+acl|list|x", "+acl|list|x", "Allowing first-arg of a subcommand is not supported"),
        ("-@all|x", "-@all|x", unknown),
        ("~* ~a", "~a", keys),
        ("allkeys %R~a", "%R~a", keys),
        ("&* &a", "&a", channels),
        ("%", "%", "Syntax error"),
        ("%~x", "%~x", "Syntax error"),
        ("%RR~x", "%RR~x", "Syntax error"),
        ("%X~x", "%X~x", "Syntax error"),
        ("#zz", "#zz", hash),
        ("!zz", "!zz", hash),
        ("<x", "<x", "The password you are trying to remove from the user does not exist"),
        (")", ")", "Syntax error"),
        ("(on)", "(on)", "Syntax error"),
        ("(>x)", "(>x)", "Syntax error"),
        ("(reset)", "(reset)", "Syntax error"),
        ("((+get))", "((+get))", "Syntax error"),
        ("((+get)", "((+get)", "Syntax error"),
        ("(+foo)", "(+foo)", unknown),
        ("(+get foo bar)", "(+get foo bar)", "Syntax error"),
        ("(+get (foo bar)", "(foo bar)", "Syntax error"),
        ("(~* ~a)", "(~* ~a)", keys),
        ("on +get ~x nonsense", "nonsense", "Syntax error"),
    ] {
        check(&mut admin, &format!("ACL SETUSER u {rules}"), &refused(rule, reason));
    }
    for open in ["(", "(+get", "(+get)x", "(+get ~x"] {
        let expected = format!(
            "-ERR Unmatched parenthesis in acl selector starting at '{}'.",
            open.split(' ').next().expect("a word")
        );
        check(&mut admin, &format!("ACL SETUSER u {open}"), &expected);
    }
    for name in ["a b", "a\0", "\n"] {
        assert_eq!(
            format!("{:?}", admin.command(&["ACL", "SETUSER", name, "on"])),
            "-ERR Usernames can't contain spaces or null characters"
        );
    }
    for pattern in ["~a b", "& ", "~\0", "~a\nb"] {
        let reply = admin.command(&["ACL", "SETUSER", "u", pattern]);
        assert!(reply.is_error("ERR Error in ACL SETUSER modifier"), "{pattern:?}: {reply:?}");
    }
    // A refused command has done nothing.
    check(&mut admin, "ACL USERS", "[\"default\"]");
}

#[test]
fn a_user_is_described_as_it_was_made() {
    let server = start();
    let mut admin = server.connect();
    let mut is_described = |rules: &str, expected: &str| {
        admin.ok(&["ACL", "SETUSER", "u", "reset"]);
        let words: Vec<_> = ["ACL", "SETUSER", "u"].into_iter().chain(rules.split(' ')).collect();
        admin.ok(&words);
        let line = admin.ok(&["ACL", "LIST"]).array().pop().expect("u is the last").text();
        assert_eq!(line, format!("user u {expected}"), "{rules}");
        // What is told makes the same user again.
        let again: Vec<_> =
            ["ACL", "SETUSER", "w"].into_iter().chain(expected.split(' ')).collect();
        admin.ok(&["ACL", "SETUSER", "w", "reset"]);
        admin.ok(&again);
        let line = admin.ok(&["ACL", "LIST"]).array().pop().expect("w is the last").text();
        assert_eq!(line, format!("user w {expected}"), "{rules}");
        admin.ok(&["ACL", "DELUSER", "w"]);
    };
    let hash = "#3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7";
    is_described("on", "on sanitize-payload resetchannels -@all");
    is_described(
        "on >data >data skip-sanitize-payload",
        &format!("on skip-sanitize-payload {hash} resetchannels -@all"),
    );
    is_described("nopass >data", &format!("off sanitize-payload {hash} resetchannels -@all"));
    is_described(">data nopass", "off nopass sanitize-payload resetchannels -@all");
    is_described(">data >x <x resetpass >y <y", "off sanitize-payload resetchannels -@all");
    is_described(
        "~a ~b %R~a %R~c %W~c %W~d %rw~e",
        "off sanitize-payload ~a ~b ~c %W~d ~e resetchannels -@all",
    );
    is_described("~a ALLKEYS &a &b &a", "off sanitize-payload ~* resetchannels &a &b -@all");
    is_described("~a ~* &a &*", "off sanitize-payload ~* &* -@all");
    is_described("%R~* +@ALL", "off sanitize-payload %R~* resetchannels +@all");
    is_described("+XADD -xadd +xadd", "off sanitize-payload resetchannels -@all +xadd");
    is_described(
        "+@all -@dangerous -config +config|get +@read",
        "off sanitize-payload resetchannels +@all -@dangerous -config +config|get +@read",
    );
    is_described("+config|get +config", "off sanitize-payload resetchannels -@all +config");
    is_described("+select|0 +Select|1 +get|X +get|x", {
        "off sanitize-payload resetchannels -@all +select|0 +select|1 +get|X"
    });
    is_described("+get|x +get", "off sanitize-payload resetchannels -@all +get");
    is_described("+@all +get|x", "off sanitize-payload resetchannels +@all");
    is_described(
        "+get (+set ~a &c) ( %R~b   +@read )",
        "off sanitize-payload resetchannels -@all +get (~a resetchannels &c -@all +set) \
         (%R~b resetchannels -@all +@read)",
    );
    is_described("(+get) clearselectors ()", {
        "off sanitize-payload resetchannels -@all (resetchannels -@all)"
    });
}

#[test]
fn getuser_has_the_shapes_of_both_protocols() {
    let server = start();
    let mut admin = server.connect();
    admin.ok(&["ACL", "SETUSER", "u", "on", "nopass", "+get", "~a", "&c", "(+set ~b)"]);
    check(
        &mut admin,
        "ACL GETUSER u",
        "[\"flags\", [\"on\", \"nopass\"], \"passwords\", [], \"commands\", \"-@all +get\", \
         \"keys\", \"~a\", \"channels\", \"&c\", \"selectors\", [[\"commands\", \"-@all +set\", \
         \"keys\", \"~b\", \"channels\", \"\"]]]",
    );
    check(&mut admin, "ACL GETUSER nobody", "null");
    admin.ok(&["HELLO", "3"]);
    let described = admin.ok(&["ACL", "GETUSER", "u"]);
    assert!(matches!(described, Value::Map(_)), "{described:?}");
    assert!(matches!(described.field("flags"), Value::Set(_)), "{described:?}");
    let selectors = described.field("selectors").array();
    assert!(matches!(selectors[0], Value::Map(_)), "{described:?}");
}

#[test]
fn new_users_get_the_channels_that_the_configuration_says() {
    let server = super::launch().args(["--acl-pubsub-default", "allchannels"]).start();
    let mut admin = server.connect();
    admin.ok(&["ACL", "SETUSER", "a", "(+get)"]);
    check(&mut admin, "ACL LIST", {
        "[\"user a off &* -@all (&* -@all +get)\", \"user default on nopass ~* &* +@all\"]"
    });
    admin.ok(&["CONFIG", "SET", "acl-pubsub-default", "resetchannels"]);
    admin.ok(&["ACL", "SETUSER", "a", "reset"]);
    check(&mut admin, "ACL LIST", {
        "[\"user a off sanitize-payload resetchannels -@all\", \"user default on nopass ~* &* +@all\"]"
    });
}
