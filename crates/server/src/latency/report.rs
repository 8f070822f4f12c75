//! LATENCY DOCTOR: what was slow, and what helps.

use std::fmt::Write;

use super::{Event, Latencies, Series};

pub(super) fn write(latencies: &Latencies, threshold_ms: u64, slow_log_micros: i64) -> String {
    if latencies.0.is_empty() {
        return match threshold_ms {
            0 => "Nothing was measured: 'CONFIG SET latency-monitor-threshold 100' notes \
                  whatever takes 100 milliseconds or longer.\n"
                .to_owned(),
            _ => format!("Nothing has taken {threshold_ms} milliseconds or longer.\n"),
        };
    }
    let mut text = "These took longer than they should:\n\n".to_owned();
    for (event, series) in &latencies.0 {
        line(*event, series, &mut text);
    }
    text.push_str("\nWhat helps:\n\n");
    let has = |event| latencies.0.contains_key(&event);
    let mut advise = |advice: &str| {
        text.push_str("- ");
        text.push_str(advice);
        text.push('\n');
    };
    if has(Event::Command) || has(Event::FastCommand) {
        if slow_log_micros < 0 {
            advise("The slow log is off: 'CONFIG SET slowlog-log-slower-than 10000' turns it on.");
        } else {
            advise("SLOWLOG GET shows the slow commands and who sent them.");
        }
        advise("Read long streams in pieces: XRANGE and XREAD with COUNT, SCAN instead of KEYS.");
    }
    if has(Event::FastCommand) {
        advise(
            "If commands that do little are slow, too, the machine is busy: see 'top' and 'vmstat'.",
        );
    }
    if has(Event::SyncAlways) || has(Event::Write) {
        advise("The disk is slow, or others use it as well: see 'iostat -x' and INFO headwater.");
    }
    if has(Event::SyncAlways) {
        advise("'appendfsync everysec' does not wait for the disk, and can lose the last second.");
    }
    if has(Event::Expiry) {
        advise("Many keys expire in the same moment: spread their times.");
    }
    text
}

fn line(event: Event, series: &Series, text: &mut String) {
    let count = series.samples.len() as u64;
    let sum: u64 = series.samples.iter().map(|sample| sample.ms).sum();
    let average = sum / count.max(1);
    let deviation: u64 = series.samples.iter().map(|sample| sample.ms.abs_diff(average)).sum();
    let name = event.name();
    let written = writeln!(
        text,
        "{name}: {count} times, {average} ms on average (mean deviation {} ms), at most {} ms",
        deviation / count.max(1),
        series.longest_ms
    );
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_line_and_advice() {
        assert!(Latencies::default().report(0, 0).contains("latency-monitor-threshold"));
        assert!(Latencies::default().report(5, 0).contains("5 milliseconds"));
        let mut latencies = Latencies::default();
        latencies.note(Event::Command, 1, 10);
        latencies.note(Event::Command, 2, 30);
        latencies.note(Event::SyncAlways, 2, 7);
        let report = latencies.report(5, -1);
        for expected in [
            "command: 2 times, 20 ms on average (mean deviation 10 ms), at most 30 ms\n",
            "aof-fsync-always: 1 times, 7 ms",
            "slowlog-log-slower-than",
            "iostat",
        ] {
            assert!(report.contains(expected), "{expected} is missing in {report}");
        }
    }
}
