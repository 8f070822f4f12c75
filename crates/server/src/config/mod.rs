//! Configuration: built-in defaults < file < `HEADWATER_*` environment < flags < CONFIG SET.
//!
//! [`directives`] is the one table of keys. [`Values`] holds a text and an origin for each of them;
//! [`Settings`] is the typed view that the server reads; [`Config`] shares both while running.

pub mod directives;
mod env;
mod error;
mod example;
mod file;
mod import;
mod inert;
mod redis_conf;
mod rewrite;
mod settings;
mod sources;
mod user_lines;
pub mod value;
mod written;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

pub use directives::{Change, Directive, Effect};
pub use env::unknown as unknown_variables;
pub use error::{ConfigError, ConfigSetError};
pub use example::example;
pub use import::import;
pub use rewrite::RewriteError;
pub use settings::{
    BindAddress, ClientCertificates, DebugAccess, FsyncPolicy, LogFormat, LogLevel, Settings,
    Supervision, TlsSettings,
};
pub use sources::Sources;
pub use value::{Kind, OutputLimit, OutputLimits};

/// The name of the lines that define users: the one directive that may stand several times.
pub(crate) const USER: &str = "user";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table.
    Default,
    /// A file, with the line counted from 1.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
    /// CONFIG SET.
    ConfigSet,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Environment(variable) => write!(f, "environment {variable}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
            Origin::ConfigSet => f.write_str("CONFIG SET"),
        }
    }
}

/// One assignment of a layer, before it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

/// One `user` line: the name, then the rules.
#[derive(Clone, PartialEq, Eq)]
pub struct UserLine {
    /// Name and rules, of which some are passwords.
    pub words: Vec<String>,
    /// Where it stands.
    pub origin: Origin,
}

/// Passwords belong into no log.
impl std::fmt::Debug for UserLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserLine({})", self.origin)
    }
}

/// The value and the origin of one directive.
#[derive(Debug, Clone)]
pub struct Value {
    /// Which one.
    pub directive: &'static Directive,
    /// Canonical text, as CONFIG GET shows it.
    pub text: String,
    /// Where it came from.
    pub origin: Origin,
}

/// A value for every directive.
#[derive(Debug, Clone)]
pub struct Values {
    values: Vec<Value>,
    /// What somebody has asked for and does not get, without harm: line and reason.
    notes: Vec<(String, &'static str)>,
    users: Vec<UserLine>,
}

impl Default for Values {
    fn default() -> Self {
        let values = directives::all().map(|directive| Value {
            directive,
            text: directive.default.to_owned(),
            origin: Origin::Default,
        });
        Self { values: values.collect(), notes: Vec::new(), users: Vec::new() }
    }
}

impl Values {
    /// Every value, directives that do something first.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    /// The `user` lines, in their order.
    #[must_use]
    pub fn users(&self) -> &[UserLine] {
        &self.users
    }

    /// Names of the directives without effect that somebody has set.
    #[must_use]
    pub fn inert_but_set(&self) -> Vec<&'static str> {
        let set = |value: &&Value| {
            value.directive.effect == Effect::Inert
                && value.origin != Origin::Default
                && value.text != value.directive.default
        };
        self.values.iter().filter(set).map(|value| value.directive.name).collect()
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.values.iter().find(|value| value.directive.name == name);
        &found.expect("settings name directives of the table").text
    }

    /// Lays assignments over the values; a later one wins.
    fn assign(&mut self, assignments: Vec<Assignment>) -> Result<(), ConfigError> {
        for Assignment { name, value, origin } in assignments {
            if name.eq_ignore_ascii_case(USER) {
                let words = redis_conf::split_words(&value).ok_or_else(|| {
                    ConfigError::Conflict(format!("{origin}: unbalanced quotes in 'user'"))
                })?;
                self.users.push(UserLine { words, origin });
                continue;
            }
            let Some(at) = self.position(&name) else {
                return Err(ConfigError::unknown(&name, origin));
            };
            let directive = self.values[at].directive;
            match self.checked(at, &value) {
                Ok(text) => self.put(at, Value { directive, text, origin }),
                Err(reason) => {
                    return Err(ConfigError::BadValue {
                        name: directive.name,
                        value: if directives::is_secret(directive.name) {
                            "(hidden)".to_owned()
                        } else {
                            value
                        },
                        reason,
                        origin,
                    });
                }
            }
        }
        Ok(())
    }

