//! What is built in: each dependency from the registry, as the lock file has it, under a licence that
//! `deny.toml` allows. (`scripts/audit` looks for known advisories as well, for which it needs
//! cargo-deny and the network.)

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn dependencies_are_from_the_registry_and_under_known_licences() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = std::fs::read_to_string(root.join("deny.toml")).expect("the rules");
    let rules: toml::Table = read.parse().expect("TOML");
    let output = Command::new(env!("CARGO"))
        // Of other systems nothing needs to be there.
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--all-features"])
        .arg(format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(&root)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    assert!(100 < packages.len(), "{} packages", packages.len());
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let licence = package["license"].as_str().unwrap_or_default();
        if let Some(source) = package["source"].as_str() {
            assert_eq!(source, REGISTRY, "{name}");
        }
        assert!(is_allowed(licence, &allowed(&rules, name)), "{name}: {licence:?}");
    }
}

/// The licences that a package may have.
fn allowed<'r>(rules: &'r toml::Table, package: &str) -> Vec<&'r str> {
    fn strings(list: &toml::Value) -> impl Iterator<Item = &str> {
        list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text"))
    }
    let licences = &rules["licenses"];
    let exceptions = licences["exceptions"].as_array().expect("a list");
    let of_package = exceptions.iter().filter(|one| one["name"].as_str() == Some(package));
    strings(&licences["allow"]).chain(of_package.flat_map(|one| strings(&one["allow"]))).collect()
}

/// Whether an SPDX expression (or the older form, with a slash) can be met by these licences alone.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest, allowed) && rest.is_empty()
}

fn any(rest: &mut &[&str], allowed: &[&str]) -> bool {
    let mut is_met = all(rest, allowed);
    while let ["OR", after @ ..] = *rest {
        *rest = after;
        is_met |= all(rest, allowed);
    }
    is_met
}

fn all(rest: &mut &[&str], allowed: &[&str]) -> bool {
    let mut is_met = one(rest, allowed);
    while let ["AND", after @ ..] = *rest {
        *rest = after;
        is_met &= one(rest, allowed);
    }
    is_met
}

fn one(rest: &mut &[&str], allowed: &[&str]) -> bool {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let is_met = any(rest, allowed);
            let [")", after @ ..] = *rest else { return false };
            *rest = after;
            is_met
        }
        [licence, "WITH", exception, after @ ..] => {
            *rest = after;
            allowed.contains(&format!("{licence} WITH {exception}").as_str())
        }
        [licence, after @ ..] => {
            *rest = after;
            allowed.contains(licence)
        }
        [] => false,
    }
}

#[test]
fn licences_are_read_as_they_are_meant() {
    let allowed = ["MIT", "Zlib", "A WITH B"];
    for met in ["MIT", "GPL-3.0 OR MIT", "(X OR MIT) AND Zlib", "X/MIT", "A WITH B OR X"] {
        assert!(is_allowed(met, &allowed), "{met}");
    }
    for refused in ["", "GPL-3.0", "MIT AND X", "MIT AND (X OR Y)", "A", "MIT WITH B", "(MIT"] {
        assert!(!is_allowed(refused, &allowed), "{refused}");
    }
}
