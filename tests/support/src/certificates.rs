//! Certificates for tests, made by `openssl`: an authority, what it signed, and a stranger.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::server::require_tool;

/// A directory with an authority (`ca`), a server for `localhost` and 127.0.0.1, and a client that it
/// signed, and a stranger that signed itself: `NAME.pem` and `NAME.key` each.
#[derive(Debug)]
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// Makes them.
    ///
    /// # Panics
    /// If `openssl` is missing or fails.
    pub fn new() -> Self {
        let certificates = Self { dir: crate::dir::temp_dir() };
        certificates.sign_itself("ca");
        certificates.sign_itself("stranger");
        certificates.sign("server");
        certificates.sign("client");
        certificates
    }

    /// The certificate of a name.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.pem"))
    }

    /// The private key of a name.
    pub fn key(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.key"))
    }

    /// Signs a fresh key under this name; files that are there are replaced.
    pub fn sign(&self, name: &str) {
        let request = self.dir.path().join("request.csr");
        let extensions = self.dir.path().join("extensions.cnf");
        std::fs::write(&extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
            .expect("the scratch directory can be written");
        let subject = format!("/CN={name}");
        openssl(
            &["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
            &["-subj", &subject],
            &[("-keyout", &self.key(name)), ("-out", &request)],
        );
        openssl(
            &["x509", "-req", "-days", "2", "-CAcreateserial"],
            &[],
            &[
                ("-in", &request),
                ("-CA", &self.certificate("ca")),
                ("-CAkey", &self.key("ca")),
                ("-extfile", &extensions),
                ("-out", &self.certificate(name)),
            ],
        );
    }

    fn sign_itself(&self, name: &str) {
        let subject = format!("/CN={name}");
        openssl(
            &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
            &["-days", "2", "-subj", &subject],
            &[("-keyout", &self.key(name)), ("-out", &self.certificate(name))],
        );
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

fn openssl(command: &[&str], more: &[&str], files: &[(&str, &Path)]) {
    let mut openssl = Command::new(require_tool("openssl"));
    openssl.args(command).args(more);
    for (option, file) in files {
        openssl.arg(option).arg(file);
    }
    let output = openssl.output().expect("openssl runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {command:?}: {stderr}");
}
