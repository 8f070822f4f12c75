//! CONFIG REWRITE: what CONFIG SET has changed is put into the file that the server was started with.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Config, Origin, USER, Value, sources, user_lines, written};

/// Why the file is as it was.
#[derive(Debug, Error)]
pub enum RewriteError {
    /// There is none.
    #[error("ERR The server is running without a config file")]
    NoFile,
    /// It could not be read or written, or somebody has made something else of it.
    #[error("ERR Rewriting config file: {0}")]
    Failed(String),
}

impl From<io::Error> for RewriteError {
    fn from(error: io::Error) -> Self {
        let text = error.to_string();
        // Redis gives the words of the system alone.
        let words = text.split(" (os error").next().unwrap_or_default();
        Self::Failed(words.to_owned())
    }
}

impl Config {
    /// Puts what CONFIG SET has changed into the file, and `users` if they have changed. Comments, order and everything else stay. The
    /// file is there whole at any time, the old one or the new one.
    ///
    /// # Errors
    ///
    /// Why the file is as it was.
    pub fn rewrite(&self, users: Option<&[Vec<String>]>) -> Result<(), RewriteError> {
        let path = self.file().ok_or(RewriteError::NoFile)?;
        let mut values = self.values.lock();
        let is_changed = |value: &&Value| value.origin == Origin::ConfigSet;
        let changes: Vec<_> = values.values.iter().filter(is_changed).collect();
        let changes: Vec<_> =
            changes.iter().map(|value| (value.directive, value.text.as_str())).collect();
        let text = fs::read_to_string(path)?;
        let is_conf = sources::is_redis_conf(path);
        let mut new = match is_conf {
            true => written::redis_conf(&text, &changes),
            false => written::toml(&text, &changes).map_err(RewriteError::Failed)?,
        };
        if let Some(users) = users {
            new = match is_conf {
                true => user_lines::redis_conf(&new, users),
                false => user_lines::toml(&new, users).map_err(RewriteError::Failed)?,
            };
        }
        if new != text {
            replace(path, &new)?;
        }
        // From now on the file says so; what is changed in it later counts at the next reload.
        let lines = sources::assignments(path, &new).unwrap_or_default();
        for value in values.values.iter_mut().filter(|value| value.origin == Origin::ConfigSet) {
            let line = lines.iter().rfind(|a| a.name.eq_ignore_ascii_case(value.directive.name));
            value.origin = line.map_or(Origin::File(path.to_owned(), 0), |a| a.origin.clone());
        }
        if users.is_some() {
            let mut read = super::Values::default();
            let lines = lines.into_iter().filter(|line| line.name.eq_ignore_ascii_case(USER));
            if read.assign(lines.collect()).is_ok() {
                values.users = read.users;
            }
        }
        Ok(())
    }
}

/// Puts a new text into the place of a file, with its owner and mode.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // The file itself, not a link to it.
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    let aside = beside(&path);
    let written = write_aside(&aside, text, &metadata).and_then(|()| fs::rename(&aside, &path));
    if let Err(error) = written {
        let _ = fs::remove_file(&aside);
        return Err(error);
    }
    let directory = path.parent().unwrap_or(Path::new("/"));
    // The new name is not durable until its directory is.
    File::open(directory)?.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.new", std::process::id()))
}

fn write_aside(aside: &Path, text: &str, metadata: &fs::Metadata) -> io::Result<()> {
    // One that a crash has left behind is ours.
    let _ = fs::remove_file(aside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
    file.write_all(text.as_bytes())?;
    // Only root may give files away; whoever else may replace the file may own it.
    let _ = chown(aside, Some(metadata.uid()), Some(metadata.gid()));
    file.set_permissions(metadata.permissions())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::Sources;

    fn set(config: &Config, name: &str, value: &str) {
        config.set(&[(name.as_bytes(), value.as_bytes())]).expect("it can be set");
    }

    #[test]
    fn only_what_was_set_is_written_and_the_file_keeps_its_mode() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let check = |name: &str, text: &str, expected: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("its mode");
            let link = dir.path().join(format!("link-{name}"));
            std::os::unix::fs::symlink(&path, &link).expect("a link");
            let flags = vec![("maxclients".to_owned(), "9".to_owned())];
            let sources = Sources { file: Some(link.clone()), flags, ..Sources::default() };
            let config = Config::load(sources).expect("a valid file");
            set(&config, "timeout", "5");
            config.rewrite(None).expect("it can be written");
            assert_eq!(fs::read_to_string(&path).expect("the file"), expected);
            assert!(link.is_symlink());
            let mode = fs::metadata(&path).expect("the file").permissions().mode();
            assert_eq!(mode & 0o777, 0o640);
            let origin = config
                .values()
                .iter()
                .find(|v| v.directive.name == "timeout")
                .map(|v| v.origin.to_string());
            assert!(origin.is_some_and(|origin| origin.ends_with(&format!("{name}:2"))));
            assert_eq!(fs::read_dir(dir.path()).expect("the directory").count(), 2);
            fs::remove_file(&path).expect("gone");
            assert!(
                matches!(config.rewrite(None), Err(RewriteError::Failed(reason)) if reason == "No such file or directory")
            );
            fs::remove_file(&link).expect("gone");
        };
        check("h.toml", "port = 1 # x\ntimeout = 3\n", "port = 1 # x\ntimeout = 5\n");
        check("r.conf", "port 1\ntimeout 3\n# x\n", "port 1\ntimeout 5\n# x\n");
        let none = Config::load(Sources::default()).expect("defaults");
        assert!(matches!(none.rewrite(None), Err(RewriteError::NoFile)));
    }
}