    /// Refuses values that cannot be had, now that every layer has had its say: a flag may put right
    /// what a file asks for.
    fn settle(&mut self) -> Result<(), ConfigError> {
        for Value { directive, text, origin } in &mut self.values {
            match directive.effect {
                Effect::Only { value, reason } if text != value => {
                    return Err(ConfigError::BadValue {
                        name: directive.name,
                        value: std::mem::take(text),
                        reason: value::ValueError::Refused(reason),
                        origin: origin.clone(),
                    });
                }
                Effect::Kept { value, reason } if text != value => {
                    self.notes.push((format!("{} {text}", directive.name), reason));
                    value.clone_into(text);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What the configuration asks for and does not get, without harm: line and reason.
    pub fn notes(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.notes.iter().map(|(line, reason)| (line.as_str(), *reason))
    }

    /// Takes over a value, under both names where a directive has two.
    fn put(&mut self, at: usize, value: Value) {
        if let Some(other) = directives::other_name(value.directive.name)
            && let Some(at) = self.position(other)
        {
            let directive = self.values[at].directive;
            self.values[at] = Value { directive, ..value.clone() };
        }
        self.values[at] = value;
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.values.iter().position(|value| value.directive.name.eq_ignore_ascii_case(name))
    }

    /// The canonical text of a new value, given the present one (output limits change by class).
    fn checked(&self, at: usize, text: &str) -> Result<String, value::ValueError> {
        if text.contains(['\r', '\n', '\0']) {
            return Err(value::ValueError::NotText);
        }
        let Value { directive, text: present, .. } = &self.values[at];
        match directive.kind {
            value::Kind::OutputLimits => {
                let present = OutputLimits::default().changed_by(present);
                let present = present.expect("a value in the table was checked before");
                Ok(present.changed_by(text)?.to_string())
            }
            kind => kind.canonical(text),
        }
    }
}

/// The configuration of a running server: read often, changed seldom.
#[derive(Debug)]
pub struct Config {
    sources: Sources,
    values: Mutex<Values>,
    settings: RwLock<Arc<Settings>>,
    /// Counts the changes, so that a reader notices one for the price of one load.
    generation: AtomicU64,
}

impl Config {
    /// Reads the sources.
    ///
    /// # Errors
    ///
    /// The first thing wrong, with its place.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let values = sources.read()?;
        let settings = Settings::of(&values)?;
        Ok(Self {
            sources,
            values: Mutex::new(values),
            settings: RwLock::new(Arc::new(settings)),
            generation: AtomicU64::new(0),
        })
    }

    /// The settings in force. Keep a [`Reader`] where this is asked for often.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }

    /// A reader for one thread.
    #[must_use]
    pub fn reader(self: &Arc<Self>) -> Reader {
        let generation = self.generation.load(Ordering::Acquire);
        Reader { config: Arc::clone(self), settings: self.settings(), generation }
    }

    /// The configuration file, for INFO.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.sources.real_file()
    }

    /// A copy of every value with its origin.
    #[must_use]
    pub fn values(&self) -> Values {
        self.values.lock().clone()
    }

    /// CONFIG SET: all of the pairs or none of them. Returns the names whose value changed.
    ///
    /// # Errors
    ///
    /// Redis's refusal.
    pub fn set(&self, pairs: &[(&[u8], &[u8])]) -> Result<Vec<&'static str>, ConfigSetError> {
        let mut values = self.values.lock();
        let mut next = values.clone();
        let mut seen: Vec<&'static str> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let name_text = String::from_utf8_lossy(name);
            let Some(at) = next.position(&name_text) else {
                return Err(ConfigSetError::Unknown(name.to_vec()));
            };
            let directive = next.values[at].directive;
            let failed = |reason: String| ConfigSetError::Failed { name: directive.name, reason };
            match directive.change {
                Change::Live => {}
                Change::Restart => return Err(failed("can't set immutable config".to_owned())),
                Change::Protected => return Err(failed("can't set protected config".to_owned())),
            }
            if seen.contains(&directive.name) {
                return Err(failed("duplicate parameter".to_owned()));
            }
            seen.push(directive.name);
            let text = std::str::from_utf8(value).map_err(|_| value::ValueError::NotText);
            let text = text.and_then(|text| next.checked(at, text));
            let text = text.map_err(|reason| failed(reason.to_string()))?;
            if let Effect::Only { value, reason } | Effect::Kept { value, reason } =
                directive.effect
                && text != value
            {
                return Err(failed(reason.to_owned()));
            }
            next.put(at, Value { directive, text, origin: Origin::ConfigSet });
        }
        Ok(self.install(&mut values, next))
    }

    /// SIGHUP: reads the sources again and takes over the directives that may change while running.
    /// What CONFIG SET changed stays, as it is the higher layer.
    ///
    /// # Errors
    ///
    /// What is wrong with the sources; nothing has changed then.
    pub fn reload(&self) -> Result<Reload, ConfigError> {
        let fresh = self.sources.read()?;
        let mut values = self.values.lock();
        let mut next = values.clone();
        let mut needs_restart = Vec::new();
        for (present, fresh) in next.values.iter_mut().zip(fresh.values) {
            if present.origin == Origin::ConfigSet || present.text == fresh.text {
                continue;
            }
            match present.directive.change {
                Change::Live => *present = fresh,
                _ => needs_restart.push(present.directive.name),
            }
        }
        let words = |line: &UserLine| line.words.clone();
        if !next.users.iter().map(words).eq(fresh.users.iter().map(words)) {
            needs_restart.push(USER);
        }
        Ok(Reload { changed: self.install(&mut values, next), needs_restart })
    }

    /// Makes the next values current and returns what is different.
    fn install(&self, values: &mut Values, next: Values) -> Vec<&'static str> {
        let pairs = values.values.iter().zip(&next.values);
        let changed: Vec<_> = pairs
            .filter(|(before, after)| before.text != after.text)
            .map(|(_, after)| after.directive.name)
            .collect();
        let settings = Settings::of(&next).expect("every single value was checked");
        *self.settings.write() = Arc::new(settings);
        self.generation.fetch_add(1, Ordering::Release);
        *values = next;
        changed
    }
}

/// What a reload did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reload {
    /// Directives that have a new value.
    pub changed: Vec<&'static str>,
    /// Directives whose new value waits for the next start.
    pub needs_restart: Vec<&'static str>,
}

/// One thread's view of the settings: a look costs one atomic load.
#[derive(Debug, Clone)]
pub struct Reader {
    config: Arc<Config>,
    settings: Arc<Settings>,
    generation: u64,
}

impl Reader {
    /// The settings in force.
    pub fn settings(&mut self) -> &Settings {
        let generation = self.config.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.settings = self.config.settings();
            self.generation = generation;
        }
        &self.settings
    }
}

#[cfg(test)]
mod tests;
