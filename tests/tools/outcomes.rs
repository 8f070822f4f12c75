//! What the tools refuse, and in which words.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{command, database, text, tool};

/// EX_DATAERR.
const DAMAGED: i32 = 65;
/// EX_IOERR.
const IO: i32 = 74;

fn copied(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.unwrap().path(), to.to_path_buf());
        let to = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copied(&path, &to),
            false => assert!(fs::copy(&path, &to).is_ok()),
        }
    }
}

/// Every file and directory, with the lengths.
fn listed(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut list = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        list.push((path.clone(), fs::metadata(&path).unwrap().len()));
        if path.is_dir() {
            list.extend(listed(&path));
        }
    }
    list.sort();
    list
}

/// Where not one record is, the reader took the segment for its own successor.
#[test]
fn a_directory_without_a_record_is_backed_up_and_shown() {
    let home = support::temp_dir();
    let server = crate::launch().start();
    let (dir, backup) = (text(server.dir()), home.path().join("backup"));
    let (code, _, said) = tool(&["backup", text(&backup), "--dir", dir]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(tool(&["log", "show", dir]), (0, String::new(), String::new()));
    server.connect().ok(&["SET", "k", "v"]);
    assert_eq!(tool(&["check", text(&backup)]).0, 0);
}

#[test]
fn a_repair_into_the_directory_itself_is_refused() {
    let home = support::temp_dir();
    let data = home.path().join("data");
    database(&data);
    fs::write(data.join("CLEAN"), b"damaged").unwrap();
    std::os::unix::fs::symlink(&data, home.path().join("link")).unwrap();
    let before = listed(&data);
    for inside in ["data/inside", "data/log/inside", "data/a/b/c", "link/x", "data/../data/y"] {
        let to = home.path().join(inside);
        let (code, _, said) = tool(&["repair", text(&data), "--to", text(&to), "--yes"]);
        assert_eq!(code, DAMAGED, "{inside}: {said}");
        assert!(said.contains("lies inside the data directory"), "{inside}: {said}");
        let (code, _, said) = tool(&["backup", text(&to), "--dir", text(&data)]);
        assert!(code != 0 && said.contains("lies inside the data directory"), "{inside}: {said}");
    }
    assert_eq!(listed(&data), before);
    let beside = home.path().join("data-repaired");
    let (code, _, said) = tool(&["repair", text(&data), "--to", text(&beside), "--yes"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_foreign_file_in_a_database_is_no_reason_to_choose_another_directory() {
    let home = support::temp_dir();
    let data = home.path().join("data");
    database(&data);
    fs::write(data.join("bar"), b"").unwrap();
    let says = "a Headwater database, but bar does not belong in it; move that elsewhere";
    let refusal = crate::launch().dir(&data).try_start().expect_err("a foreign file");
    assert_eq!(refusal.status.code(), Some(DAMAGED));
    assert!(refusal.text().contains(says), "{}", refusal.text());
    let (code, _, said) = tool(&["check", text(&data)]);
    assert!(code == DAMAGED && said.contains(says), "{said}");
    let backup = home.path().join("backup");
    assert_eq!(tool(&["backup", text(&backup), "--dir", text(&data)]).0, 0);
    assert!(!backup.join("bar").exists());
    fs::remove_file(data.join("bar")).unwrap();
    fs::write(data.join("FORMAT"), b"").unwrap();
    fs::remove_file(data.join("FORMAT")).unwrap();
    fs::write(data.join("bar"), b"").unwrap();
    assert!(tool(&["check", text(&data)]).2.contains(says), "it has all its parts");
}

#[test]
fn what_is_missing_has_one_name_for_all() {
    let home = support::temp_dir();
    let sound = home.path().join("sound");
    let server = crate::launch().dir(&sound).start();
    let mut client = server.connect();
    for _ in 0..2 {
        client.ok(&["XADD", "s", "*", "item", "book"]);
        client.ok(&["SAVE"]);
    }
    client.ok(&["SET", "k", "v"]);
    server.terminate();
    let missing = |name: &str, with_clean: bool, lose: &dyn Fn(&Path)| {
        let data = home.path().join(name);
        copied(&sound, &data);
        lose(&data);
        if !with_clean {
            fs::remove_file(data.join("CLEAN")).unwrap();
        }
        let to = home.path().join("result");
        let refusal = crate::launch().dir(&data).try_start().expect_err("something is missing");
        let mut said = vec![(refusal.status.code().unwrap(), refusal.text())];
        let (code, out, _) = tool(&["check", text(&data)]);
        said.push((code, out));
        for words in [
            ["backup", text(&to), "--dir", text(&data)].to_vec(),
            ["restore", text(&data), text(&to)].to_vec(),
        ] {
            let (code, _, said_then) = tool(&words);
            said.push((code, said_then));
        }
        assert!(!to.exists());
        let word = |text: &String| {
            let is_name = |word: &&str| word.ends_with("FORMAT") || word.ends_with(".log");
            let lines =
                text.lines().filter(|line| line.contains("DAMAGED") || line.contains("missing"));
            let found = lines.filter_map(|line| line.split([' ', ':']).find(is_name)).next_back();
            found.map(|word| Path::new(word).file_name().unwrap().to_owned())
        };
        let names: Vec<_> = said.iter().map(|(_, text)| word(text)).collect();
        assert!(names[0].is_some() && names.iter().all(|name| *name == names[0]), "{said:#?}");
        assert!(said.iter().all(|(code, _)| *code == DAMAGED), "{said:#?}");
    };
    let lose_format = |data: &Path| fs::remove_file(data.join("FORMAT")).unwrap();
    let lose_log = |data: &Path| {
        for entry in fs::read_dir(data.join("log")).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    };
    missing("mark", true, &lose_format);
    missing("log", true, &lose_log);
    missing("log-crashed", false, &lose_log);
}

#[test]
fn a_path_that_is_not_there_is_called_that() {
    let home = support::temp_dir();
    let data = home.path().join("data");
    database(&data);
    let (nix, to) = (home.path().join("nix"), home.path().join("to"));
    let (nix, to) = (text(&nix), text(&to));
    for words in [
        &["check", nix][..],
        &["repair", nix, "--to", to],
        &["backup", to, "--dir", nix],
        &["restore", nix, to],
        &["restore", text(&data), to, "--log", nix],
        &["log", "show", nix],
    ] {
        let (code, _, said) = tool(words);
        assert_eq!(code, IO, "{words:?}: {said}");
        let says = format!("cannot open {nix}: No such file or directory");
        assert!(said.contains(&says), "{words:?}: {said}");
    }
}

#[test]
fn a_failure_is_told_to_programs_too() {
    let home = support::temp_dir();
    let data = home.path().join("data");
    database(&data);
    let (nix, to) = (home.path().join("nix"), home.path().join("to"));
    let (nix, to) = (text(&nix), text(&to));
    for words in [
        &["check", nix, "--json"][..],
        &["repair", nix, "--to", to, "--json"],
        &["backup", to, "--dir", nix, "--json"],
        &["restore", nix, to, "--json"],
        &["restore", text(&data), to, "--to-lsn", "99999", "--json"],
        &["backup", text(&data), "--dir", text(&data), "--json"],
        &["drill", "--dir", text(&data), "--json", "--kill", "kill"],
    ] {
        let (code, out, said) = tool(words);
        assert!(code != 0 && !said.is_empty(), "{words:?}: {code} {said}");
        let json: String = out.split_whitespace().collect();
        assert!(json.starts_with("{\"error\":\""), "{words:?}: {out}");
        assert!(json.ends_with(&format!("\"exit_code\":{code}}}")), "{words:?}: {out}");
    }
}

#[test]
fn a_word_that_is_no_command_is_not_taken_for_a_file() {
    let (code, _, said) = tool(&["chekc"]);
    assert_eq!(code, 2);
    let says = "there is no command and no file 'chekc', did you mean 'check'?";
    assert!(said.contains(says), "{said}");
}

#[test]
fn a_key_is_found_by_what_was_printed_of_it() {
    let home = support::temp_dir();
    let data = home.path().join("data");
    let server = crate::launch().dir(&data).start();
    server.connect().ok(&[&b"SET"[..], b"k\xff\xfe", b"v"]);
    server.connect().ok(&["SET", "other", "v"]);
    server.terminate();
    let all = tool(&["log", "show", text(&data)]).1;
    let line = all.lines().find(|line| line.contains("SET \"k")).unwrap();
    let printed = line.split(' ').nth(4).unwrap();
    assert_eq!(printed, "\"k\\xff\\xfe\"");
    for key in [printed, printed.trim_matches('"')] {
        let (code, out, said) = tool(&["log", "show", text(&data), "--key", key]);
        assert_eq!((code, out.trim_end()), (0, line), "{key}: {said}");
    }
    // As bytes, as before.
    use std::os::unix::ffi::OsStrExt;
    let mut raw = command(&["log", "show", text(&data), "--key"]);
    let output = raw.arg(std::ffi::OsStr::from_bytes(b"k\xff\xfe")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), line);
}
