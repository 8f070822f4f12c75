//! Makes a failing script small: drops commands for as long as the difference stays.

use std::time::{Duration, Instant};

use crate::play::{Difference, Player};
use crate::script::{Script, Step};

/// After this the smallest script found so far will do.
const SHRINK_TIMEOUT: Duration = Duration::from_secs(60);

/// The smallest script found, and its difference.
pub(crate) fn shrink(
    player: &mut Player,
    mut script: Script,
    mut found: Box<Difference>,
) -> (Script, Box<Difference>) {
    let kind = found.kind();
    let deadline = Instant::now() + SHRINK_TIMEOUT;
    script.steps.truncate(found.step + 1);
    let single = Script { steps: single_commands(script.steps.clone()), ..script.clone() };
    let mut still_fails = |candidate: &Script| {
        player.play(candidate).err().filter(|difference| difference.kind() == kind)
    };
    if let Some(difference) = still_fails(&single) {
        (script, found) = (single, difference);
    } else if let Some(difference) = still_fails(&script) {
        found = difference;
    } else {
        // It depends on timing; shown as it was.
        return (script, found);
    }
    let mut size = script.steps.len().div_ceil(2);
    while size > 0 && Instant::now() < deadline {
        let mut at = 0;
        let mut is_smaller = false;
        while at < script.steps.len() && Instant::now() < deadline {
            let mut candidate = script.clone();
            candidate.steps.drain(at..(at + size).min(script.steps.len()));
            match still_fails(&candidate) {
                Some(difference) => {
                    (script, found, is_smaller) = (candidate, difference, true);
                    script.steps.truncate(found.step + 1);
                }
                None => at += size,
            }
        }
        if !(is_smaller && size == 1) {
            size /= 2;
        }
    }
    (script, found)
}

/// One step for each command.
fn single_commands(steps: Vec<Step>) -> Vec<Step> {
    steps
        .into_iter()
        .flat_map(|step| match step {
            Step::Commands(to, commands) => {
                commands.into_iter().map(|words| Step::Commands(to, vec![words])).collect()
            }
            other => vec![other],
        })
        .collect()
}
