//! The log: tracing events as lines for people, for programs, or as Redis writes them.
//!
//! Whatever a client sent is escaped before it becomes part of a line, so that no name can forge one.

mod format;

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::config::{LogFormat, LogLevel, Settings};
use format::{Line, Style};

/// Where the lines go and which of them; set once per process.
static LOG: OnceLock<Arc<Log>> = OnceLock::new();

#[derive(Debug)]
struct Log {
    style: Style,
    sink: Mutex<Sink>,
    filter: RwLock<LevelFilter>,
}

#[derive(Debug)]
enum Sink {
    Stderr,
    File { path: PathBuf, file: File },
}

/// Starts logging as the settings say. Only the first call has an effect.
///
/// # Errors
///
/// If the log file cannot be opened.
pub fn init(settings: &Settings) -> io::Result<()> {
    let sink = match &settings.log_file {
        None => Sink::Stderr,
        Some(path) => Sink::File { path: path.clone(), file: open(path)? },
    };
    let is_stderr = matches!(sink, Sink::Stderr);
    let style = Style {
        format: settings.log_format,
        journal: is_stderr && stderr_is_journal(),
        colour: is_stderr && settings.log_format == LogFormat::Text && wants_colour(),
    };
    let filter = RwLock::new(filter_of(settings.log_level));
    let log = Arc::new(Log { style, sink: Mutex::new(sink), filter });
    if LOG.set(Arc::clone(&log)).is_ok() {
        let subscriber = tracing_subscriber::registry().with(LogLayer(log));
        // Fails only if somebody has set a subscriber before, as a test may.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
    Ok(())
}

/// Takes over a new level.
pub fn set_level(level: LogLevel) {
    if let Some(log) = LOG.get() {
        *log.filter.write() = filter_of(level);
        tracing::callsite::rebuild_interest_cache();
    }
}

/// Opens the log file again, after it was moved away.
///
/// # Errors
///
/// If it cannot be opened; the old one is written on.
pub fn reopen() -> io::Result<()> {
    let Some(log) = LOG.get() else { return Ok(()) };
    if let Sink::File { path, file } = &mut *log.sink.lock() {
        *file = open(path)?;
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Nothing => LevelFilter::OFF,
    }
}

/// Whether standard error is the journal itself, which adds time and process and reads priorities.
fn stderr_is_journal() -> bool {
    let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else { return false };
    let Ok(stat) = rustix::fs::fstat(io::stderr()) else { return false };
    stream == format!("{}:{}", stat.st_dev, stat.st_ino)
}

/// NO_COLOR and CLICOLOR_FORCE, as <https://no-color.org> and <https://bixense.com/clicolors> say.
fn wants_colour() -> bool {
    let is_set =
        |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match () {
        () if is_set("NO_COLOR") => false,
        () if is_set("CLICOLOR_FORCE") => true,
        () => io::stderr().is_terminal() && !is_dumb,
    }
}

struct LogLayer(Arc<Log>);

impl<S: Subscriber> Layer<S> for LogLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match *metadata.level() <= *self.0.filter.read() {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= *self.0.filter.read()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(*self.0.filter.read())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let text = self.0.style.render(*event.metadata().level(), &line, &jiff::Zoned::now());
        // One write per line, so that lines of several threads do not mix. A log that cannot be
        // written must not stop the server, and there is nowhere to say so.
        let _ = match &mut *self.0.sink.lock() {
            Sink::Stderr => io::stderr().write_all(text.as_bytes()),
            Sink::File { file, .. } => file.write_all(text.as_bytes()),
        };
    }
}
