//! `headwater check` and `headwater repair` on a terminal: a bar moves there, and a question is asked.

use std::path::Path;

use support::{Seen, on_terminal};

use crate::known;
use crate::{DATA_DAMAGED, tool};

/// The program, with what is behind it in the line.
fn seen(line: &str, words: &[&Path], typed: &str) -> Seen {
    let program = Path::new(env!("CARGO_BIN_EXE_headwater"));
    on_terminal(line, &[&[program], words].concat(), typed)
}

/// Whether a bar moved: bytes of all bytes, and how many in a second, and it was cleared in the end.
fn has_bar(shown: &str) -> bool {
    shown.contains("B of ") && shown.contains("B/s") && shown.contains("\x1b[2K")
}

/// A file and its bytes, of all in a directory.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let name = |path: &Path| path.strip_prefix(dir).unwrap().display().to_string();
    known::files(dir).iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

/// A bit of a block is wrong: four entries can be read no more.
fn damaged() -> tempfile::TempDir {
    let dir = known::temp_dir();
    known::fill_here(dir.path());
    let block = &known::files(&dir.path().join("blocks"))[0];
    let mut bytes = std::fs::read(block).unwrap();
    bytes[64 + 70] ^= 1;
    std::fs::write(block, &bytes).unwrap();
    dir
}

#[test]
fn a_bar_moves_on_a_terminal_and_nowhere_else() {
    let dir = known::temp_dir();
    known::fill_here(dir.path());
    let path = dir.path().to_str().unwrap();
    let (code, piped, error) = tool(&["check", path]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(!piped.contains(['\x1b', '\r']), "{piped:?}");

    let Seen { code, shown } = seen("exec \"$1\" check \"$2\"", &[dir.path()], "");
    assert_eq!(code, 0, "{shown}");
    assert!(has_bar(&shown), "{shown:?}");
    // The bar is gone before the report comes.
    let report = shown.rsplit('\x1b').next().unwrap().trim_start_matches("[2K");
    assert_eq!(report.replace("\r\n", "\n"), piped);

    // The report into a file, the bar for whoever waits for it.
    let home = support::temp_dir();
    let file = home.path().join("report");
    let line = "exec \"$1\" check \"$2\" --json >\"$3\"";
    let Seen { code, shown } = seen(line, &[dir.path(), &file], "");
    assert_eq!(code, 0, "{shown}");
    assert!(has_bar(&shown), "{shown:?}");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(report["sound"], true);
}

#[test]
fn repair_asks_on_a_terminal_and_only_yes_is_a_yes() {
    let dir = damaged();
    let before = contents(dir.path());
    let home = support::temp_dir();
    let to = home.path().join("repaired");
    let line = "exec \"$1\" repair \"$2\" --to \"$3\"";
    let question = format!("Write this to {}? [y/N] ", to.display());
    // The last one is the end of all keys, Ctrl-D.
    for no in ["n\n", "\n", "yellow\n", ""] {
        let Seen { code, shown } = seen(line, &[dir.path(), &to], no);
        assert_eq!(code, DATA_DAMAGED, "{shown}");
        let (plan, rest) = shown.split_once(&question).unwrap_or_else(|| panic!("{shown:?}"));
        assert!(has_bar(plan) && plan.contains(", 4 entries, IDs "), "{plan:?}");
        assert!(rest.ends_with("nothing was written\r\n"), "{rest:?}");
        assert!(!to.exists(), "{no:?}");
    }
    // Nobody is asked by a program.
    let json = format!("{line} --json");
    let Seen { code, shown } = seen(&json, &[dir.path(), &to], "y\n");
    assert_eq!(code, DATA_DAMAGED, "{shown}");
    assert!(!shown.contains("Write this") && shown.contains("\"written\": false"), "{shown:?}");
    assert!(!to.exists());

    let Seen { code, shown } = seen(line, &[dir.path(), &to], "y\n");
    assert_eq!(code, 0, "{shown}");
    let (_, rest) = shown.split_once(&question).unwrap_or_else(|| panic!("{shown:?}"));
    assert!(rest.contains(&format!("written: {}, ", to.display())), "{rest:?}");
    assert_eq!(tool(&["check", to.to_str().unwrap()]).0, 0);
    assert_eq!(contents(dir.path()), before, "the damaged directory is only read");
}
