//! `headwater config import`: a redis.conf as TOML, and what of it is left out and why.

use std::fmt::Write;
use std::path::Path;

use super::{
    ConfigError, Effect, Origin, Value, Values, directives, redis_conf, sources, user_lines,
    written,
};

/// The TOML that does what a redis.conf asks for, as far as it can be had; the rest stands below it
/// as comments.
///
/// # Errors
///
/// If the file cannot be read, or is no redis.conf at all.
pub fn import(path: &Path) -> Result<String, ConfigError> {
    let text = sources::read(path)?;
    let mut left_out = LeftOut::default();
    let mut values = Values::default();
    for assignment in redis_conf::parse(path, &text)? {
        let origin = assignment.origin.clone();
        let line = format!("{} {}", assignment.name, shown(&assignment.name, &assignment.value));
        if let Err(error) = values.assign(vec![assignment]) {
            left_out.refused.push((line, origin, reason(&error)));
        }
    }
    let mut out = format!(
        "# Made of {} by 'headwater config import'.\n",
        path.display().to_string().escape_debug()
    );
    for value in values.iter().filter(|value| value.origin != Origin::Default) {
        let refused = match value.directive.effect {
            Effect::Honoured => None,
            Effect::Inert => {
                left_out.inert.push(value.directive.name);
                continue;
            }
            Effect::Only { value: only, .. } | Effect::Kept { value: only, .. }
                if only == value.text =>
            {
                continue;
            }
            Effect::Only { reason, .. } | Effect::Kept { reason, .. } => Some(reason),
        };
        match refused {
            Some(reason) => left_out.refuse(value, reason),
            None => {
                let toml = written::toml_value(value.directive, &value.text);
                let _ = writeln!(out, "{} = {toml}", value.directive.name);
            }
        }
    }
    let users: Vec<_> = values.users().iter().map(|line| line.words.clone()).collect();
    if !users.is_empty() {
        out = user_lines::toml(&out, &users).map_err(ConfigError::Conflict)?;
    }
    left_out.write(&mut out);
    Ok(out)
}

/// What is not in the TOML.
#[derive(Default)]
struct LeftOut {
    /// Line, place and reason.
    refused: Vec<(String, Origin, String)>,
    inert: Vec<&'static str>,
}

impl LeftOut {
    fn refuse(&mut self, value: &Value, reason: &str) {
        let name = value.directive.name;
        let line = format!("{name} {}", shown(name, &value.text));
        self.refused.push((line, value.origin.clone(), reason.to_owned()));
    }

    fn write(&self, out: &mut String) {
        if !self.refused.is_empty() {
            out.push_str("\n# Left out, because Headwater does not have it:\n");
        }
        for (line, origin, reason) in &self.refused {
            let _ = writeln!(out, "#   {} ({origin}): {reason}", line.escape_debug());
        }
        if !self.inert.is_empty() {
            out.push_str("\n# Left out, because it would have no effect:\n");
        }
        for name in &self.inert {
            let _ = writeln!(out, "#   {name}");
        }
    }
}

/// A value, unless it is a secret.
fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if directives::is_secret(name) { "(hidden)" } else { value }
}

fn reason(error: &ConfigError) -> String {
    match error {
        ConfigError::Unknown { hint, .. } => {
            let hint = hint.trim_start_matches(", ").trim_start_matches(" (").trim_end_matches(')');
            if hint.is_empty() { "unknown directive".to_owned() } else { hint.to_owned() }
        }
        ConfigError::BadValue { reason, .. } => reason.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    #[test]
    fn what_is_left_out_is_named_with_its_reason_and_the_rest_is_toml() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("redis.conf");
        let text = "port 7000\nsave 900 1\nmaxmemory 1gb\nrequirepass \"a \\\"b\"\ndaemonize yes\n\
                    loadmodule /m.so\nappendonly no\nnosuch 1\ntimeout x\nappendfsync always\nhz 10\n";
        std::fs::write(&path, text).expect("a file in it");
        let toml = import(&path).expect("a redis.conf");
        for expected in [
            "\nport = 7000\n",
            "\nmaxmemory = \"1gb\"\n",
            "\nappendfsync = \"always\"\n",
            "#   daemonize yes (",
            "foreground",
            "#   loadmodule /m.so (",
            "modules are not supported",
            "#   appendonly no (",
            "#   nosuch 1 (",
            "#   timeout x (",
            "couldn't be parsed into an integer",
            "\n#   save\n",
            "\n#   hz\n",
        ] {
            assert!(toml.contains(expected), "{expected:?} is missing in\n{toml}");
        }
        let made = dir.path().join("h.toml");
        std::fs::write(&made, &toml).expect("a file in it");
        let config = Config::load(Sources { file: Some(made), ..Sources::default() });
        let settings = config.expect("a valid file").settings();
        assert_eq!((settings.port, settings.memory_bytes_max), (7000, 1 << 30));
        assert_eq!(settings.password.as_deref(), Some("a \"b"));
    }
}
