//! The command line, and how much work each of its modes means.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::target::ServerSpec;
use crate::workload::Workload;

/// Compares Headwater with other servers of the Redis protocol on this machine.
#[derive(Debug, Parser)]
#[command(name = "headwater-bench", version)]
pub(crate) struct Options {
    /// Under two minutes: small data, short rounds. For a first look, not for figures to quote.
    #[arg(long)]
    quick: bool,

    /// Rounds per workload and server; 3, with --quick 1
    #[arg(long)]
    rounds: Option<usize>,

    /// Entries of the history behind restart, memory and steady; 5,000,000, with --quick 300,000
    #[arg(long)]
    history: Option<u64>,

    /// Only workloads whose name contains one of these words. How cost grows (`grow`) is measured only
    /// when it is named
    #[arg(value_name = "WORKLOAD")]
    only: Vec<String>,

    /// A server: NAME=COMMAND with {port}, {dir} and {fsync} (always or everysec) in it. The last
    /// one is what the ratios compare with. Replaces the default of Headwater and redis-server.
    #[arg(long = "server", value_name = "NAME=COMMAND")]
    servers: Vec<String>,

    /// One more server beside the defaults
    #[arg(long = "also", value_name = "NAME=COMMAND")]
    also: Vec<String>,

    /// The headwater binary; by default the one beside this program
    #[arg(long, value_name = "PATH")]
    headwater: Option<PathBuf>,

    /// Where the data directories are made; by default $TMPDIR, else target/tmp
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Writes the results as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// How much work a run is.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// How long a throughput workload is measured per round.
    pub(crate) measured: Duration,
    /// How long it runs before that.
    pub(crate) warm_up: Duration,
    /// Entries drained by the consumers.
    pub(crate) drain_entries: u64,
    /// Entries of the stream that ranges read from.
    pub(crate) range_entries: u64,
    /// Streams of the workload with many of them.
    pub(crate) streams: u64,
    /// Entries behind restart, memory and steady: the small and the large history.
    pub(crate) history: [u64; 2],
    /// Entries that come to be pending.
    pub(crate) pending_entries: u64,
    /// Workers that wait.
    pub(crate) blocked_consumers: usize,
    /// Entries of the history that does not fit into memory.
    pub(crate) cold_entries: u64,
    /// How long the steady load runs, once quiet and once with checkpoints.
    pub(crate) steady: Duration,
}

impl Options {
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    pub(crate) fn scale(&self) -> Scale {
        let large = self.history.unwrap_or(if self.quick { 300_000 } else { 5_000_000 });
        let (seconds, warm_up) = if self.quick { (1.0, 0.2) } else { (3.0, 0.5) };
        Scale {
            measured: Duration::from_secs_f64(seconds),
            warm_up: Duration::from_secs_f64(warm_up),
            drain_entries: if self.quick { 200_000 } else { 1_000_000 },
            range_entries: if self.quick { 200_000 } else { 1_000_000 },
            streams: 100_000,
            pending_entries: if self.quick { 200_000 } else { 1_000_000 },
            blocked_consumers: 1_000,
            cold_entries: if self.quick { 5_000_000 } else { 20_000_000 },
            history: [large / 5, large],
            steady: Duration::from_secs(if self.quick { 2 } else { 10 }),
        }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(support::scratch_dir)
    }

    pub(crate) fn workloads(&self) -> Result<Vec<Workload>> {
        let is_name = |w: &Workload, word: &String| {
            w.name().contains(word) && (w.is_of_the_table() || word.starts_with("grow"))
        };
        let is_named = |w: &Workload| self.only.iter().any(|word| is_name(w, word));
        let is_chosen = |w: &Workload| is_named(w) || (self.only.is_empty() && w.is_of_the_table());
        let chosen: Vec<_> = Workload::all().filter(is_chosen).collect();
        if chosen.is_empty() {
            let names: Vec<_> = Workload::all().map(|w| w.name()).collect();
            bail!("no workload matches {:?}; there are {}", self.only, names.join(", "));
        }
        Ok(chosen)
    }

    pub(crate) fn servers(&self) -> Result<Vec<ServerSpec>> {
        let mut specs = Vec::new();
        if self.servers.is_empty() {
            let headwater = match &self.headwater {
                Some(path) => path.clone(),
                None => std::env::current_exe()?.with_file_name("headwater"),
            };
            let headwater = headwater.to_str().context("the path of headwater is not UTF-8")?;
            specs.push(ServerSpec::new(
                "headwater",
                &[headwater, "--port", "{port}", "--dir", "{dir}", "--appendfsync", "{fsync}"],
            )?);
        }
        for text in self.also.iter().chain(&self.servers) {
            specs.push(ServerSpec::parse(text)?);
        }
        if self.servers.is_empty() {
            specs.push(ServerSpec::parse(
                "redis=redis-server --port {port} --dir {dir} --appendonly yes \
                 --appendfsync {fsync} --save ''",
            )?);
        }
        Ok(specs)
    }
}
