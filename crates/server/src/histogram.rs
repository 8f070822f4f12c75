//! How long the calls of a command took: counts by logarithmic classes of nanoseconds, two decimal
//! digits exact, up to a second.
//!
//! The classes are those of HdrHistogram with two significant digits, which Redis uses: 128 to each
//! power of two. Counting costs one load and one store in a table that only its worker writes.

use std::sync::OnceLock;

use crate::stats::OwnedCounter;

/// Bits of a class within its power of two.
const CLASS_BITS: u32 = 7;
/// Longer calls count as this long, in nanoseconds.
const NANOS_MAX: u64 = 1_000_000_000;
/// Number of classes.
const CLASSES: usize = class_of(NANOS_MAX) + 1;
/// The shortest bound that [`Histogram::doubling`] tells, in nanoseconds.
const FIRST_BOUND: u64 = 1024;

const fn class_of(nanos: u64) -> usize {
    let nanos = if nanos < NANOS_MAX { nanos } else { NANOS_MAX };
    let bits = u64::BITS - nanos.leading_zeros();
    let shift = bits.saturating_sub(CLASS_BITS + 1);
    // At most 2^30, and the bounds of the shift keep the sum small.
    #[expect(clippy::cast_possible_truncation, reason = "at most 2^30")]
    let mantissa = (nanos >> shift) as usize;
    ((shift as usize) << CLASS_BITS) + mantissa
}

/// The longest time that counts into a class.
fn longest_in(class: usize) -> u64 {
    let half = 1usize << CLASS_BITS;
    let shift = (class >> CLASS_BITS).saturating_sub(1);
    let mantissa = class - shift * half;
    ((mantissa as u64 + 1) << shift) - 1
}

/// A histogram that one thread writes; its table is made at the first call.
#[derive(Debug, Default)]
pub(crate) struct OwnedHistogram(OnceLock<Box<[OwnedCounter]>>);

impl OwnedHistogram {
    /// Counts a call. As [`OwnedCounter::add`], for the owning thread.
    pub(crate) fn count(&self, nanos: u64) {
        let classes =
            self.0.get_or_init(|| (0..CLASSES).map(|_| OwnedCounter::default()).collect());
        classes[class_of(nanos)].add(1);
    }

    /// Adds the counts to a histogram.
    pub(crate) fn add_to(&self, sum: &mut Histogram) {
        let Some(classes) = self.0.get() else { return };
        sum.classes.resize(CLASSES, 0);
        for (sum, counter) in sum.classes.iter_mut().zip(classes) {
            *sum += counter.value();
        }
    }
}

/// Counts at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Empty, or one count for each class.
    classes: Vec<u64>,
}

impl Histogram {
    pub(crate) fn subtract(&mut self, earlier: &Self) {
        for (count, earlier) in self.classes.iter_mut().zip(&earlier.classes) {
            *count = count.saturating_sub(*earlier);
        }
    }

    /// Calls counted.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// A time that so many percent of the calls did not exceed, in nanoseconds.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> u64 {
        let calls = self.calls();
        let wanted = (percent.clamp(0.0, 100.0) / 100.0 * calls as f64 + 0.5).floor().max(1.0);
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate() {
            seen += count;
            if wanted <= seen as f64 {
                return longest_in(class);
            }
        }
        0
    }

    /// Bounds in microseconds that double, and how many calls took no longer, where that is more than
    /// at the bound before.
    #[must_use]
    pub fn doubling(&self) -> Vec<(u64, u64)> {
        let mut bounds = Vec::new();
        let (mut bound, mut seen, mut told) = (FIRST_BOUND, 0, 0);
        for (class, count) in self.classes.iter().enumerate() {
            while bound <= longest_in(class) {
                if told < seen {
                    bounds.push((bound / 1000, seen));
                    told = seen;
                }
                bound *= 2;
            }
            seen += count;
        }
        if told < seen {
            bounds.push((bound / 1000, seen));
        }
        bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_exact_to_two_digits_and_in_order() {
        let mut before = 0;
        for nanos in (0..2000).chain((2000..NANOS_MAX).step_by(99_991)) {
            let class = class_of(nanos);
            assert!(before <= class && class < CLASSES, "{nanos}");
            let longest = longest_in(class);
            assert!(nanos <= longest && longest <= nanos + nanos / 100 + 1, "{nanos} {longest}");
            assert_eq!(class_of(longest), class);
            before = class;
        }
        assert_eq!(class_of(u64::MAX), CLASSES - 1);
    }

    fn histogram(times: &[u64]) -> Histogram {
        let owned = OwnedHistogram::default();
        times.iter().for_each(|nanos| owned.count(*nanos));
        let mut sum = Histogram::default();
        owned.add_to(&mut sum);
        sum
    }

    #[test]
    fn percentiles_and_bounds_are_those_of_redis() {
        // Seen on a Redis 7.0: calls of 4 and 7 µs show p50=4.015, p99=7.007.
        let two = histogram(&[4_000, 7_000]);
        assert_eq!((two.percentile(50.0), two.percentile(99.9)), (4_015, 7_007));
        assert_eq!(two.doubling(), [(4, 1), (8, 2)]);
        assert_eq!(histogram(&[500]).doubling(), [(1, 1)]);
        assert_eq!(Histogram::default().percentile(50.0), 0);
        assert_eq!(Histogram::default().doubling(), []);
    }

    #[test]
    fn what_was_before_is_taken_off() {
        let mut later = histogram(&[10, 10, 2_000]);
        later.subtract(&histogram(&[10]));
        assert_eq!(later, histogram(&[10, 2_000]));
    }
}
