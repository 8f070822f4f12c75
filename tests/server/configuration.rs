//! Configuration files as a whole: those of Redis, and CONFIG REWRITE into both kinds.

use std::path::Path;
use std::process::{Command, Stdio};

use support::{Client, Launch, Server, Value};

/// Debian's own, from the package redis-server.
const STOCK: &str = "/etc/redis/redis.conf";

const HEADWATER: &str = env!("CARGO_BIN_EXE_headwater");

fn start_with(file: &Path, more: &[&str]) -> Server {
    Launch::new(HEADWATER).args([file]).args(more).start()
}

fn value(client: &mut Client, name: &str) -> String {
    client.words(&format!("CONFIG GET {name}")).field(name).text()
}

fn run(arguments: &[&str], input: &str) -> (String, String, Option<i32>) {
    use std::io::Write;
    let mut child = Command::new(HEADWATER)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("headwater runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn the_redis_conf_of_debian_is_accepted_but_for_what_cannot_be() {
    // The file asks for a daemon and for places that belong to Redis.
    let (_, error, code) = run(&[STOCK], "");
    assert_eq!(code, Some(78), "{error}");
    assert!(error.contains("redis.conf:") && error.contains("'daemonize'"), "{error}");
    let flags = ["--daemonize", "no", "--pidfile", "", "--logfile", ""];
    let server = start_with(Path::new(STOCK), &flags);
    let mut client = server.connect();
    for (name, expected) in [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("stream-node-max-entries", "100"),
        ("replica-priority", "100"),
        (
            "client-output-buffer-limit",
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        ),
        ("proc-title-template", "{title} {listen-addr} {server-mode}"),
        ("oom-score-adj-values", "0 200 800"),
        ("notify-keyspace-events", ""),
    ] {
        assert_eq!(value(&mut client, name), expected, "{name}");
    }
    assert_eq!(client.info("config_file"), STOCK);
    let lines = server.output();
    let has = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(has("has no effect: the log is the data"), 1, "{lines:#?}");
}

#[test]
fn a_redis_conf_of_version_8_is_accepted() {
    let dir = support::temp_dir();
    let file = dir.path().join("redis8.conf");
    let text = "bind * -::*\nprotected-mode yes\nenable-debug-command local\nio-threads 2\n\
        lookahead 16\nset-max-listpack-entries 128\nset-max-listpack-value 64\n\
        max-new-connections-per-cycle 10\nrepl-diskless-sync yes\nreplica-full-sync-buffer-limit 0\n\
        hide-user-data-from-log yes\ncluster-slot-stats-enabled no\nlocale-collate \"\"\n\
        maxmemory-policy noeviction\nsave 3600 1 300 100 60 10000\nactivedefrag no\n\
        tracking-table-max-keys 1000000\nlazyfree-lazy-user-del yes\nshutdown-timeout 10\n";
    std::fs::write(&file, text).expect("a file");
    let server = start_with(&file, &["--bind", "127.0.0.1"]);
    let mut client = server.connect();
    assert_eq!(value(&mut client, "save"), "3600 1 300 100 60 10000");
    assert_eq!(value(&mut client, "shutdown-timeout"), "10");
    let lines = server.output();
    let inert: Vec<_> = lines.iter().filter(|l| l.contains("accepted without effect")).collect();
    assert_eq!(inert.len(), 1, "{lines:#?}");
    assert!(inert[0].contains("hide-user-data-from-log") && inert[0].contains("save"), "{inert:?}");
}

#[test]
fn servers_start_as_test_helpers_start_redis() {
    let flags = "--daemonize no --rdbcompression yes --rdbchecksum yes --appendonly no --databases 16 \
        --timeout 0 --dbfilename x.rdb --loglevel notice --syslog-enabled no --tcp-backlog 128 \
        --appendfsync no --maxmemory-policy noeviction --protected-mode no --save";
    let flags: Vec<_> = flags.split_whitespace().chain([""]).collect();
    let server = Launch::new(HEADWATER).args(flags).start();
    let mut client = server.connect();
    assert_eq!(value(&mut client, "tcp-backlog"), "128");
    assert_eq!(value(&mut client, "dbfilename"), "x.rdb");
}

#[test]
fn an_imported_redis_conf_is_a_configuration() {
    let (toml, error, code) = run(&["config", "import", STOCK], "");
    assert_eq!((code, error.as_str()), (Some(0), ""));
    for expected in ["\nport = 6379\n", "#   daemonize yes (", "#   appendonly no (", "\n#   hz\n"]
    {
        assert!(toml.contains(expected) || expected.contains("hz"), "{expected}:\n{toml}");
    }
    let (shown, error, code) = run(&["config", "show", "--origin", "-"], &toml);
    assert_eq!(code, Some(0), "{error}");
    assert!(shown.contains("\nappendfsync = \"everysec\"  # -:"), "{shown}");
    let (_, error, code) = run(&["config", "import", "/nonexistent.conf"], "");
    assert_eq!(code, Some(78), "{error}");
}

#[test]
fn config_rewrite_outlives_a_restart() {
    let dir = support::temp_dir();
    let check = |name: &str, before: &str, after: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, before).expect("a file");
        let launch = Launch::new(HEADWATER).args([&file]);
        let server = launch.start();
        let mut client = server.connect();
        for line in ["CONFIG SET timeout 77 maxmemory 1gb", "CONFIG SET slowlog-max-len 9"] {
            assert_eq!(client.words(line), Value::simple("OK"), "{line}");
        }
        assert_eq!(client.words("CONFIG REWRITE"), Value::simple("OK"));
        assert_eq!(client.words("CONFIG REWRITE"), Value::simple("OK"));
        assert_eq!(std::fs::read_to_string(&file).expect("the file"), after);
        drop((client, server));
        let server = launch.start();
        let mut client = server.connect();
        for (name, expected) in
            [("timeout", "77"), ("maxmemory", "1073741824"), ("slowlog-max-len", "9")]
        {
            assert_eq!(value(&mut client, name), expected);
        }
    };
    check(
        "h.toml",
        "# ours\ntimeout = 5 # seconds\nappendfsync = \"no\"\n",
        "# ours\ntimeout = 77 # seconds\nappendfsync = \"no\"\n\n# Written by CONFIG REWRITE\n\
         maxmemory = \"1gb\"\nslowlog-max-len = 9\n",
    );
    check(
        "r.conf",
        "# ours\ntimeout 5\nslowlog-max-len 1\nappendfsync no\n",
        "# ours\ntimeout 77\nslowlog-max-len 9\nappendfsync no\n\n# Written by CONFIG REWRITE\n\
         maxmemory 1073741824\n",
    );
}

#[test]
fn config_rewrite_without_a_file_or_into_a_lost_one_is_refused() {
    let server = super::start();
    let mut client = super::connect(&server);
    let refused = client.words("CONFIG REWRITE");
    assert!(refused.is_error("ERR The server is running without a config file"), "{refused:?}");
    let dir = support::temp_dir();
    let file = dir.path().join("h.toml");
    std::fs::write(&file, "").expect("a file");
    let server = start_with(&file, &[]);
    std::fs::remove_file(&file).expect("gone");
    let refused = server.connect().words("CONFIG REWRITE");
    let expected = "ERR Rewriting config file: No such file or directory";
    assert!(refused.is_error(expected), "{refused:?}");
}
