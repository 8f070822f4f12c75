//! Which arguments of a command are passwords, so that they are shown to nobody (SLOWLOG).

use crate::config::directives;

/// What stands for a secret.
pub(crate) const REDACTED: &[u8] = b"(redacted)";

/// Whether the argument at `at` is a secret. `command` is the full name in the command table.
pub(crate) fn is_secret(command: &str, args: &[&[u8]], at: usize) -> bool {
    let is = |at: usize, word: &str| args[at].eq_ignore_ascii_case(word.as_bytes());
    match command {
        "auth" => 1 <= at,
        // HELLO 3 AUTH user password SETNAME name
        "hello" => 2 <= at && (is(at - 1, "auth") || (3 <= at && is(at - 2, "auth"))),
        "acl|setuser" | "acl|getuser" | "acl|deluser" => 2 <= at,
        "config|set" => {
            3 <= at && std::str::from_utf8(args[at - 1]).is_ok_and(directives::is_secret)
        }
        "migrate" => is(at - 1, "auth") || is(at - 1, "auth2") || (2 <= at && is(at - 2, "auth2")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_recognised_and_nothing_else() {
        let check = |command: &str, line: &str, expected: &str| {
            let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let shown = args.iter().enumerate().map(|(at, arg)| {
                let shown = if is_secret(command, &args, at) { b"#" } else { *arg };
                String::from_utf8_lossy(shown).into_owned()
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expected);
        };
        check("auth", "AUTH secret", "AUTH #");
        check("auth", "AUTH ann secret", "AUTH # #");
        check("hello", "HELLO 3 AUTH ann secret SETNAME x", "HELLO 3 AUTH # # SETNAME x");
        check(
            "config|set",
            "CONFIG SET maxclients 5 RequirePass x",
            "CONFIG SET maxclients 5 RequirePass #",
        );
        check("acl|setuser", "ACL SETUSER ann >x on", "ACL SETUSER # # #");
        check("set", "SET auth x", "SET auth x");
    }
}
