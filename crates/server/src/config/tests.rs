//! Layers, origins, CONFIG SET and reload.

use super::*;

fn load(
    file: Option<(&str, &str)>,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    let file = file.map(|(name, text)| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("a file in it");
        path
    });
    let (environment, flags) = (owned(environment), owned(flags));
    Config::load(Sources { file, environment, flags, ..Sources::default() })
}

fn value<'a>(values: &'a Values, name: &str) -> &'a Value {
    values.iter().find(|value| value.directive.name == name).expect("a directive")
}

#[test]
fn each_layer_covers_the_one_below_and_leaves_its_origin() {
    let check = |file: Option<(&str, &str)>,
                 environment: &[(&str, &str)],
                 flags: &[(&str, &str)],
                 port: u16,
                 origin: &str| {
        let config = load(file, environment, flags).expect("a valid configuration");
        assert_eq!(config.settings().port, port);
        let seen = value(&config.values(), "port").origin.to_string();
        assert!(seen.ends_with(origin), "{seen} should end with {origin}");
    };
    let toml = Some(("h.toml", "port = 2"));
    let environment = [("HEADWATER_PORT", "3")];
    check(None, &[], &[], 6379, "default");
    check(toml, &[], &[], 2, "h.toml:1");
    check(Some(("r.conf", "\nport 5")), &[], &[], 5, "r.conf:2");
    check(toml, &environment, &[], 3, "environment HEADWATER_PORT");
    check(toml, &environment, &[("port", "4")], 4, "flag --port");
    // What a container platform injects for a service named headwater is not meant for us.
    check(None, &[("HEADWATER_PORT", "tcp://10.0.0.1:6379")], &[], 6379, "default");
}

#[test]
fn what_cannot_be_is_refused_by_name_and_place() {
    let check = |file: (&str, &str), expected: &str| {
        let error = load(Some(file), &[], &[]).expect_err("refused").to_string();
        assert!(error.ends_with(expected), "{error:?} should end with {expected:?}");
    };
    check(("h.toml", "\nprot = 1"), "h.toml:2: unknown directive 'prot', did you mean 'port'?");
    check(
        ("r.conf", "loadmodule x.so"),
        "r.conf:1: unknown directive 'loadmodule' (modules are not supported)",
    );
    check(
        ("r.conf", "port 99999"),
        "r.conf:1: '99999' cannot be the value of 'port': argument must be between 0 and 65535 inclusive",
    );
    check(
        ("h.toml", "requirepass = \"a\\nb\""),
        "'(hidden)' cannot be the value of 'requirepass': argument must be UTF-8 text without line breaks",
    );
    check(("r.conf", "maxmemory-policy allkeys-lru"), "or trim streams by MAXLEN or MINID");
    check(("r.conf", "daemonize yes"), "or with & in a shell");
    let error = load(None, &[], &[("port", "x")]).expect_err("refused").to_string();
    assert_eq!(
        error,
        "flag --port: 'x' cannot be the value of 'port': argument couldn't be parsed into an integer"
    );
    assert!(matches!(
        Config::load(Sources { file: Some("/nonexistent/h.toml".into()), ..Sources::default() }),
        Err(ConfigError::Unreadable { .. })
    ));
}

#[test]
fn what_cannot_be_had_is_judged_once_all_layers_have_spoken() {
    let stock = Some(("r.conf", "daemonize yes\nappendonly no\ndatabases 32"));
    let flags = [("daemonize", "no"), ("databases", "16")];
    let config = load(stock, &[], &flags).expect("the flags put it right");
    let values = config.values();
    assert_eq!(value(&values, "appendonly").text, "yes");
    let notes: Vec<_> = values.notes().collect();
    assert!(matches!(notes[..], [("appendonly no", reason)] if reason.contains("the log is")));
    let error = load(stock, &[], &flags[..1]).expect_err("databases is left").to_string();
    assert!(error.contains("r.conf:3: '32' cannot be the value of 'databases'"), "{error}");
    let refused = config.set(&[(b"appendonly", b"no")]).expect_err("refused");
    assert!(String::from_utf8_lossy(&refused.text()).contains("cannot be switched off"));
}

