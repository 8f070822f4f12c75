//! INFO: which sections are asked for, and the page that holds them.

pub mod loading;
mod sections;
mod snapshot;

use std::fmt::{Display, Write};

pub use snapshot::{InfoSnapshot, KeyspaceRow, ScriptFacts, StorageFacts, TrackingFacts};

/// A section of INFO, in the order in which Redis shows them; our own comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the sections")]
pub enum Section {
    Server,
    Clients,
    Memory,
    Persistence,
    Stats,
    Replication,
    Cpu,
    Modules,
    Commandstats,
    Errorstats,
    Latencystats,
    Cluster,
    Keyspace,
    Headwater,
}

const SECTIONS: [(Section, &str); 14] = [
    (Section::Server, "server"),
    (Section::Clients, "clients"),
    (Section::Memory, "memory"),
    (Section::Persistence, "persistence"),
    (Section::Stats, "stats"),
    (Section::Replication, "replication"),
    (Section::Cpu, "cpu"),
    (Section::Modules, "modules"),
    (Section::Commandstats, "commandstats"),
    (Section::Errorstats, "errorstats"),
    (Section::Latencystats, "latencystats"),
    (Section::Cluster, "cluster"),
    (Section::Keyspace, "keyspace"),
    (Section::Headwater, "headwater"),
];

impl Section {
    /// Whether a plain INFO shows it.
    fn is_default(self) -> bool {
        !matches!(self, Section::Commandstats | Section::Latencystats)
    }
}

/// The sections that INFO's arguments ask for, each once and in Redis's order. Unknown names ask for
/// nothing.
#[must_use]
pub fn sections(names: &[&[u8]]) -> Vec<Section> {
    let is = |name: &[u8], word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    let all = names.iter().any(|name| is(name, "all") || is(name, "everything"));
    let default = names.is_empty() || names.iter().any(|name| is(name, "default"));
    let asked = |(section, word): &&(Section, &str)| {
        all || (default && section.is_default()) || names.iter().any(|name| is(name, word))
    };
    SECTIONS.iter().filter(asked).map(|(section, _)| *section).collect()
}

/// The text of INFO.
#[must_use]
pub fn render(sections: &[Section], snapshot: &InfoSnapshot<'_>) -> String {
    let mut page = Page(String::with_capacity(4096));
    for section in sections {
        sections::write(*section, snapshot, &mut page);
    }
    page.0
}

/// The page being written.
struct Page(String);

impl Page {
    fn heading(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
        self.write(format_args!("# {title}\r\n"));
    }

    fn field(&mut self, name: &str, value: impl Display) {
        self.write(format_args!("{name}:{value}\r\n"));
    }

    /// A number of bytes, once more in the form for people.
    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.write(format_args!("{name}_human:{}\r\n", human(bytes)));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        let written = self.0.write_fmt(text);
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
}

/// Bytes as Redis abbreviates them: `895.04K`.
fn human(bytes: u64) -> String {
    let units = [(1u64 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
    match units.iter().find(|(unit, _)| *unit <= bytes) {
        Some((unit, letter)) => format!("{:.2}{letter}", bytes as f64 / *unit as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests;
