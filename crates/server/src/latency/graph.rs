//! LATENCY GRAPH: a picture of letters, one column to a sample.

use std::fmt::Write;

use super::{Event, Sample, Series};

/// Lines of the picture.
const ROWS: usize = 4;
/// Heights within a line, lowest first.
const MARKS: [char; 3] = ['_', '-', '`'];
/// What stands below a mark.
const FILL: char = '|';
/// Columns of the picture.
const COLUMNS: usize = 80;

pub(super) fn draw(event: Event, series: &Series, now_seconds: u64) -> String {
    let skipped = series.samples.len().saturating_sub(COLUMNS);
    let samples: Vec<Sample> = series.samples.iter().skip(skipped).copied().collect();
    let high = samples.iter().map(|sample| sample.ms).max().unwrap_or(0);
    let low = samples.iter().map(|sample| sample.ms).min().unwrap_or(0);
    let name = event.name();
    let longest = series.longest_ms;
    let mut text = format!(
        "{name} - high {high} ms, low {low} ms (all time high {longest} ms)\n{}\n",
        "-".repeat(COLUMNS)
    );
    for row in (0..ROWS).rev() {
        let marks = samples.iter().map(|sample| mark(height(sample.ms, low, high), row));
        text.extend(marks);
        text.push('\n');
    }
    text.push('\n');
    // How long ago each was, written downwards.
    let ages: Vec<String> =
        samples.iter().map(|sample| age(now_seconds.saturating_sub(sample.at_seconds))).collect();
    let longest_age = ages.iter().map(String::len).max().unwrap_or(0);
    for row in 0..longest_age {
        let letters = ages.iter().map(|age| age.chars().nth(row).unwrap_or(' '));
        text.extend(letters);
        text.push('\n');
    }
    text
}

fn height(ms: u64, low: u64, high: u64) -> usize {
    let steps = ROWS * MARKS.len() - 1;
    let share = (ms - low) as f64 / (high - low).max(1) as f64;
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and the number of steps")]
    #[expect(clippy::cast_sign_loss, reason = "between 0 and the number of steps")]
    let height = (share * steps as f64) as usize;
    height
}

fn mark(height: usize, row: usize) -> char {
    match (height / MARKS.len()).cmp(&row) {
        std::cmp::Ordering::Less => ' ',
        std::cmp::Ordering::Equal => MARKS[height % MARKS.len()],
        std::cmp::Ordering::Greater => FILL,
    }
}

fn age(seconds: u64) -> String {
    let mut text = String::new();
    let written = match seconds {
        0..60 => write!(text, "{seconds}s"),
        60..3600 => write!(text, "{}m", seconds / 60),
        3600..86_400 => write!(text, "{}h", seconds / 3600),
        _ => write!(text, "{}d", seconds / 86_400),
    };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    text
}

#[cfg(test)]
mod tests {
    use super::super::Latencies;
    use super::*;

    #[test]
    fn a_column_for_each_sample() {
        let mut latencies = Latencies::default();
        for (at, ms) in [(100, 1), (160, 12), (165, 4)] {
            latencies.note(Event::Command, at, ms);
        }
        let picture = latencies.graph(b"command", 170).expect("there are samples");
        let lines: Vec<_> = picture.lines().collect();
        assert_eq!(lines[0], "command - high 12 ms, low 1 ms (all time high 12 ms)");
        assert_eq!(&lines[2..], [" ` ", " | ", " |_", "_||", "", "115", "m0s", " s "]);
        assert!(latencies.graph(b"aof-write", 170).is_none());
    }
}
