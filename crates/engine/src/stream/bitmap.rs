//! Which slots of a block hold deleted entries.

/// One bit per slot, set when its entry is gone. Takes no memory until the first bit is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bitmap(Box<[u64]>);

const WORD_BITS: u32 = u64::BITS;

impl Bitmap {
    /// Whether slot `index` is marked.
    pub(crate) fn contains(&self, index: u32) -> bool {
        self.0
            .get((index / WORD_BITS) as usize)
            .is_some_and(|word| word & (1 << (index % WORD_BITS)) != 0)
    }

    /// Marks slot `index`. Returns whether it was unmarked before.
    pub(crate) fn insert(&mut self, index: u32) -> bool {
        let word = (index / WORD_BITS) as usize;
        self.reserve(word + 1);
        let bit = 1 << (index % WORD_BITS);
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    /// Marks the slots below `end`. Returns how many of them were unmarked before.
    pub(crate) fn insert_below(&mut self, end: u32) -> u32 {
        (0..end).map(|index| u32::from(self.insert(index))).sum()
    }

    /// Number of marked slots.
    pub(crate) fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The words, for an image; trailing zero words mean nothing.
    pub(crate) fn words(&self) -> &[u64] {
        &self.0
    }

    /// A bitmap from the words of an image.
    pub(crate) fn from_words(words: &[u64]) -> Self {
        Self(words.into())
    }

    /// Whether every marked slot is below `slots`.
    pub(crate) fn fits(&self, slots: u32) -> bool {
        self.0.iter().zip(0u32..).all(|(word, at)| {
            let base = at.saturating_mul(WORD_BITS);
            *word == 0 || base.saturating_add(WORD_BITS - word.leading_zeros()) <= slots
        })
    }

    /// Grows to at least `words` words. A tail gains slots after its first deletion, hence in steps.
    fn reserve(&mut self, words: usize) {
        if self.0.len() < words {
            let mut grown = self.0.to_vec();
            grown.resize(words.max(self.0.len() * 2), 0);
            self.0 = grown.into_boxed_slice();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_count_once_and_survive_an_image() {
        let mut bitmap = Bitmap::default();
        assert!(bitmap.insert(130));
        assert!(!bitmap.insert(130));
        assert_eq!(bitmap.insert_below(3), 3);
        assert_eq!(bitmap.insert_below(4), 1);
        assert_eq!(bitmap.count(), 5);
        assert!(bitmap.fits(131) && !bitmap.fits(130));
        assert!(Bitmap::from_words(bitmap.words()).contains(130));
    }
}
