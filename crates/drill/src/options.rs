//! What a user may choose.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Command, ValueEnum};

/// Cycles of a drill for which neither a number nor a time was asked.
const CYCLES: u64 = 50;

const ABOUT: &str = "\
Breaks a server again and again on this machine, on the disk of DIR, and checks every promise: nothing \
acknowledged is lost, nothing is stored twice or in part, order is kept, IDs never go back, groups and \
delivery counts are exact, and nothing that a reader was shown is gone.

It starts a server of its own in a scratch directory that it makes below DIR and removes afterwards. No \
other server and no existing data are touched. As root it also cuts the power of a disk of its own (a \
file system in a file of that directory).";

const EXIT_CODES: &str = "\
Exit codes: 0 every promise was kept; 1 a promise was broken (the scratch directory is kept); 2 a mistake \
on the command line; 69 the server does not start, or power cuts cannot be had here; 73 no room; 74 the \
system refused something; 130 stopped by Ctrl-C, nothing broken until then.";

/// The grammar of `headwater drill`.
#[must_use]
pub fn command() -> Command {
    Options::augment_args(Command::new("drill"))
        .about("Break a server of its own again and again, and check every promise")
        .long_about(ABOUT)
        .after_help(EXIT_CODES)
}

/// How the server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ends {
    /// SIGKILL: what a crash of the server does
    Kill,
    /// SIGTERM: must end with exit code 0 within 5 s
    Term,
    /// Power cut: all that was not synced is gone (root only)
    Cut,
    /// All of them at random; without root no power cuts
    Mix,
}

/// `appendfsync` of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fsync {
    /// A reply means: it is on disk
    Always,
    /// Synced once a second: a power cut may lose a second
    Everysec,
    /// Synced when the system likes: a power cut loses a lot
    No,
}

impl Fsync {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Everysec => "everysec",
            Self::No => "no",
        }
    }
}

/// The file system that power cuts hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileSystem {
    /// ext4
    Ext4,
    /// XFS; needs mkfs.xfs
    Xfs,
}

/// The arguments of `headwater drill`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Make the scratch directory below this one, on the disk that you want to try
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Stop after this many cycles of load, end, restart and comparison [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub cycles: Option<u64>,
    /// Stop after this time: 30s, 10m, 2h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// When the server syncs; anything but always can lose data in a power cut
    #[arg(long, value_name = "POLICY", value_enum, default_value = "always")]
    pub appendfsync: Fsync,
    /// How the server is ended
    #[arg(long, value_name = "HOW", value_enum, default_value = "mix")]
    pub kill: Ends,
    /// File system for power cuts, made in a file of the scratch directory
    #[arg(long, value_name = "TYPE", value_enum, default_value = "ext4")]
    pub fs: FileSystem,
    /// Connections that write; two more only read
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(3..=1000))]
    pub connections: u16,
    /// Repeat the choices of an earlier drill (threads still run as they like)
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Drill this program instead of this one; redis-server will do
    #[arg(long, value_name = "PROGRAM")]
    pub server: Option<PathBuf>,
    /// Report in JSON
    #[arg(long)]
    pub json: bool,
    /// Write steps of the wall clock into this file (eight bytes, seconds) for a preloaded library
    #[arg(long, value_name = "FILE", hide = true)]
    pub clock: Option<PathBuf>,
    /// This process is in a mount namespace of its own already
    #[arg(long, hide = true)]
    pub in_namespace: bool,
}

impl Options {
    /// After how many cycles to stop; none if only a time was asked for.
    pub(crate) fn cycles_max(&self) -> Option<u64> {
        self.cycles.or(if self.duration.is_some() { None } else { Some(CYCLES) })
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string())?;
    let duration = Duration::try_from(parsed).map_err(|_| "not below zero".to_owned())?;
    if duration.is_zero() { Err("longer than nothing".to_owned()) } else { Ok(duration) }
}
