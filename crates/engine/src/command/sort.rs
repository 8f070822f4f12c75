//! The arguments of SORT.

/// SORT after parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort<'a> {
    /// What is sorted.
    pub key: &'a [u8],
    /// BY: where the weight of each element is found.
    pub by: Option<SortPattern<'a>>,
    /// LIMIT: the first place and the number of elements.
    pub limit: Option<(i64, i64)>,
    /// GET: what is answered for each element; itself if there is none.
    pub get: Vec<SortPattern<'a>>,
    /// DESC.
    pub is_descending: bool,
    /// ALPHA: weights are compared as strings.
    pub is_alpha: bool,
    /// STORE.
    pub store: Option<&'a [u8]>,
}

/// A pattern behind BY or GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortPattern<'a> {
    /// `#`: the element itself.
    Element,
    /// The same for every element, so it says nothing about any.
    Constant,
    /// What the element stands in the middle of: a key that holds a string, or a hash and its field.
    Key {
        /// Before the `*`.
        before: &'a [u8],
        /// Behind it.
        behind: &'a [u8],
        /// Behind `->`.
        field: Option<&'a [u8]>,
    },
}

impl<'a> SortPattern<'a> {
    /// The value of BY.
    #[must_use]
    pub fn of_by(pattern: &'a [u8]) -> Self {
        // The reference looks for the star up to a zero byte.
        let looked_at = pattern.split(|&byte| byte == 0).next().unwrap_or_default();
        let Some(star) = looked_at.iter().position(|&byte| byte == b'*') else {
            return Self::Constant;
        };
        let arrow = looked_at[star..].windows(2).position(|window| window == b"->");
        let arrow = arrow.map(|arrow| star + arrow).filter(|arrow| arrow + 2 < looked_at.len());
        let end = arrow.unwrap_or(pattern.len());
        let field = arrow.map(|arrow| &pattern[arrow + 2..]);
        Self::Key { before: &pattern[..star], behind: &pattern[star + 1..end], field }
    }

    /// The value of GET.
    #[must_use]
    pub fn of_get(pattern: &'a [u8]) -> Self {
        if pattern == b"#" { Self::Element } else { Self::of_by(pattern) }
    }
}
