//! TLS against the real binary: what redis-cli, openssl and rustls get, and what is refused.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::{Certificates, Launch, Value, encode, free_port, parse, require_tool};

/// A server with a TLS port beside the plain one, which the tests use to look at it.
struct Tls {
    certificates: Certificates,
    launch: Launch,
    port: u16,
}

impl Tls {
    fn new(auth_clients: &str) -> Self {
        let certificates = Certificates::new();
        let port = free_port();
        let text = |path: std::path::PathBuf| path.to_str().expect("UTF-8").to_owned();
        let launch = Launch::new(env!("CARGO_BIN_EXE_headwater")).args([
            "--tls-port".to_owned(),
            port.to_string(),
            "--tls-cert-file".to_owned(),
            text(certificates.certificate("server")),
            "--tls-key-file".to_owned(),
            text(certificates.key("server")),
            "--tls-ca-cert-file".to_owned(),
            text(certificates.certificate("ca")),
            "--tls-auth-clients".to_owned(),
            auth_clients.to_owned(),
        ]);
        Self { certificates, launch, port }
    }

    /// `redis-cli --tls`, with the certificate of `client` if there is one.
    fn redis_cli(&self, client: Option<&str>, words: &[&str]) -> Output {
        let mut command = Command::new(require_tool("timeout"));
        command.arg("60").arg(require_tool("redis-cli"));
        command.args(["-p", &self.port.to_string(), "--tls", "--cacert"]);
        command.arg(self.certificates.certificate("ca"));
        if let Some(name) = client {
            command.arg("--cert").arg(self.certificates.certificate(name));
            command.arg("--key").arg(self.certificates.key(name));
        }
        command.args(words).output().expect("redis-cli runs")
    }

    fn check(&self, client: Option<&str>, words: &[&str], expected: Option<&str>) {
        let output = self.redis_cli(client, words);
        let printed = String::from_utf8_lossy(&output.stdout);
        match expected {
            Some(expected) => assert_eq!(printed.trim_end(), expected, "{words:?} {client:?}"),
            None => assert!(!printed.contains("PONG"), "{client:?} was let in: {printed}"),
        }
    }

    /// What `openssl s_client` sees of the handshake.
    fn s_client(&self, options: &[&str]) -> String {
        let output = Command::new(require_tool("timeout"))
            .arg("60")
            .arg(require_tool("openssl"))
            .args(["s_client", "-connect", &format!("127.0.0.1:{}", self.port)])
            .args(options)
            .stdin(Stdio::null())
            .output()
            .expect("openssl runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(self.certificates.certificate("ca"));
        roots.add(ca.expect("the authority's certificate")).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("both versions are compiled in")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a session");
        let socket = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        StreamOwned::new(session, socket)
    }
}

/// The next reply, and what arrived behind it.
fn receive(stream: &mut impl Read, received: &mut Vec<u8>) -> Value {
    loop {
        if let Some((value, len)) = parse(received) {
            received.drain(..len);
            return value;
        }
        let mut chunk = [0; 64 * 1024];
        let len = stream.read(&mut chunk).expect("a reply");
        assert_ne!(len, 0, "the server closed the connection");
        received.extend_from_slice(&chunk[..len]);
    }
}

#[test]
fn redis_cli_works_over_tls() {
    let tls = Tls::new("no");
    let server = tls.launch.start();
    tls.check(None, &["PING"], Some("PONG"));
    tls.check(None, &["XADD", "s", "1-1", "city", "Lisbon"], Some("1-1"));
    tls.check(None, &["XRANGE", "s", "-", "+"], Some("1-1\ncity\nLisbon"));
    // The plain port sees the same data.
    assert_eq!(server.connect().command(&["XLEN", "s"]), Value::Int(1));
}

#[test]
fn port_0_leaves_tls_only() {
    let tls = Tls::new("no");
    let launch = tls.launch.clone().port(0);
    let server = launch.start();
    tls.check(None, &["PING"], Some("PONG"));
    let ready = server.output().join("\n");
    assert!(ready.contains(&format!("127.0.0.1:{} (TLS)", tls.port)), "{ready}");
    let info = tls.redis_cli(None, &["INFO", "server"]);
    let info = String::from_utf8_lossy(&info.stdout).into_owned();
    assert!(info.contains(&format!("tcp_port:{}", tls.port)), "{info}");
}

#[test]
fn clients_show_certificates_as_asked() {
    let tls = Tls::new("yes");
    let server = tls.launch.start();
    tls.check(Some("client"), &["PING"], Some("PONG"));
    tls.check(Some("stranger"), &["PING"], None);
    tls.check(None, &["PING"], None);
    drop(server);

    let tls = Tls::new("optional");
    let _server = tls.launch.start();
    tls.check(Some("client"), &["PING"], Some("PONG"));
    tls.check(None, &["PING"], Some("PONG"));
    tls.check(Some("stranger"), &["PING"], None);
}

#[test]
fn plain_text_on_the_tls_port_ends_the_connection() {
    let tls = Tls::new("no");
    let _server = tls.launch.start();
    for text in ["*1\r\n$4\r\nPING\r\n", "PING\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut socket = TcpStream::connect(("127.0.0.1", tls.port)).expect("it listens");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        socket.write_all(text.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        match socket.read_to_end(&mut answer) {
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
            // An alert record, or nothing.
            Ok(_) => assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}"),
        }
    }
    tls.check(None, &["PING"], Some("PONG"));
}

