//! The ACL file, and the `user` lines of the configuration.

use std::collections::BTreeSet;

use crate::error::FileError;
use crate::patterns::is_separator;
use crate::users::{DEFAULT_USER, Users};

impl Users {
    /// Users from the text of an ACL file: one `user <name> <rule>...` a line; empty lines and lines
    /// that begin with `#` say nothing. If the text does not speak of the default user, it is as in
    /// `before`.
    ///
    /// # Errors
    ///
    /// What is wrong, with the number of the line, counted from 1.
    pub fn from_file(text: &[u8], before: &Users) -> Result<Users, Vec<(usize, FileError)>> {
        let mut users = before.clone();
        let names: Vec<_> = users.iter().map(|user| user.name().to_vec()).collect();
        for name in names {
            users.delete(&name);
        }
        let mut seen = BTreeSet::new();
        let mut errors = Vec::new();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let words = line.split(is_separator).filter(|word| !word.is_empty());
            let words: Vec<&[u8]> = words.collect();
            if words.first().is_none_or(|word| word.starts_with(b"#")) {
                continue;
            }
            if let Err(error) = users.add_line(&words, &mut seen) {
                errors.push((index + 1, error));
            }
        }
        if errors.is_empty() { Ok(users) } else { Err(errors) }
    }

    /// Adds a user from the words of a line; `seen` are those that earlier lines made.
    ///
    /// # Errors
    ///
    /// What is wrong with the line.
    pub fn add_line(
        &mut self,
        words: &[&[u8]],
        seen: &mut BTreeSet<Box<[u8]>>,
    ) -> Result<(), FileError> {
        let [b"user", name, rules @ ..] = words else { return Err(FileError::NoUser) };
        if line_breaks(words) {
            return Err(FileError::NotText);
        }
        if !seen.insert((*name).into()) {
            return Err(FileError::Duplicate(String::from_utf8_lossy(name).into_owned()));
        }
        if *name == DEFAULT_USER {
            // The line says everything about it: it does not begin with all rights.
            self.forget_default();
        }
        self.set_user(name, rules).map_err(FileError::of)
    }

    /// The text of an ACL file.
    #[must_use]
    pub fn to_file(&self) -> Vec<u8> {
        self.describe().flat_map(|line| [line, b"\n".to_vec()].concat()).collect()
    }
}

fn line_breaks(words: &[&[u8]]) -> bool {
    words.iter().any(|word| word.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)))
}
