//! Times as people type them, and as the tools print them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// Unix milliseconds of a time that somebody typed: RFC 3339, with a zone or in local time; a time
/// of today; `yesterday 14:03`; `10m ago`; Unix milliseconds.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    parse_at(text, &Zoned::now())
}

fn parse_at(text: &str, now: &Zoned) -> Result<u64, String> {
    let text = text.trim();
    let found = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Shorter ones are seconds, or record numbers: nobody should have to guess.
        (12 <= text.len()).then(|| text.parse::<i64>().ok()).flatten()
    } else {
        instant(text, now).map(Timestamp::as_millisecond)
    };
    found.and_then(|ms| u64::try_from(ms).ok()).ok_or_else(|| {
        format!(
            "'{text}' is no time: give one like 2026-11-21T14:03:05Z, '2026-11-21 14:03' (local), 14:03, 'yesterday 14:03', '10m ago', or Unix milliseconds"
        )
    })
}

fn instant(text: &str, now: &Zoned) -> Option<Timestamp> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Some(zoned.timestamp());
    }
    if text.ends_with("ago") {
        return now.checked_add(text.parse::<Span>().ok()?).ok().map(|zoned| zoned.timestamp());
    }
    local(text, now)?.to_zoned(now.time_zone().clone()).ok().map(|zoned| zoned.timestamp())
}

/// A time without a zone.
fn local(text: &str, now: &Zoned) -> Option<DateTime> {
    if let Ok(datetime) = text.parse::<DateTime>() {
        return Some(datetime);
    }
    let (day, time) = text.split_once(' ').unwrap_or(("today", text));
    let date: Date = match day {
        "today" => now.date(),
        "yesterday" => now.date().yesterday().ok()?,
        _ => return None,
    };
    Some(date.to_datetime(time.parse::<Time>().ok()?))
}

/// Prints times in one zone, that of the machine (`TZ` chooses another).
#[derive(Debug)]
pub(crate) struct Printer(TimeZone);

impl Printer {
    pub(crate) fn local() -> Self {
        Self(TimeZone::system())
    }

    /// RFC 3339 with milliseconds.
    pub(crate) fn print(&self, ms: u64) -> String {
        let timestamp = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        match timestamp {
            Some(timestamp) => {
                let zoned = timestamp.to_zoned(self.0.clone());
                zoned.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
            }
            None => format!("{ms}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_type_times_in_many_ways() {
        let now: Zoned = "2026-11-21T15:00:00[Europe/Berlin]".parse().expect("a time");
        let check = |text: &str, expected: Option<&str>| {
            let expected = expected.map(|text| {
                let timestamp: Timestamp = text.parse().expect("a timestamp");
                u64::try_from(timestamp.as_millisecond()).expect("after 1970")
            });
            assert_eq!(parse_at(text, &now).ok(), expected, "{text:?}");
        };
        check("2026-11-21T14:03:05Z", Some("2026-11-21T14:03:05Z"));
        check("2026-11-21T14:03:05.25+02:00", Some("2026-11-21T12:03:05.25Z"));
        check("2026-11-21 14:03", Some("2026-11-21T13:03:00Z"));
        check("2026-11-21T14:03:05", Some("2026-11-21T13:03:05Z"));
        check("2026-07-01 14:03", Some("2026-07-01T12:03:00Z"));
        check("14:03", Some("2026-11-21T13:03:00Z"));
        check(" 14:03:05 ", Some("2026-11-21T13:03:05Z"));
        check("yesterday 14:03", Some("2026-11-20T13:03:00Z"));
        check("10m ago", Some("2026-11-21T13:50:00Z"));
        check("2 hours ago", Some("2026-11-21T12:00:00Z"));
        check("1795269785000", Some("2026-11-21T14:03:05Z"));
        for mistake in ["", "1795", "1795269785", "tomorrow 14:03", "14:75", "soon", "10m", "-5"] {
            check(mistake, None);
        }
    }

    #[test]
    fn what_is_printed_can_be_typed() {
        let printer = Printer(TimeZone::get("Europe/Berlin").expect("a zone"));
        assert_eq!(printer.print(1_795_269_785_007), "2026-11-21T15:03:05.007+01:00");
        assert_eq!(parse(&printer.print(1_795_269_785_007)), Ok(1_795_269_785_007));
        assert_eq!(printer.print(u64::MAX), "18446744073709551615ms");
    }
}
