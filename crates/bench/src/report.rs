//! Medians over the rounds, ratios to the last server, the table and the JSON.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::options::Scale;
use crate::target::ServerSpec;

/// Which way a figure is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// One figure of one server in one round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
    /// User CPU time of the server per operation.
    pub(crate) user_us: Option<f64>,
    /// System CPU time of the server per operation.
    pub(crate) system_us: Option<f64>,
}

impl Row {
    pub(crate) fn new(name: &str, value: f64, unit: &'static str, better: Better) -> Self {
        let name = name.to_owned();
        let (p50_us, p99_us, p999_us) = (None, None, None);
        Self { name, value, unit, better, p50_us, p99_us, p999_us, user_us: None, system_us: None }
    }
}

#[derive(Debug, Serialize)]
struct Sample {
    server: String,
    #[serde(flatten)]
    row: Row,
}

/// Everything measured so far.
#[derive(Debug)]
pub(crate) struct Report {
    servers: Vec<(String, String, String)>,
    machine: String,
    rounds: usize,
    scale: String,
    samples: Vec<Sample>,
    printed: usize,
}

impl Report {
    pub(crate) fn new(servers: &[ServerSpec], rounds: usize, scale: &Scale) -> Self {
        let servers = servers
            .iter()
            .map(|server| (server.name.clone(), server.words.join(" "), server.version()))
            .collect();
        let (machine, scale) = (machine(), format!("{scale:?}"));
        Self { servers, machine, rounds, scale, samples: Vec::new(), printed: 0 }
    }

    pub(crate) fn add(&mut self, server: &str, rows: Vec<Row>) {
        self.samples.extend(rows.into_iter().map(|row| Sample { server: server.into(), row }));
    }

    /// The medians of the workload that was just run, one short line each, to stderr.
    pub(crate) fn print_latest(&mut self, workload: &str) {
        let names = names(&self.samples[self.printed..]);
        self.printed = self.samples.len();
        for name in names {
            let figures: Vec<_> = self
                .medians(&name)
                .into_iter()
                .map(|(server, row)| format!("{server} {}", amount(row.value)))
                .collect();
            eprintln!("  {workload}: {name}: {}", figures.join(", "));
        }
    }

    /// The median of each server for one figure, in the order of the servers.
    fn medians(&self, name: &str) -> Vec<(&str, Row)> {
        let of_server = |server: &str| {
            let rows: Vec<_> = self
                .samples
                .iter()
                .filter(|sample| sample.server == server && sample.row.name == name)
                .map(|sample| &sample.row)
                .collect();
            let first = *rows.first()?;
            let median_of = |field: fn(&Row) -> Option<f64>| {
                median(rows.iter().filter_map(|row| field(row)).collect())
            };
            Some(Row {
                value: median_of(|row| Some(row.value))?,
                p50_us: median_of(|row| row.p50_us),
                p99_us: median_of(|row| row.p99_us),
                p999_us: median_of(|row| row.p999_us),
                user_us: median_of(|row| row.user_us),
                system_us: median_of(|row| row.system_us),
                ..first.clone()
            })
        };
        self.servers
            .iter()
            .filter_map(|(server, ..)| Some((server.as_str(), of_server(server)?)))
            .collect()
    }

    /// The table, in Markdown.
    #[expect(clippy::print_stdout, reason = "the result of the program")]
    pub(crate) fn print(&self) {
        println!("{}", self.table());
    }

    fn table(&self) -> String {
        let mut out = format!("{}; {} rounds, medians\n", self.machine, self.rounds);
        for (name, command, version) in &self.servers {
            let _ = writeln!(out, "{name}: {version} ({command})");
        }
        out.push_str(
            "\n| workload | server | value | unit | p50 us | p99 us | p99.9 us | user us/op \
             | sys us/op | ratio | p50 ratio |\n|---|---|--:|---|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for name in names(&self.samples) {
            let medians = self.medians(&name);
            let Some((baseline_name, baseline)) = medians.last().cloned() else { continue };
            for (server, row) in &medians {
                let ratio = |of: Option<f64>, to: Option<f64>| match (of, to) {
                    (Some(of), Some(to)) if *server != baseline_name && to > 0.0 => {
                        format!("{:.2}", of / to)
                    }
                    _ => String::new(),
                };
                let _ = writeln!(
                    out,
                    "| {name} | {server} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                    amount(row.value),
                    row.unit,
                    optional(row.p50_us, 0),
                    optional(row.p99_us, 0),
                    optional(row.p999_us, 0),
                    optional(row.user_us, 2),
                    optional(row.system_us, 2),
                    ratio(Some(row.value), Some(baseline.value)),
                    ratio(row.p50_us, baseline.p50_us),
                );
            }
        }
        out
    }

    /// Every sample of every round, and what they were measured on.
    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        let servers: Vec<_> = self
            .servers
            .iter()
            .map(|(name, command, version)| {
                json!({ "name": name, "command": command, "version": version })
            })
            .collect();
        let document = json!({
            "machine": self.machine,
            "rounds": self.rounds,
            "scale": self.scale,
            "servers": servers,
            "samples": self.samples,
        });
        fs::write(path, serde_json::to_string_pretty(&document)? + "\n")?;
        Ok(())
    }
}

/// The names of the figures in the order in which they came.
fn names(samples: &[Sample]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for sample in samples {
        if !names.contains(&sample.row.name) {
            names.push(sample.row.name.clone());
        }
    }
    names
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

/// About three digits that matter.
fn amount(value: f64) -> String {
    match value {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e4.. => format!("{:.1} k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown CPU", |(_, name)| name);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} x {model}, Linux {}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
    }

    #[test]
    fn amounts() {
        assert_eq!(amount(1_234_567.0), "1.23 M");
        assert_eq!(amount(12_345.0), "12.3 k");
        assert_eq!(amount(123.4), "123");
        assert_eq!(amount(1.234), "1.23");
    }
}
