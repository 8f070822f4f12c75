//! Random damage, trial by trial.

use std::ops::Range;
use std::path::{Path, PathBuf};

use storage::check::CheckReport;
use storage::fs::RealFs;
use storage::{check, repair};
use support::Rng;
use tempfile::TempDir;

use crate::known::{self, Compared};
use crate::{DATA_DAMAGED, launch, places, tool};

/// In CI one trial in so many goes through the real programs; on demand all of them.
const PROGRAM_SHARE: u64 = 5;
const SECTOR: usize = 512;

/// What was done to a file.
pub(crate) struct Harm {
    what: String,
    good: Vec<u8>,
    /// `None`: the file was removed.
    bad: Option<Vec<u8>>,
}

impl Harm {
    pub(crate) const fn good(&self) -> &[u8] {
        self.good.as_slice()
    }

    /// Bytes that the file still has.
    pub(crate) fn left(&self) -> usize {
        self.bad.as_ref().map_or(0, Vec::len)
    }

    pub(crate) const fn is_removed(&self) -> bool {
        self.bad.is_none()
    }

    /// Whether a byte of the range is another one now, or gone.
    pub(crate) fn hit(&self, range: Range<usize>) -> bool {
        let bad = self.bad.as_deref().unwrap_or_default();
        range.into_iter().any(|at| self.good.get(at) != bad.get(at))
    }
}

#[test]
fn damage_is_refused_or_contained_and_never_silent() {
    let (trials, program_share) = match std::env::var("HEADWATER_DAMAGE_TRIALS") {
        Ok(text) => (text.parse().unwrap(), 1),
        Err(_) => (300, PROGRAM_SHARE),
    };
    let mut rng = Rng::from_env("HEADWATER_SEED");
    let whole = known::temp_dir();
    known::fill_here(whole.path());
    match in_process(copied(whole.path()).path()) {
        Start::Served(compared) => assert_eq!(compared, Compared::default()),
        Start::Refused(text) => panic!("without damage: {text}"),
    }
    let mut counts = Counts::default();
    for trial in 0..trials {
        let dir = copied(whole.path());
        let (file, harm) = damage(dir.path(), &mut rng);
        let name = file.strip_prefix(dir.path()).unwrap().to_owned();
        eprintln!("trial {trial}: {} {}", name.display(), harm.what);
        judge(dir.path(), &file, &harm, trial % program_share == 0, &mut counts);
    }
    let Counts { refused, contained, passed_over, meaningless, programs, offsets } = counts;
    eprintln!(
        "figure: {trials} files damaged, {programs} with the real programs: {refused} refused by name, \
         {contained} contained, {passed_over} passed over, {meaningless} without a meaning; \
         {offsets} offsets compared; none served, none silent"
    );
    let some = trials < 100 || (counts.refused.min(counts.contained).min(counts.passed_over) > 0);
    assert!(some, "trials that never meet a case prove nothing about it: {counts:?}");
}

#[derive(Debug, Default)]
struct Counts {
    /// The start was refused by the name of the file.
    refused: u32,
    /// Reads of the entries that were hit were refused.
    contained: u32,
    /// A start needed nothing that was hit; `check` names it.
    passed_over: u32,
    /// What was hit meant nothing: the space between records and behind the last one.
    meaningless: u32,
    /// Trials that the real programs went through.
    programs: u32,
    /// Refusals whose offset was compared with the place of the damage.
    offsets: u32,
}

fn copied(from: &Path) -> TempDir {
    let dir = known::temp_dir();
    known::copy(from, dir.path());
    dir
}