#[test]
fn only_the_versions_that_are_set_are_spoken() {
    let tls = Tls::new("no");
    let server = tls.launch.start();
    let check = |option: &str, expected: &str| {
        let seen = tls.s_client(&[option]);
        assert!(seen.contains(expected), "{option}: no {expected:?} in {seen}");
    };
    check("-tls1_2", "New, TLSv1.2");
    check("-tls1_3", "New, TLSv1.3");
    check("-tls1_1", "New, (NONE)");
    drop(server);
    let _server = tls.launch.clone().args(["--tls-protocols", "TLSv1.3"]).start();
    check("-tls1_2", "New, (NONE)");
    check("-tls1_3", "New, TLSv1.3");
}

#[test]
fn sighup_exchanges_the_certificate_and_keeps_connections() {
    let tls = Tls::new("no");
    let server = tls.launch.start();
    let mut before = tls.connect();
    before.write_all(&encode(&["PING"])).expect("a request");
    assert_eq!(receive(&mut before, &mut Vec::new()), Value::simple("PONG"));
    let shown = || {
        let seen = tls.s_client(&[]);
        let begin = seen.find("-----BEGIN").expect("a certificate");
        seen[begin..].split("-----END").next().expect("its end").to_owned()
    };
    let first = shown();
    assert_eq!(first, shown());

    tls.certificates.sign("server");
    server.signal(Signal::HUP);
    server.line_with("configuration read again");
    assert_ne!(first, shown(), "the new certificate is not shown");

    let second = shown();
    std::fs::write(tls.certificates.key("server"), "nonsense").expect("the file can be written");
    server.signal(Signal::HUP);
    server.line_with("the certificates stay as they were");
    assert_eq!(second, shown());
    before.write_all(&encode(&["PING"])).expect("a request");
    assert_eq!(receive(&mut before, &mut Vec::new()), Value::simple("PONG"));
}

#[test]
fn a_deep_pipeline_and_large_replies_arrive_whole() {
    const REQUESTS: usize = 1_500;
    let tls = Tls::new("no");
    let _server = tls.launch.start();
    let mut stream = tls.connect();
    let value = "v".repeat(1000);
    let mut received = Vec::new();
    let mut requests = Vec::new();
    for n in 1..=REQUESTS {
        requests.extend(encode(&["XADD", "s", &format!("{n}-0"), "n", &value]));
    }
    stream.write_all(&requests).expect("it reads");
    for n in 1..=REQUESTS {
        assert_eq!(receive(&mut stream, &mut received), Value::bulk(format!("{n}-0")));
    }
    // Ten answers of 1.5 MB, which nobody reads until all are asked for: far more than the sockets
    // hold, so that most of it has to wait for room.
    for _ in 0..10 {
        stream.write_all(&encode(&["XRANGE", "s", "-", "+"])).expect("it reads");
    }
    for _ in 0..10 {
        let Value::Array(entries) = receive(&mut stream, &mut received) else {
            panic!("no list of entries")
        };
        assert_eq!(entries.len(), REQUESTS);
    }
}

