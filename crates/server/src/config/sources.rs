//! The layers that a configuration is made of: file, environment, flags.

use std::path::{Path, PathBuf};

use super::{Assignment, ConfigError, Origin, Values, env, file, redis_conf};

/// The name of a file that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Where the layers above the defaults come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Configuration file: TOML, or redis.conf if the name ends in `.conf`; `-` is standard input.
    pub file: Option<PathBuf>,
    /// What standard input had to say, which can be asked only once.
    pub standard_input: Option<String>,
    /// The process's environment, or a test's.
    pub environment: Vec<(String, String)>,
    /// Directive and value of each flag.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// Reads every layer and lays one over the other.
    ///
    /// # Errors
    ///
    /// The first thing wrong, with its place.
    pub fn read(&self) -> Result<Values, ConfigError> {
        let mut values = Values::default();
        values.assign(self.file_assignments()?)?;
        values.assign(env::assignments(&self.environment))?;
        let flags = self.flags.iter().map(|(name, value)| Assignment {
            name: name.clone(),
            value: value.clone(),
            origin: Origin::Flag(format!("--{name}")),
        });
        values.assign(flags.collect())?;
        values.settle()?;
        Ok(values)
    }

    /// Whether the configuration is to be read from standard input.
    #[must_use]
    pub fn wants_standard_input(&self) -> bool {
        self.file.as_deref() == Some(Path::new(STANDARD_INPUT))
    }

    /// The file, if it is one that can be read again and written.
    pub(super) fn real_file(&self) -> Option<&Path> {
        self.file.as_deref().filter(|_| !self.wants_standard_input())
    }

    fn file_assignments(&self) -> Result<Vec<Assignment>, ConfigError> {
        let Some(path) = &self.file else { return Ok(Vec::new()) };
        if !self.wants_standard_input() {
            return assignments(path, &read(path)?);
        }
        let text = self.standard_input.as_deref().unwrap_or_default();
        // A line of redis.conf is no TOML, nor the other way round.
        match file::is_toml(text) {
            true => file::parse(path, text),
            false => redis_conf::parse(path, text),
        }
    }
}

/// The text of a configuration file.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })
}

/// Whether a file is a redis.conf.
pub(super) fn is_redis_conf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "conf")
}

/// What a file assigns.
pub(super) fn assignments(path: &Path, text: &str) -> Result<Vec<Assignment>, ConfigError> {
    match is_redis_conf(path) {
        true => redis_conf::parse(path, text),
        false => file::parse(path, text),
    }
}