/// Damages one file for certain; what, and how.
fn damage(dir: &Path, rng: &mut Rng) -> (PathBuf, Harm) {
    loop {
        let files = known::files(dir);
        let file = files[rng.index(files.len())].clone();
        let good = std::fs::read(&file).unwrap();
        // Most of a segment is empty space behind its records.
        let used = good.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        let sector = |rng: &mut Rng| rng.index(used) / SECTOR * SECTOR;
        let mut bytes = good.clone();
        let what = match rng.below(0..5) {
            0 => {
                let bit = rng.index(used * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                format!("bit {bit} flipped")
            }
            1 => {
                let at = sector(rng);
                let end = (at + SECTOR).min(bytes.len());
                bytes[at..end].fill(0);
                format!("sector at {at} zeroed")
            }
            2 => {
                let (one, two) = (sector(rng), sector(rng));
                let count = SECTOR.min(bytes.len() - one.max(two));
                for index in 0..count {
                    bytes.swap(one + index, two + index);
                }
                format!("sectors at {one} and {two} swapped")
            }
            3 => {
                let len = rng.index(used);
                bytes.truncate(len);
                format!("cut to {len} bytes")
            }
            _ => {
                std::fs::remove_file(&file).unwrap();
                return (file, Harm { what: "removed".to_owned(), good, bad: None });
            }
        };
        if bytes != good {
            std::fs::write(&file, &bytes).unwrap();
            return (file, Harm { what, good, bad: Some(bytes) });
        }
    }
}

/// What came of a start.
enum Start {
    Refused(String),
    Served(Compared),
}

fn judge(dir: &Path, file: &Path, harm: &Harm, by_program: bool, counts: &mut Counts) {
    let name = file.strip_prefix(dir).unwrap().to_str().unwrap();
    let report = check::check(&RealFs, dir, &mut |_| {}).unwrap();
    let is_found = report.files.iter().any(|found| !found.problems.is_empty());
    assert_eq!(is_found, !report.sound);
    if by_program {
        counts.programs += 1;
        let (code, out, _) = tool(&["check", dir.to_str().unwrap()]);
        assert_eq!(code, if report.sound { 0 } else { DATA_DAMAGED }, "{out}");
        assert!(report.sound || out.contains("DAMAGED"), "{out}");
    }
    // A start changes what it finds, so it gets a copy.
    let served = copied(dir);
    let start = if by_program { by_server(served.path()) } else { in_process(served.path()) };
    match start {
        Start::Refused(text) => {
            // A lost segment is noticed where the one before it ends, or by its own name.
            let is_lost_segment = harm.is_removed() && name.starts_with("log/");
            let is_named = text.contains(name) || (is_lost_segment && text.contains("log/"));
            assert!(is_named && !report.sound, "{name} is not named: {text}");
            counts.offsets += u32::from(places::check_refusal(&text, name, harm));
            counts.refused += 1;
        }
        Start::Served(Compared { refused, missing }) => {
            assert!(missing.is_empty(), "silently lost: {missing:?}");
            for (key, n, text) in &refused {
                assert!(text.contains(name) && text.contains(key), "{key} {n}: {text}");
                counts.offsets += u32::from(places::check_block(text, name, harm));
            }
            if !refused.is_empty() {
                assert!(names(&report, file), "{report:#?}");
                counts.contained += 1;
            } else if !report.sound {
                assert!(names(&report, file), "{report:#?}");
                counts.passed_over += 1;
            } else {
                // Everything is there, and nothing is wrong: the space around records, or a file
                // that others make up for.
                let may_go = harm.is_removed() && !name.starts_with("blocks/");
                assert!(name.starts_with("log/") || may_go, "not found by check: {name}");
                counts.meaningless += 1;
            }
        }
    }
    if !report.sound {
        repaired(dir, by_program);
    }
}

fn names(report: &CheckReport, file: &Path) -> bool {
    report.files.iter().any(|found| found.file == file && !found.problems.is_empty())
}

fn in_process(dir: &Path) -> Start {
    match known::open(dir) {
        Err(error) => Start::Refused(error.to_string()),
        Ok((database, _)) => {
            Start::Served(known::compare(&mut |words| known::ask(database.engine(), words)))
        }
    }
}

fn by_server(dir: &Path) -> Start {
    match launch().dir(dir).try_start() {
        Err(refusal) => {
            assert_eq!(refusal.status.code(), Some(DATA_DAMAGED), "{}", refusal.text());
            for command in ["headwater check {}`", "headwater repair {} --to"] {
                let line = command.replace("{}", dir.to_str().unwrap());
                assert!(refusal.text().contains(&line), "{}", refusal.text());
            }
            Start::Refused(refusal.text())
        }
        Ok(server) => {
            let mut client = server.connect();
            Start::Served(known::compare(&mut |words| client.command(words)))
        }
    }
}

/// The repaired directory is sound, and what it lacks was announced.
fn repaired(dir: &Path, by_program: bool) {
    let to = known::temp_dir();
    let repair = repair::examine(&RealFs, dir, &mut |_| {}).unwrap();
    let lost_blocks = repair.lost_blocks.clone();
    let lost_records = repair.lost_records();
    let start = if by_program {
        drop(repair);
        let (from, to) = (dir.to_str().unwrap(), to.path().to_str().unwrap());
        let (code, out, error) = tool(&["repair", from, "--to", to, "--yes"]);
        assert_eq!(code, 0, "{out}{error}");
        by_server(to.as_ref())
    } else {
        let report = repair.write(&RealFs, to.path(), &known::options()).unwrap();
        assert!(report.sound, "{report:#?}");
        in_process(to.path())
    };
    let Start::Served(Compared { refused, missing }) = start else {
        panic!("a repaired directory opens")
    };
    assert!(refused.is_empty(), "{refused:?}");
    let is_announced = |key: &str, n: u64| {
        let in_block = lost_blocks.iter().any(|block| {
            (block.header.first.ms..=block.header.last.ms).contains(&n)
                && *block.key == *key.as_bytes()
        });
        in_block || !lost_records.is_empty()
    };
    for (key, n) in &missing {
        assert!(is_announced(key, *n), "{key} {n} is missing: {lost_blocks:?} {lost_records:?}");
    }
    if lost_records.is_empty() {
        let announced: u64 = lost_blocks.iter().map(|block| block.entries).sum();
        assert_eq!(missing.len() as u64, announced, "{missing:?}");
    }
}
