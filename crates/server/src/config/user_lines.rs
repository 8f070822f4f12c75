//! CONFIG REWRITE: the users put into the text of a configuration file, in place of those in it.

use toml_edit::{Array, DocumentMut, Item, Value};

use super::USER;
use super::redis_conf::split_words;
use super::written::{append, joined};

/// Name and rules of a user.
type Words = Vec<String>;

/// As they are written behind `user`: a word that would be read differently is put in quotes.
fn written(words: &[String]) -> String {
    let word =
        |word: &String| match word.starts_with(['"', '\'']) || word.contains(char::is_whitespace) {
            true => format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")),
            false => word.clone(),
        };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A TOML file with these users.
///
/// # Errors
///
/// If the text is no TOML any more.
pub(super) fn toml(text: &str, users: &[Words]) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        format!("the file is no TOML any more: {}", error.message())
    })?;
    let mut array = Array::new();
    for line in users {
        let mut value = Value::from(written(line));
        value.decor_mut().set_prefix("\n    ");
        array.push_formatted(value);
    }
    array.set_trailing("\n");
    array.set_trailing_comma(true);
    let place = document.iter_mut().find(|(key, _)| key.get().eq_ignore_ascii_case(USER));
    if let Some((_, item)) = place {
        *item = Item::Value(array.into());
        return Ok(document.to_string());
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let new = format!("{USER} = {}", Value::from(array).to_string().trim());
    match lines.iter().position(|line| line.starts_with(&format!("#{USER} ="))) {
        Some(at) => lines.insert(at + 1, new),
        None => append(&mut lines, new),
    }
    Ok(joined(&lines))
}

/// A redis.conf with these users.
pub(super) fn redis_conf(text: &str, users: &[Words]) -> String {
    let names_one = |line: &str| {
        let words = split_words(line).unwrap_or_default();
        words.first().is_some_and(|name| name.eq_ignore_ascii_case(USER))
    };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let new = users.iter().map(|line| format!("{USER} {}", written(line)));
    match lines.iter().position(|line| names_one(line)) {
        Some(first) => {
            lines.retain(|line| !names_one(line));
            lines.splice(first..first, new);
        }
        None => new.for_each(|line| append(&mut lines, line)),
    }
    joined(&lines)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::sources;

    #[test]
    fn users_take_the_place_of_those_that_were_there() {
        let words = |line: &str| line.split(' ').map(|w| w.replace('_', " ")).collect::<Words>();
        let users = [words("a on ~\"x >p_w +@all"), words("\"b\\ off (~y -@all)")];
        let check = |name: &str, text: &str, expected: &str| {
            let path = Path::new(name);
            let write = |text: &str| match sources::is_redis_conf(path) {
                true => redis_conf(text, &users),
                false => toml(text, &users).expect("TOML"),
            };
            let written = write(text);
            assert_eq!(written, expected);
            assert_eq!(write(&written), expected, "it changes nothing");
            let read = sources::assignments(path, &written).expect("a configuration");
            let read: Vec<_> = read
                .iter()
                .filter(|assignment| assignment.name == USER)
                .map(|assignment| split_words(&assignment.value).expect("words"))
                .collect();
            assert_eq!(read, users);
        };
        let written = toml("", &users).expect("TOML");
        let array = &written[written.find("user = [\n    ").expect("a list")..];
        check("h.toml", "# x\nuser = [\"c on\"] \nport = 1\n", &format!("# x\n{array}port = 1\n"));
        check("h.toml", "#user = []\nport = 1\n", &format!("#user = []\n{array}port = 1\n"));
        check("h.toml", "port = 1\n", &format!("port = 1\n\n# Written by CONFIG REWRITE\n{array}"));
        let lines = "user a on ~\"x \">p w\" +@all\nuser \"\\\"b\\\\\" off (~y -@all)\n";
        check("r.conf", "# x\nuser c on\nport 1\nUser d on\n", &format!("# x\n{lines}port 1\n"));
        check("r.conf", "port 1\n", &format!("port 1\n\n# Written by CONFIG REWRITE\n{lines}"));
    }
}