#[test]
fn standard_input_is_toml_or_redis_conf() {
    let check = |text: &str, port: u16| {
        let sources = Sources {
            file: Some("-".into()),
            standard_input: Some(text.to_owned()),
            ..Sources::default()
        };
        let config = Config::load(sources).expect("a valid text");
        assert_eq!((config.settings().port, config.file()), (port, None), "{text}");
        assert_eq!(config.reload().expect("the same text"), Reload::default());
    };
    check("port = 7000\n", 7000);
    check("port 7001\nsave \"\"\n", 7001);
    check("", 6379);
}

#[test]
fn directives_without_effect_are_kept_and_named() {
    let config = load(Some(("r.conf", "hz 50\nsave 900 1\nappendonly yes\nport 1")), &[], &[]);
    let values = config.expect("accepted").values();
    assert_eq!(value(&values, "hz").text, "50");
    assert_eq!(value(&values, "save").text, "900 1");
    assert_eq!(values.inert_but_set(), ["hz", "save"]);
}

#[test]
fn config_set_answers_in_redis_words() {
    let config = load(None, &[], &[]).expect("defaults");
    let check = |pairs: &[(&str, &str)], expected: Result<&[&str], &str>| {
        let bytes: Vec<_> = pairs.iter().map(|(a, b)| (a.as_bytes(), b.as_bytes())).collect();
        let seen =
            config.set(&bytes).map_err(|error| String::from_utf8(error.text()).expect("text"));
        assert_eq!(seen.as_deref().map_err(String::as_str), expected, "{pairs:?}");
    };
    let failed = |name, reason: &str| {
        format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
    };
    check(&[("maxclients", "5"), ("TIMEOUT", "7")], Ok(&["timeout", "maxclients"]));
    assert_eq!(config.settings().clients_max, 5);
    check(&[("maxclients", "5")], Ok(&[]));
    check(
        &[("nosuch", "1")],
        Err("ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
    );
    check(&[("dir", "/tmp")], Err(&failed("dir", "can't set protected config")));
    check(&[("logfile", "/etc/x")], Err(&failed("logfile", "can't set immutable config")));
    check(&[("port", "1")], Err(&failed("port", "can't set immutable config")));
    check(&[("timeout", "1"), ("timeout", "2")], Err(&failed("timeout", "duplicate parameter")));
    check(
        &[("appendfsync", "x")],
        Err(&failed(
            "appendfsync",
            "argument(s) must be one of the following: everysec, always, no",
        )),
    );
    check(
        &[("maxclients", "0")],
        Err(&failed("maxclients", "argument must be between 1 and 4294967295 inclusive")),
    );
    // All or nothing: the first pair is valid, and must not stay.
    check(
        &[("maxclients", "9"), ("timeout", "x")],
        Err(&failed("timeout", "argument couldn't be parsed into an integer")),
    );
    assert_eq!(config.settings().clients_max, 5);
    check(&[("client-output-buffer-limit", "pubsub 1 0 0")], Ok(&["client-output-buffer-limit"]));
    assert_eq!(config.settings().output_limits.normal.hard_bytes, 256 << 20);
}

#[test]
fn a_reader_notices_a_change() {
    let config = Arc::new(load(None, &[], &[]).expect("defaults"));
    let mut reader = config.reader();
    assert_eq!(reader.settings().clients_max, 10_000);
    config.set(&[(b"maxclients", b"12")]).expect("a valid value");
    assert_eq!(reader.settings().clients_max, 12);
}

#[test]
fn reload_takes_what_may_change_and_names_the_rest() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("h.toml");
    std::fs::write(&path, "port = 1\ntimeout = 1\nmaxclients = 1").expect("a file");
    let config = Config::load(Sources { file: Some(path.clone()), ..Sources::default() });
    let config = config.expect("a valid file");
    config.set(&[(b"maxclients", b"9")]).expect("a valid value");
    std::fs::write(&path, "port = 2\ntimeout = 2\nmaxclients = 2").expect("a file");
    let expected = Reload { changed: vec!["timeout"], needs_restart: vec!["port"] };
    assert_eq!(config.reload().expect("still valid"), expected);
    let settings = config.settings();
    assert_eq!((settings.port, settings.clients_max), (1, 9));
    assert_eq!(settings.idle_timeout.map(|time| time.as_secs()), Some(2));
    std::fs::write(&path, "port = x").expect("a file");
    assert!(config.reload().is_err());
}
