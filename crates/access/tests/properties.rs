//! Rules from all their parts, at random: whatever is accepted comes back from its own description, with
//! the same verdicts; whatever is refused has changed nothing.

#![allow(missing_docs, reason = "tests")]

use access::Users;
use proptest::collection::vec;
use proptest::prelude::*;

/// A rule that may be none.
fn rule() -> impl Strategy<Value = String> {
    let commands: Vec<_> = protocol::commands().map(|spec| spec.name).collect();
    let sign = prop_oneof![Just("+"), Just("-")];
    let pattern = "[ab*?()\\[\\]%~&+|\\\\]{0,6}";
    prop_oneof![
        4 => (sign.clone(), proptest::sample::select(commands.clone()))
            .prop_map(|(sign, name)| format!("{sign}{name}")),
        2 => (sign, proptest::sample::select(protocol::CATEGORIES.to_vec()))
            .prop_map(|(sign, name)| format!("{sign}@{name}")),
        2 => (proptest::sample::select(commands), "[ab1)|(]{0,3}")
            .prop_map(|(name, word)| format!("+{name}|{word}")),
        3 => pattern.prop_map(|pattern| format!("~{pattern}")),
        3 => ("[RWrwX]{0,2}", pattern).prop_map(|(access, pattern)| format!("%{access}~{pattern}")),
        2 => pattern.prop_map(|pattern| format!("&{pattern}")),
        2 => "[><#!][a-f0-9]{0,4}",
        4 => proptest::sample::select(vec![
            "on", "off", "nopass", "resetpass", "reset", "allkeys", "resetkeys", "allchannels",
            "resetchannels", "allcommands", "nocommands", "clearselectors", "sanitize-payload",
            "skip-sanitize-payload", "+@all", "-@all", "~*", "&*", "(", ")", "()", "",
        ])
        .prop_map(str::to_owned),
        1 => "[ -~]{0,8}",
        1 => "\\PC{0,4}",
    ]
}

fn rules() -> impl Strategy<Value = Vec<String>> {
    let selector = vec(rule(), 0..4).prop_map(|rules| format!("({})", rules.join(" ")));
    vec(prop_oneof![4 => rule(), 1 => selector], 0..8)
}

const REQUESTS: &[&str] = &[
    "get a",
    "set a b",
    "set a b get",
    "xadd ab * f v",
    "xread streams a b 0 0",
    "mset a 1 b 2",
    "ping",
    "publish a b",
    "psubscribe a*",
    "config get x",
    "select 1",
    "acl whoami",
    "exists a b",
    "auth a b",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn users_are_what_is_told_of_them(streams in vec((0_usize..3, rules()), 1..6), all: bool) {
        let mut users = Users::new(all);
        for (user, rules) in &streams {
            let words: Vec<&[u8]> = rules.iter().map(String::as_bytes).collect();
            let before = users.to_file();
            if users.set_user([b"a".as_slice(), b"b", b"default"][*user], &words).is_err() {
                prop_assert_eq!(&users.to_file(), &before);
            }
        }
        let text = users.to_file();
        let read = Users::from_file(&text, &Users::new(false));
        prop_assert!(read.is_ok(), "{:?}\n{}", read, String::from_utf8_lossy(&text));
        let read = read.expect("checked above");
        for (before, after) in users.iter().zip(read.iter()) {
            prop_assert_eq!(before, after);
            for request in REQUESTS {
                let args: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
                let spec = protocol::resolve(&args).expect("a request");
                let verdict = |user: &access::User| {
                    user.permits(spec, &args).map_err(|denied| denied.what)
                };
                prop_assert_eq!(verdict(before), verdict(after));
            }
        }
        prop_assert_eq!(read.to_file(), text);
    }

    /// Malformed selectors have ended servers.
    #[test]
    fn parentheses_anywhere_are_refused_or_read(words in vec("[()+~a ]{0,6}", 0..6)) {
        let mut users = Users::new(false);
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        if users.set_user(b"a", &words).is_ok() {
            prop_assert!(Users::from_file(&users.to_file(), &Users::new(false)).is_ok());
        }
    }

    #[test]
    fn any_text_is_a_file_or_is_refused(lines in vec("(user )?[ -~]{0,20}", 0..6)) {
        let text = lines.join("\n");
        if let Ok(users) = Users::from_file(text.as_bytes(), &Users::new(false)) {
            let again = Users::from_file(&users.to_file(), &Users::new(false));
            prop_assert!(again.is_ok(), "{again:?}");
        }
    }
}
