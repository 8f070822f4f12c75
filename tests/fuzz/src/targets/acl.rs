//! Any rules are refused, leaving everything as it was, or make a user whose description makes the same
//! user again; any text is an ACL file or is refused, line by line.
//!
//! Input: lines, split at blanks. `user NAME RULE...` is ACL SETUSER, `del NAME` is ACL DELUSER, any
//! other line is a request that every user tries. The same text is then read as an ACL file.

use access::{User, Users};

use crate::planted::is_planted;

/// Words of one line; more are for nobody to read.
const WORDS_MAX: usize = 64;

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut users = Users::new(data.len().is_multiple_of(2));
    for line in data.split(|&byte| byte == b'\n') {
        let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').take(WORDS_MAX).collect();
        match words.as_slice() {
            [b"user", name, rules @ ..] => set_user(&mut users, name, rules),
            [b"del", name] => {
                let before = users.generation();
                let was_there = users.find(name).is_some() && *name != b"default";
                assert_eq!(users.delete(name), was_there);
                assert_eq!(users.generation() != before, was_there);
            }
            request => users.iter().for_each(|user| try_request(user, request)),
        }
    }
    come_back(&users);
    if let Ok(read) = Users::from_file(data, &Users::new(false)) {
        come_back(&read);
    }
}

/// All of the rules, or none of them.
fn set_user(users: &mut Users, name: &[u8], rules: &[&[u8]]) {
    let before = users.to_file();
    match users.set_user(name, rules) {
        Ok(()) => {
            let user = users.find(name).expect("it was made");
            assert!(!user.describe().contains(&b'\n'), "a line of its own");
        }
        Err(error) => {
            assert_eq!(users.to_file(), before, "{error:?}");
            let text = error.text();
            assert!(text.starts_with(b"ERR "), "{error:?}");
        }
    }
}

/// What is told of users makes them again.
fn come_back(users: &Users) {
    let mut text = users.to_file();
    // Planted: that a pattern is for reads only is not written down.
    if let (true, Some(at)) = (is_planted(), text.windows(3).position(|three| three == b"%R~")) {
        text.drain(at..at + 2);
    }
    let read = Users::from_file(&text, &Users::new(false));
    let read = read.unwrap_or_else(|errors| panic!("{errors:?}\n{}", text.escape_ascii()));
    let (before, after): (Vec<_>, Vec<_>) = (users.iter().collect(), read.iter().collect());
    assert_eq!(before, after, "{}", text.escape_ascii());
}

/// Whoever may do everything may do this; whoever may do nothing may not, unless everybody may.
fn try_request(user: &User, request: &[&[u8]]) {
    let Ok(spec) = protocol::resolve(request) else { return };
    let verdict = user.permits(spec, request);
    if user.is_unrestricted() {
        assert!(verdict.is_ok());
    }
    if user.describe().ends_with(b" resetchannels -@all") && user.selectors().is_empty() {
        assert_eq!(verdict.is_ok(), spec.flags.contains(protocol::Flags::NO_AUTH), "{}", spec.name);
    }
    if let Err(denied) = verdict {
        let told = [denied.refusal(), denied.refusal_in_exec(), denied.reason().to_owned()];
        assert!(told.iter().all(|text| !text.contains(['\r', '\n'])), "{told:?}");
        assert!(denied.verdict(request).starts_with(b"This user has no permissions"));
    }
    let _ = user.permits_options(spec, request);
}
