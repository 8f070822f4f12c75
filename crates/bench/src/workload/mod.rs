//! The workloads. Each starts its own server on a fresh directory, measures, counts its data again
//! and stops the server.

mod blocked;
mod cold;
mod drain;
mod fill;
mod growth;
mod history;
mod pending;
mod range;
mod xadd;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use support::{Rng, cpu_ticks};
use tempfile::TempDir;

use crate::options::Scale;
use crate::report::{Better, Row};
use crate::target::{Fsync, ServerSpec, Target};

/// Bytes of the payload of one entry, beside its one field name.
const PAYLOAD_BYTES: usize = 100;

/// The payload of the n-th entry: letters and digits that no server can compress away, because
/// figures of bytes per entry are quoted.
pub(crate) fn payload(index: u64) -> [u8; PAYLOAD_BYTES] {
    const ALPHABET: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    let mut rng = Rng::new(index);
    let mut payload = [0; PAYLOAD_BYTES];
    for chunk in payload.chunks_mut(10) {
        let mut bits = rng.next();
        for byte in chunk {
            *byte = ALPHABET[usize::try_from(bits % 64).expect("below 64")];
            bits /= 64;
        }
    }
    payload
}

/// One workload; the names are those of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Workload {
    /// XADD to one stream.
    Xadd { name: &'static str, connections: usize, pipeline: u32, fsync: Fsync },
    /// XADD to random streams out of many.
    XaddStreams,
    /// XREADGROUP and XACK by eight consumers until the group has read all.
    Drain,
    /// XRANGE from random positions.
    Range { name: &'static str, count: u64 },
    /// Memory, disk, steady load and restarts with the large history.
    History,
    /// Restarts with a history of a fifth: they should not differ.
    HistorySmall,
    /// Memory and disk of a million entries over many streams.
    ManyStreams,
    /// Making, claiming and listing many pending entries.
    Pending,
    /// Many workers of one group that wait.
    Blocked,
    /// A history ten times as large as memory.
    Cold,
    /// How cost grows with one thing. Not a comparison, and not run unless it is named.
    Growth { name: &'static str, of: Growth },
}

/// What there is more and more of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Growth {
    Connections,
    Streams,
    Groups,
    History,
    Pending,
}

impl Workload {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        use Fsync::{Always, EverySec};
        let growth = |name, of| Self::Growth { name, of };
        let xadd =
            |name, connections, pipeline, fsync| Self::Xadd { name, connections, pipeline, fsync };
        [
            xadd("xadd-1 always", 1, 1, Always),
            xadd("xadd-1 everysec", 1, 1, EverySec),
            xadd("xadd-50 always", 50, 1, Always),
            xadd("xadd-50 everysec", 50, 1, EverySec),
            xadd("xadd-50x16 always", 50, 16, Always),
            xadd("xadd-50x16 everysec", 50, 16, EverySec),
            Self::XaddStreams,
            Self::Drain,
            Self::Range { name: "range-100", count: 100 },
            Self::Range { name: "range-1000", count: 1_000 },
            Self::Pending,
            Self::Blocked,
            Self::ManyStreams,
            Self::HistorySmall,
            Self::History,
            Self::Cold,
            growth("grow-connections", Growth::Connections),
            growth("grow-streams", Growth::Streams),
            growth("grow-groups", Growth::Groups),
            growth("grow-history", Growth::History),
            growth("grow-pending", Growth::Pending),
        ]
        .into_iter()
    }

    /// Whether it runs although nobody has named it.
    pub(crate) const fn is_of_the_table(&self) -> bool {
        !matches!(self, Self::Growth { .. })
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Xadd { name, .. } | Self::Range { name, .. } | Self::Growth { name, .. } => name,
            Self::XaddStreams => "xadd-streams everysec",
            Self::Drain => "drain",
            Self::History => "history",
            Self::HistorySmall => "history-small",
            Self::ManyStreams => "memory-streams",
            Self::Pending => "pending",
            Self::Blocked => "blocked",
            Self::Cold => "cold",
        }
    }

    pub(crate) fn run(&self, run: &Run<'_>) -> Result<Vec<Row>> {
        match *self {
            Self::Xadd { name, connections, pipeline, fsync } => {
                xadd::one_stream(run, name, connections, pipeline, fsync)
            }
            Self::XaddStreams => xadd::many_streams(run, self.name()),
            Self::Drain => drain::run(run, self.name()),
            Self::Range { name, count } => range::run(run, name, count),
            Self::History => history::large(run),
            Self::HistorySmall => history::small(run),
            Self::ManyStreams => history::many_streams(run),
            Self::Pending => pending::run(run),
            Self::Blocked => blocked::run(run),
            Self::Cold => cold::run(run),
            Self::Growth { of: Growth::Connections, .. } => growth::connections(run),
            Self::Growth { of: Growth::Streams, .. } => growth::streams(run),
            Self::Growth { of: Growth::Groups, .. } => growth::groups(run),
            Self::Growth { of: Growth::History, .. } => growth::history(run),
            Self::Growth { of: Growth::Pending, .. } => growth::pending(run),
        }
    }
}

/// One server in one round of one workload.
#[derive(Clone, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) server: &'a ServerSpec,
    pub(crate) scale: &'a Scale,
    pub(crate) data_dir: PathBuf,
}

impl Run<'_> {
    /// The server on a fresh directory.
    fn start(&self, fsync: Fsync) -> Result<(TempDir, Target)> {
        let dir = tempfile::Builder::new()
            .prefix("headwater-bench-")
            .tempdir_in(&self.data_dir)
            .with_context(|| format!("cannot make a directory in {}", self.data_dir.display()))?;
        let target = self.server.start(dir.path(), fsync)?;
        Ok((dir, target))
    }
}

/// What one measured stretch of work cost.
struct Measured {
    operations: u64,
    elapsed: Duration,
    latency: Histogram<u64>,
    user: f64,
    system: f64,
}

impl Measured {
    fn row(&self, name: &str, unit: &'static str) -> Row {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let operations = self.operations as f64;
        let quantile = |q| {
            let nanos = u32::try_from(self.latency.value_at_quantile(q)).unwrap_or(u32::MAX);
            Some(f64::from(nanos) / 1_000.0)
        };
        Row {
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            user_us: Some(self.user * 1e6 / operations),
            system_us: Some(self.system * 1e6 / operations),
            ..Row::new(name, operations / self.elapsed.as_secs_f64(), unit, Better::Higher)
        }
    }
}

/// Runs `work` and takes the CPU time that the server used meanwhile. `work` tells the number of
/// operations, how long they took and their latencies.
fn measure(
    target: &Target,
    work: impl FnOnce() -> Result<(u64, Duration, Histogram<u64>)>,
) -> Result<Measured> {
    let before = cpu_ticks(target.pid())?;
    let (operations, elapsed, latency) = work()?;
    let after = cpu_ticks(target.pid())?;
    #[expect(clippy::cast_precision_loss, reason = "ticks of a few minutes")]
    let seconds = |from: u64, to: u64| (to - from) as f64 / support::ticks_per_second() as f64;
    Ok(Measured {
        operations,
        elapsed,
        latency,
        user: seconds(before.0, after.0),
        system: seconds(before.1, after.1),
    })
}
