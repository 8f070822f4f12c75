//! The same script against Headwater and Debian's `redis-server` 7.0: every reply must agree byte
//! for byte, in both protocols, over several connections, except for the rows of
//! [`by_design`].
//!
//! - `HEADWATER_DIFF_COMMANDS`: how many commands (100,000 if not set).
//! - `HEADWATER_DIFF_SEED`: where to start (1 if not set, so that a red build is about the change
//!   that it builds; `scripts/differential` draws one). Each script has a seed of its own, the one
//!   that a failure names.
//! - `HEADWATER_TEST_SERVER=redis-server`: Redis against itself, which shows that a script of
//!   ours depends on nothing but the server.
//!
//! A failure is shrunk: commands are dropped for as long as the difference stays.

mod by_design;
mod error_counts;
mod found;
mod generate;
mod introspection;
mod keys;
mod kills;
mod lists;
mod play;
mod reply;
mod script;
mod scripts;
mod sets;
mod shrink;
mod side;
mod sorted_sets;
mod streams;
mod wire;

use std::collections::BTreeMap;

use support::{Launch, Rng};

use generate::Generator;
use play::{Difference, Player};
use script::{Script, Step};
use side::Side;

/// Commands of one script. Short, so that state stays varied and times stay small.
const SCRIPT_COMMANDS: usize = 250;

/// Different differences after which the run ends.
const FINDINGS_MAX: usize = 8;

fn player(headwater: &str) -> Player {
    Player::new(Side::start(quick(Launch::reference("redis-server"))), {
        Side::start(quick(Launch::new(headwater)))
    })
}

/// Nothing here is about the disk.
fn quick(launch: Launch) -> Launch {
    if launch.is_redis() {
        launch.args(["--appendonly", "no"])
    } else {
        launch.args(["--appendfsync", "no"])
    }
}

fn env_number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn what_was_found_stays_fixed() {
    found::check(&mut player(env!("CARGO_BIN_EXE_headwater")));
}

#[test]
fn replies_agree() {
    let commands = env_number("HEADWATER_DIFF_COMMANDS").unwrap_or(100_000);
    let mut seed = env_number("HEADWATER_DIFF_SEED").unwrap_or(1);
    eprintln!("HEADWATER_DIFF_SEED={seed}");
    let mut player = player(env!("CARGO_BIN_EXE_headwater"));
    let mut findings: BTreeMap<String, String> = BTreeMap::new();
    let mut scripts = 0;
    while player.compared < commands && findings.len() < FINDINGS_MAX {
        let script = Generator::script(Rng::new(seed), SCRIPT_COMMANDS);
        scripts += 1;
        let outcome = player.play(&script);
        if let Err(difference) = outcome
            && !findings.contains_key(&difference.kind())
        {
            let kind = difference.kind();
            let text = report(seed, &mut player, script, difference);
            eprintln!("{text}");
            findings.insert(kind, text);
        }
        seed = seed.wrapping_add(1);
    }
    let Player { compared, parted, .. } = player;
    eprintln!(
        "{compared} replies in {scripts} scripts compared, {} differences, {parted} scripts ended \
         early by design",
        findings.len()
    );
    assert!(findings.is_empty(), "{} differences, printed above", findings.len());
}

fn report(seed: u64, player: &mut Player, script: Script, found: Box<Difference>) -> String {
    let (script, difference) = shrink::shrink(player, script, found);
    format!("--- HEADWATER_DIFF_SEED={seed}\n{script}{difference}\n")
}

/// The comparison itself must be able to fail: two servers that begin differently.
#[test]
fn a_planted_difference_is_found_and_shrunk() {
    let mut player = player("redis-server");
    let mut script = Generator::script(Rng::new(1), SCRIPT_COMMANDS);
    let line = |text: &str| Step::Commands(0, vec![generate::line(text)]);
    // What differs between two processes, and no rule excuses.
    script.steps.insert(40, line("RESET"));
    script.steps.insert(41, line("CONFIG GET port"));
    let found = player.play(&script).expect_err("two ports are two ports");
    let (shrunk, difference) = shrink::shrink(&mut player, script, found);
    assert_eq!(difference.command, "CONFIG GET port");
    assert!(shrunk.steps.len() <= 2, "{shrunk}");
}
