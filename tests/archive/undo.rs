//! The undo of `docs/operations.md`: its commands are run, and print what stands there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{Server, free_port, require_tool};

pub(crate) fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    std::fs::read_to_string(path).expect("the page is there")
}

/// The fenced blocks between the marks, with the word behind each fence.
fn blocks(page: &str) -> Vec<(String, String)> {
    let (_, rest) = page.split_once("<!-- undo: begin -->").expect("the mark");
    let (text, _) = rest.split_once("<!-- undo: end -->").expect("the mark");
    let mut blocks = Vec::new();
    for piece in text.split("\n```").skip(1).step_by(2) {
        let (language, body) = piece.split_once('\n').expect("a line");
        blocks.push((language.to_owned(), format!("{body}\n")));
    }
    blocks
}

/// Times and clients differ from run to run.
fn masked(text: &str) -> String {
    let is_time = |word: &str| 20 < word.len() && word.starts_with("20") && word.contains('T');
    let mask = |line: &str| {
        let words = line.split(' ').map(|word| match word.trim_end_matches(';') {
            time if is_time(time) => word.replace(time, "TIME"),
            client if client.starts_with("127.0.0.1:") => "CLIENT".to_owned(),
            client if client.starts_with("id=") => "ID".to_owned(),
            _ => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(mask).collect::<Vec<_>>().join("\n")
}

/// A Python that has redis-py, as `scripts/test` installs it.
pub(crate) fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-venv/bin/python")
}

/// Runs the commands of a block; what a terminal would show.
fn typed(server: &Server, second: u16, home: &Path, block: &str) -> String {
    let mut script = format!(
        "redis-cli() {{ command redis-cli --no-raw -p {} \"$@\"; }}\nheadwater() {{ '{}' \"$@\"; }}\n",
        server.port(),
        env!("CARGO_BIN_EXE_headwater")
    );
    for line in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let line = line.replace("6380", &second.to_string());
        script += &format!("printf '%s\\n' '$ {}'\n", line.replace('\'', "'\\''"));
        script += &format!("{line}\n");
        if line.ends_with('&') {
            // Whoever types is slower than a start.
            script += &format!(
                "echo $! >second.pid; \
                 until [ \"$(redis-cli -p {second} PING 2>&1)\" = PONG ]; do sleep 0.1; done\n"
            );
        }
    }
    let output = Command::new(require_tool("timeout"))
        .args(["60", "bash", "-c", &script])
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{block}: {} {said} {printed}", output.status);
    printed.replace(&second.to_string(), "6380")
}

/// Ends the second server, whatever happened.
struct Second(PathBuf);

impl Drop for Second {
    fn drop(&mut self) {
        let Ok(pid) = std::fs::read_to_string(&self.0) else { return };
        let _ = Command::new("kill").arg("-9").arg(pid.trim()).status();
    }
}

#[test]
fn the_undo_of_the_page_prints_what_the_page_shows() {
    require_tool("redis-cli");
    let python = python();
    assert!(python.is_file(), "{} is missing; scripts/test installs it", python.display());
    let home = support::temp_dir();
    let data = home.path().join("data");
    let server = crate::launch().dir(&data).start();
    let second = free_port();
    let _second = Second(home.path().join("second.pid"));
    for (language, body) in blocks(&document()) {
        match language.as_str() {
            "console" => {
                let printed = typed(&server, second, home.path(), &body);
                let (printed, shown) = (masked(&printed), masked(&body));
                assert_eq!(printed, shown, "left: typed, right: docs/operations.md");
            }
            "python" => {
                let body = body
                    .replace("6379", &server.port().to_string())
                    .replace("6380", &second.to_string());
                let output =
                    Command::new(&python).args(["-c", &body]).output().expect("python runs");
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{said}");
            }
            other => panic!("a block of {other}"),
        }
    }
}
