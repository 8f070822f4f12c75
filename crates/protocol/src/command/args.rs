//! The arguments of a request, and what is common in reading them.

use engine::{CommandError, DATABASES, Extended};

use crate::number::parse_i64;
use crate::table::CommandSpec;

/// A request's arguments on their way through the grammar. Their number fits the arity of `spec`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments<'a> {
    /// All arguments, the command's name first.
    pub(crate) all: &'a [&'a [u8]],
    /// The command or subcommand they are for.
    pub(crate) spec: &'static CommandSpec,
    /// A random number, for the commands that choose.
    pub(crate) draw: u64,
    /// A script asks, which must not wait.
    pub(crate) is_in_script: bool,
}

impl<'a> Arguments<'a> {
    /// One of the arguments that the arity promises.
    pub(crate) fn at(&self, index: usize) -> &'a [u8] {
        self.all[index]
    }

    /// The arguments from `index` on.
    pub(crate) fn from(&self, index: usize) -> &'a [&'a [u8]] {
        self.all.get(index..).unwrap_or_default()
    }

    /// The options from `index` on.
    pub(crate) fn options(&self, index: usize) -> Options<'a> {
        Options { rest: self.from(index) }
    }

    /// `name, value, ...` from `index` on, refused when a value is missing.
    pub(crate) fn pairs(&self, index: usize) -> Result<&'a [&'a [u8]], CommandError> {
        let pairs = self.from(index);
        if pairs.len().is_multiple_of(2) { Ok(pairs) } else { Err(self.wrong_number()) }
    }

    /// So many keys from `index` on, and the options behind them; `None` if there are not so many
    /// arguments.
    pub(crate) fn counted_keys(
        &self,
        index: usize,
        count: usize,
    ) -> Option<(&'a [&'a [u8]], Options<'a>)> {
        let (keys, rest) = self.from(index).split_at_checked(count)?;
        Some((keys, Options { rest }))
    }

    /// The keys of a command that waits, and its timeout, which stands behind them.
    pub(crate) fn keys_and_timeout(&self) -> Result<(&'a [&'a [u8]], u64), CommandError> {
        let (timeout, keys) = self.from(1).split_last().ok_or_else(|| self.wrong_number())?;
        Ok((keys, timeout_seconds(timeout)?))
    }

    /// The keys of a command that takes several elements from the first of them that has any, from which
    /// end, and how many: `numkeys key ... END [COUNT count]`, the number at `index`.
    pub(crate) fn pop_many<End>(
        &self,
        index: usize,
        end: impl FnOnce(&[u8]) -> Result<End, CommandError>,
    ) -> Result<(&'a [&'a [u8]], End, u64), CommandError> {
        let number = key_count(self.at(index))?;
        let (keys, mut options) =
            self.counted_keys(index + 1, number).ok_or(CommandError::Syntax)?;
        let end = end(options.value()?)?;
        let mut count = None;
        while let Some(word) = options.next() {
            if !is(word, "count") || count.is_some() {
                return Err(CommandError::Syntax);
            }
            const REFUSAL: &str = "ERR count should be greater than 0";
            count = Some(positive(options.value()?).ok_or(CommandError::Fixed(REFUSAL))?);
        }
        Ok((keys, end, count.unwrap_or(1)))
    }

    pub(crate) fn wrong_number(&self) -> CommandError {
        CommandError::Arity(self.spec.name.into())
    }
}

/// A walk over options.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    pub(crate) rest: &'a [&'a [u8]],
}

impl<'a> Options<'a> {
    /// The value of an option; a missing one is a syntax error.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], CommandError> {
        self.next().ok_or(CommandError::Syntax)
    }

    /// The value of an option as an integer.
    pub(crate) fn integer(&mut self) -> Result<i64, CommandError> {
        integer(self.value()?)
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }
}

/// Whether `word` is the keyword, given in lower case.
pub(crate) fn is(word: &[u8], keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword.as_bytes())
}

pub(crate) fn integer(text: &[u8]) -> Result<i64, CommandError> {
    parse_i64(text).ok_or(CommandError::NotAnInteger)
}

/// A number above 0.
pub(crate) fn positive(text: &[u8]) -> Option<u64> {
    u64::try_from(parse_i64(text)?).ok().filter(|&number| 0 < number)
}

pub(crate) fn float(text: &[u8]) -> Result<Extended, CommandError> {
    Extended::parse(text).ok_or(CommandError::NotAFloat)
}

/// The number of keys that stand behind it.
pub(crate) fn key_count(text: &[u8]) -> Result<usize, CommandError> {
    let count = positive(text).and_then(|count| usize::try_from(count).ok());
    count.ok_or(CommandError::Fixed("ERR numkeys should be greater than 0"))
}

/// How many elements at most: a number that is not negative.
pub(crate) fn count(text: &[u8]) -> Result<u64, CommandError> {
    let count = parse_i64(text).and_then(|count| u64::try_from(count).ok());
    count.ok_or(CommandError::Fixed("ERR value is out of range, must be positive"))
}

/// A number whose opposite is a number, too.
pub(crate) fn symmetric(text: &[u8]) -> Result<i64, CommandError> {
    let number = integer(text)?;
    if number == i64::MIN {
        return Err(CommandError::Fixed(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    Ok(number)
}

/// A duration in seconds as milliseconds, rounded up; 0 for none.
pub(crate) fn timeout_seconds(text: &[u8]) -> Result<u64, CommandError> {
    // What a longer mantissa could tell apart is far below a millisecond.
    let seconds = Extended::parse(text)
        .and_then(|_| std::str::from_utf8(text).ok()?.parse::<f64>().ok())
        .ok_or(CommandError::Fixed("ERR timeout is not a float or out of range"))?;
    let ms = (seconds * 1000.0).ceil();
    // Beyond the largest number of milliseconds the reference finds a negative one.
    if !(0.0..TIMEOUT_MS_END).contains(&ms) {
        return Err(CommandError::Fixed("ERR timeout is negative"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a whole number from 0 to 2^63"
    )]
    Ok(ms as u64)
}

/// 2^63.
const TIMEOUT_MS_END: f64 = 9_223_372_036_854_775_808.0;

/// A duration in milliseconds, 0 for none.
pub(crate) fn timeout(text: &[u8]) -> Result<u64, CommandError> {
    let timeout = parse_i64(text)
        .ok_or(CommandError::Fixed("ERR timeout is not an integer or out of range"))?;
    u64::try_from(timeout).map_err(|_| CommandError::Fixed("ERR timeout is negative"))
}

/// The number of a database.
pub(crate) fn database(text: &[u8]) -> Result<u8, CommandError> {
    let number = i32::try_from(integer(text)?).map_err(|_| {
        CommandError::Fixed(
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        )
    })?;
    database_in_range(number)
}

pub(crate) fn database_in_range(number: i32) -> Result<u8, CommandError> {
    u8::try_from(number)
        .ok()
        .filter(|&db| usize::from(db) < usize::from(DATABASES))
        .ok_or(CommandError::Fixed("ERR DB index is out of range"))
}

/// Negative numbers count as 0.
pub(crate) fn clamped(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