/// The end of a reply that was encrypted when the socket had no room left still leaves.
#[test]
fn nothing_stays_behind_in_a_full_socket() {
    let tls = Tls::new("no");
    let server = tls.launch.start();
    let mut looker = server.connect();
    let value = "v".repeat(16 * 1024);
    assert_eq!(looker.command(&["SET", "value", &value]), Value::simple("OK"));
    let mut asked = 0;
    // A client that asks and does not read: whether the server holds bytes of its replies.
    let mut ask = |stream: &mut StreamOwned<ClientConnection, TcpStream>| {
        asked += 1;
        let requests = [encode(&["GET", "value"]), encode(&["INCR", "asked"])].concat();
        stream.write_all(&requests).expect("it reads");
        let expected = Value::bulk(asked.to_string());
        while looker.command(&["GET", "asked"]) != expected {}
        looker.command(&["CLIENT", "LIST"]).text().contains(" events=rw ")
    };
    let mut silent = tls.connect();
    let mut most = 0usize;
    while !ask(&mut silent) {
        most += 1;
    }
    drop(silent);
    // Up to `most` replies leave the server's own buffer. The last of them are then in the socket, or
    // encrypted and in nobody's hands.
    for count in most.saturating_sub(4)..=most {
        let mut stream = tls.connect();
        for _ in 0..count {
            ask(&mut stream);
        }
        let mut received = Vec::new();
        for _ in 0..count {
            assert_eq!(receive(&mut stream, &mut received), Value::bulk(&value));
            assert!(matches!(receive(&mut stream, &mut received), Value::Int(_)));
        }
    }
}

#[test]
fn a_stop_says_goodbye() {
    let tls = Tls::new("no");
    let server = tls.launch.start();
    let mut stream = tls.connect();
    stream.write_all(&encode(&["PING"])).expect("a request");
    assert_eq!(receive(&mut stream, &mut Vec::new()), Value::simple("PONG"));
    assert!(server.terminate().success());
    // Without the goodbye of TLS this would be an error: the stream may have been cut short.
    assert_eq!(stream.read(&mut [0; 16]).expect("a proper end"), 0);
}

#[test]
fn a_client_that_never_says_hello_is_let_go() {
    let tls = Tls::new("no");
    let server = tls.launch.start();
    let mut socket = TcpStream::connect(("127.0.0.1", tls.port)).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    assert_eq!(socket.read(&mut [0; 16]).expect("closed, not silent"), 0);
    drop(server);
}

#[test]
fn files_that_do_not_fit_are_named_at_the_start() {
    let certificates = Certificates::new();
    let check = |cert: &Path, key: &Path, more: &[&str], expected: &str| {
        let refusal = Launch::new(env!("CARGO_BIN_EXE_headwater"))
            .args(["--tls-port", "1", "--tls-cert-file"])
            .args([cert])
            .args(["--tls-key-file"])
            .args([key])
            .args(more)
            .try_start()
            .expect_err("it must not start");
        assert_eq!(refusal.status.code(), Some(78), "{}", refusal.text());
        assert!(refusal.text().contains(expected), "no {expected:?} in {}", refusal.text());
    };
    let (cert, key) = (certificates.certificate("server"), certificates.key("server"));
    let missing = Path::new("/nowhere/server.pem");
    let open = ["--tls-auth-clients", "no"];
    check(missing, &key, &open, "cannot read /nowhere/server.pem (tls-cert-file)");
    check(&cert, missing, &open, "cannot read /nowhere/server.pem (tls-key-file)");
    check(&cert, &certificates.key("client"), &open, "cannot be used");
    check(&key, &key, &open, "there is no certificate in it");
    check(&cert, &key, &[], "'tls-auth-clients' needs 'tls-ca-cert-file'");
    check(Path::new(""), &key, &open, "'tls-port' needs 'tls-cert-file' and 'tls-key-file'");
    let old = ["--tls-auth-clients", "no", "--tls-protocols", "TLSv1.1"];
    check(&cert, &key, &old, "not 'TLSv1.1'");
}
