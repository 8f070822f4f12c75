//! Standard output that cannot be written: whoever wanted to read it is told.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::process::Stdio;

use crate::{command, database, text};

/// EX_IOERR.
const IO: i32 = 74;

/// Each subcommand that prints, on a database; each makes what it makes in a directory of its own.
fn each(check: &dyn Fn(&[&str])) {
    let home = support::temp_dir();
    let data = home.path().join("data");
    database(&data);
    let dir = text(&data);
    let place = |name: &str| text(&home.path().join(name)).to_owned();
    check(&["check", dir]);
    check(&["check", dir, "--json"]);
    check(&["repair", dir, "--to", &place("none")]);
    check(&["log", "show", dir]);
    check(&["backup", &place("b1"), "--dir", dir]);
    check(&["backup", &place("b2"), "--dir", dir, "--json"]);
    check(&["restore", dir, &place("r1")]);
    check(&["restore", dir, &place("r2"), "--json"]);
    // They are there all the same.
    for made in ["b1", "b2", "r1", "r2"] {
        assert_eq!(crate::tool(&["check", &place(made)]).0, 0, "{made}");
    }
    check(&["config", "show"]);
    check(&["config", "example"]);
    check(&["--help"]);
    check(&["--version"]);
}

#[test]
fn a_full_disk_below_standard_output_is_told() {
    each(&|words| {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(words).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(IO), "{words:?}: {said}");
        let says = "headwater: cannot write to standard output: No space left on device";
        assert!(said.contains(says), "{words:?}: {said}");
    });
}

#[test]
fn a_pipe_that_nobody_reads_is_no_failure() {
    each(&|words| {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut child = command(words).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{words:?}: {said}");
        assert_eq!(said, "", "{words:?}");
    });
}
