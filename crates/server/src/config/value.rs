//! The text forms of configuration values: each kind checks a value and brings it into the one form
//! that CONFIG GET shows.

use std::fmt;

use crate::notify::EventClasses;

/// What a directive's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number within bounds, both inclusive.
    Integer {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// A whole number within bounds that may be negative, both inclusive.
    Signed {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Percentages between 0 and 100, separated by blanks; none for none.
    Percentiles,
    /// A number of bytes: `64mb`, `1gb`, `4096`; `k`, `m`, `g` count in thousands, as in Redis.
    Memory {
        /// Smallest value in bytes.
        min: u64,
        /// Largest value in bytes.
        max: u64,
    },
    /// A number of bytes, or a share of the memory: `5%`. 0 for no limit.
    Share,
    /// `yes` or `no`.
    YesNo,
    /// One of some words, compared without regard to case.
    Choice(&'static [&'static str]),
    /// A file mode in octal; 0 leaves it to the umask.
    FileMode,
    /// Listen addresses, separated by blanks.
    Addresses,
    /// `normal <hard> <soft> <seconds>`, likewise `replica` and `pubsub`, in any number.
    OutputLimits,
    /// Classes of events, by their letters.
    Events,
    /// Any text.
    Text,
}

/// Why a value was refused, in Redis's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueError {
    /// Not a number at all.
    NotAnInteger,
    /// A number outside the bounds.
    OutOfRange {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// A signed number outside the bounds.
    OutOfSignedRange {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Not a list of percentages.
    NotPercentiles,
    /// A percentage below 0 or above 100.
    PercentileOutOfRange,
    /// Not a number of bytes.
    NotMemory,
    /// Neither a number of bytes nor a percentage.
    NotShare,
    /// Neither `yes` nor `no`.
    NotYesNo,
    /// None of the words.
    NotAChoice(&'static [&'static str]),
    /// Not an octal mode.
    NotAFileMode,
    /// Not a valid list of output limits.
    NotOutputLimits(&'static str),
    /// A letter that is no class of events.
    NotEvents,
    /// Bytes that are not UTF-8, or a line break where none can be stored.
    NotText,
    /// A value that Headwater refuses on purpose, with the reason.
    Refused(&'static str),
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnInteger => f.write_str("argument couldn't be parsed into an integer"),
            Self::OutOfRange { min, max } => {
                write!(f, "argument must be between {min} and {max} inclusive")
            }
            Self::OutOfSignedRange { min, max } => {
                write!(f, "argument must be between {min} and {max} inclusive")
            }
            Self::NotPercentiles => {
                f.write_str("Invalid latency-tracking-info-percentiles parameters")
            }
            Self::PercentileOutOfRange => f.write_str(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
            ),
            Self::NotMemory => f.write_str("argument must be a memory value"),
            Self::NotShare => f.write_str("argument must be a memory or percent value"),
            Self::NotYesNo => f.write_str("argument must be 'yes' or 'no'"),
            Self::NotAChoice(words) => {
                write!(f, "argument(s) must be one of the following: {}", words.join(", "))
            }
            Self::NotAFileMode => f.write_str("argument must be an octal file mode up to 777"),
            Self::NotOutputLimits(reason) => f.write_str(reason),
            Self::NotEvents => f.write_str("Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
            Self::NotText => f.write_str("argument must be UTF-8 text without line breaks"),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

impl Kind {
    /// Checks a value and returns it as CONFIG GET shows it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn canonical(self, text: &str) -> Result<String, ValueError> {
        match self {
            Kind::Integer { min, max } => {
                // Redis reads a signed number: a negative one is out of range, not malformed.
                let number = u64::try_from(integer(text)?).ok();
                let number = number.filter(|n| (min..=max).contains(n));
                number.map(|n| n.to_string()).ok_or(ValueError::OutOfRange { min, max })
            }
            Kind::Signed { min, max } => {
                let number = Some(integer(text)?).filter(|n| (min..=max).contains(n));
                number.map(|n| n.to_string()).ok_or(ValueError::OutOfSignedRange { min, max })
            }
            Kind::Percentiles => percentiles(text),
            Kind::Memory { min, max } => {
                let bytes = parse_memory(text).ok_or(ValueError::NotMemory)?;
                if !(min..=max).contains(&bytes) {
                    return Err(ValueError::OutOfRange { min, max });
                }
                Ok(bytes.to_string())
            }
            Kind::Share => match text.strip_suffix('%').map(str::parse::<u64>) {
                Some(Ok(percent @ 0..=100)) => Ok(format!("{percent}%")),
                Some(_) => Err(ValueError::NotShare),
                None => parse_memory(text).map(|n| n.to_string()).ok_or(ValueError::NotShare),
            },
            Kind::YesNo => match () {
                () if text.eq_ignore_ascii_case("yes") => Ok("yes".to_owned()),
                () if text.eq_ignore_ascii_case("no") => Ok("no".to_owned()),
                () => Err(ValueError::NotYesNo),
            },
            Kind::Choice(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .map(|word| (*word).to_owned())
                .ok_or(ValueError::NotAChoice(words)),
            Kind::FileMode => {
                let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
                mode.map(|mode| format!("{mode:o}")).ok_or(ValueError::NotAFileMode)
            }
            Kind::Addresses => Ok(text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")),
            Kind::OutputLimits => OutputLimits::default().changed_by(text).map(|l| l.to_string()),
            Kind::Events => EventClasses::parse(text)
                .map(|classes| classes.to_string())
                .ok_or(ValueError::NotEvents),
            Kind::Text => Ok(text.to_owned()),
        }
    }
}

/// A number as Redis reads it: in 64 bits, with nothing around it and no zeros before it.
fn integer(text: &str) -> Result<i64, ValueError> {
    let number: i64 = text.parse().map_err(|_| ValueError::NotAnInteger)?;
    if number.to_string() == text { Ok(number) } else { Err(ValueError::NotAnInteger) }
}

/// Percentages in their shortest form.
fn percentiles(text: &str) -> Result<String, ValueError> {
    let percentile = |word: &str| {
        let number: f64 = word.parse().map_err(|_| ValueError::NotPercentiles)?;
        if (0.0..=100.0).contains(&number) {
            Ok(number.to_string())
        } else {
            Err(ValueError::PercentileOutOfRange)
        }
    };
    let words: Result<Vec<_>, _> = text.split_ascii_whitespace().map(percentile).collect();
    Ok(words?.join(" "))
}

/// Reads a number of bytes with Redis's units. As in Redis, no digits are 0, and what does not fit is
/// the largest number.
#[must_use]
pub fn parse_memory(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    let digits = number.bytes().map(|digit| u64::from(digit - b'0'));
    let number = digits.fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(digit));
    Some(number.saturating_mul(factor))
}

/// Bytes in the largest unit that divides them.
pub(super) fn memory_text(text: &str) -> String {
    let bytes: u64 = text.parse().unwrap_or(0);
    let units = [(1u64 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")];
    match units.iter().find(|(unit, _)| bytes != 0 && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => text.to_owned(),
    }
}

/// Output waiting for one client: above the hard limit, or above the soft limit for so long, the
/// client is cut off. 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimit {
    /// Cut off at once above this.
    pub hard_bytes: u64,
    /// Cut off above this after `soft_seconds`.
    pub soft_bytes: u64,
    /// How long the soft limit may be exceeded.
    pub soft_seconds: u64,
}

/// `client-output-buffer-limit` for each class of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// Ordinary clients.
    pub normal: OutputLimit,
    /// Replicas: kept for CONFIG GET, as there are none.
    pub replica: OutputLimit,
    /// Subscribers.
    pub pubsub: OutputLimit,
}

impl Default for OutputLimits {
    /// Redis's values, except that ordinary clients have a limit: one that does not read must not
    /// take the memory of all.
    fn default() -> Self {
        let limit = |hard_bytes, soft_bytes, soft_seconds| OutputLimit {
            hard_bytes,
            soft_bytes,
            soft_seconds,
        };
        Self {
            normal: limit(256 << 20, 0, 0),
            replica: limit(256 << 20, 64 << 20, 60),
            pubsub: limit(32 << 20, 8 << 20, 60),
        }
    }
}

impl OutputLimit {
    /// [`OutputLimit::hard_bytes`] as a limit that always holds.
    pub(crate) fn hard_limit(self) -> usize {
        match self.hard_bytes {
            0 => usize::MAX,
            bytes => usize::try_from(bytes).unwrap_or(usize::MAX),
        }
    }
}

impl OutputLimits {
    /// The limits after a directive that names some of the classes.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, in Redis's words.
    pub fn changed_by(mut self, text: &str) -> Result<Self, ValueError> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let (groups, rest) = words.as_chunks::<4>();
        if groups.is_empty() || !rest.is_empty() {
            return Err(ValueError::NotOutputLimits(
                "Wrong number of arguments in buffer limit configuration.",
            ));
        }
        for [class, hard, soft, seconds] in groups {
            let limit = match class.to_ascii_lowercase().as_str() {
                "normal" => &mut self.normal,
                "replica" | "slave" => &mut self.replica,
                "pubsub" => &mut self.pubsub,
                _ => {
                    return Err(ValueError::NotOutputLimits(
                        "Invalid client class specified in buffer limit configuration.",
                    ));
                }
            };
            let bad = ValueError::NotOutputLimits(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
            );
            *limit = OutputLimit {
                hard_bytes: parse_memory(hard).ok_or_else(|| bad.clone())?,
                soft_bytes: parse_memory(soft).ok_or_else(|| bad.clone())?,
                soft_seconds: seconds.parse().map_err(|_| bad)?,
            };
        }
        Ok(self)
    }
}

impl fmt::Display for OutputLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes =
            [("normal", &self.normal), (" slave", &self.replica), (" pubsub", &self.pubsub)];
        for (class, limit) in classes {
            let OutputLimit { hard_bytes, soft_bytes, soft_seconds } = limit;
            write!(f, "{class} {hard_bytes} {soft_bytes} {soft_seconds}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_counts_in_redis_units() {
        let check = |text, expected| assert_eq!(parse_memory(text), expected, "{text:?}");
        check("0", Some(0));
        check("4096", Some(4096));
        check("64mb", Some(64 << 20));
        check("64MB", Some(64 << 20));
        check("1k", Some(1000));
        check("1gb", Some(1 << 30));
        check("5b", Some(5));
        check("", Some(0));
        check("99999999999999999999", Some(u64::MAX));
        check("18446744073709551615k", Some(u64::MAX));
        for bad in ["-1", "1 mb", "1tb", "1.5gb", "x", "+1"] {
            check(bad, None);
        }
    }

    #[test]
    fn values_take_the_form_that_config_get_shows() {
        let check = |kind: Kind, text, expected: Result<&str, &str>| {
            let seen = kind.canonical(text).map_err(|error| error.to_string());
            assert_eq!(seen.as_deref().map_err(String::as_str), expected, "{kind:?} {text:?}");
        };
        let small = Kind::Integer { min: 1, max: 9 };
        check(small, "7", Ok("7"));
        check(small, "x", Err("argument couldn't be parsed into an integer"));
        check(small, "007", Err("argument couldn't be parsed into an integer"));
        check(small, "+7", Err("argument couldn't be parsed into an integer"));
        check(small, "99999999999999999999", Err("argument couldn't be parsed into an integer"));
        check(small, "0", Err("argument must be between 1 and 9 inclusive"));
        check(small, "-3", Err("argument must be between 1 and 9 inclusive"));
        check(Kind::Memory { min: 1, max: u64::MAX }, "2kb", Ok("2048"));
        check(Kind::Memory { min: 0, max: 1 }, "2z", Err("argument must be a memory value"));
        check(Kind::Share, "5%", Ok("5%"));
        check(Kind::Share, "1kb", Ok("1024"));
        check(Kind::Share, "101%", Err("argument must be a memory or percent value"));
        check(Kind::YesNo, "YES", Ok("yes"));
        check(Kind::YesNo, "1", Err("argument must be 'yes' or 'no'"));
        let signed = Kind::Signed { min: -1, max: 9 };
        check(signed, "-1", Ok("-1"));
        check(signed, "-2", Err("argument must be between -1 and 9 inclusive"));
        check(Kind::Percentiles, "50.0 99.90  0", Ok("50 99.9 0"));
        check(Kind::Percentiles, "", Ok(""));
        check(
            Kind::Percentiles,
            "50 x",
            Err("Invalid latency-tracking-info-percentiles parameters"),
        );
        check(
            Kind::Percentiles,
            "101",
            Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"),
        );
        let words = Kind::Choice(&["everysec", "always", "no"]);
        check(words, "Always", Ok("always"));
        check(words, "x", Err("argument(s) must be one of the following: everysec, always, no"));
        check(Kind::FileMode, "0770", Ok("770"));
        check(Kind::FileMode, "999", Err("argument must be an octal file mode up to 777"));
        check(Kind::Addresses, " 127.0.0.1   ::1 ", Ok("127.0.0.1 ::1"));
    }

    #[test]
    fn output_limits_change_only_the_classes_they_name() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let seen = OutputLimits::default().changed_by(text);
            let seen = seen.map(|l| l.to_string()).map_err(|error| error.to_string());
            assert_eq!(seen.as_deref().map_err(String::as_str), expected, "{text:?}");
        };
        check(
            "normal 1mb 0 0",
            Ok("normal 1048576 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
        );
        check("normal 1", Err("Wrong number of arguments in buffer limit configuration."));
        check("other 1 1 1", Err("Invalid client class specified in buffer limit configuration."));
    }
}
