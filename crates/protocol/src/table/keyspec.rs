//! Where the keys of a command are, and what becomes of them.

/// One run of keys among the arguments of a command.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// What becomes of the keys, in the words of COMMAND INFO.
    pub access: &'static [&'static str],
    /// Where the run begins.
    pub begin: Begin,
    /// How far it goes.
    pub extent: Extent,
}

/// Where a run of keys begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At this argument, counted from the command's name.
    Index(usize),
    /// Behind the keyword STREAMS, which is looked for from this argument on.
    AfterStreams(usize),
}

/// How far a run of keys goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// One key.
    One,
    /// Every so many arguments up to the last argument.
    ToEnd(usize),
    /// The first half of the remaining arguments: their other half are IDs.
    FirstHalf,
}

impl KeySpec {
    pub(super) const fn at(access: &'static [&'static str], index: usize) -> Self {
        Self { access, begin: Begin::Index(index), extent: Extent::One }
    }

    pub(super) const fn from_first(access: &'static [&'static str], step: usize) -> Self {
        Self { access, begin: Begin::Index(1), extent: Extent::ToEnd(step) }
    }

    pub(super) const fn after_streams(access: &'static [&'static str], start: usize) -> Self {
        Self { access, begin: Begin::AfterStreams(start), extent: Extent::FirstHalf }
    }

    /// It tells where names stand that are no keys.
    pub(super) fn is_no_key(&self) -> bool {
        self.access == ["not_key"]
    }

    /// The positions of the keys in `args`; `None` where the arguments do not allow to tell.
    pub(super) fn positions(&self, args: &[&[u8]]) -> Option<impl Iterator<Item = usize> + use<>> {
        let begin = match self.begin {
            Begin::Index(index) => index,
            Begin::AfterStreams(start) => {
                let found =
                    args.iter().skip(start).position(|arg| arg.eq_ignore_ascii_case(b"streams"))?;
                start + found + 1
            }
        };
        let (end, step) = match self.extent {
            Extent::One => (begin + 1, 1),
            Extent::ToEnd(step) => (args.len(), step),
            Extent::FirstHalf => (begin + args.len().checked_sub(begin)? / 2, 1),
        };
        (end <= args.len()).then(|| (begin..end).step_by(step))
    }

    /// First key, last key (negative from the end) and step, as in COMMAND INFO.
    pub(super) fn legacy(&self) -> Option<(i64, i64, i64)> {
        let Begin::Index(first) = self.begin else { return None };
        let first = i64::try_from(first).ok()?;
        match self.extent {
            Extent::One => Some((first, first, 1)),
            Extent::ToEnd(step) => Some((first, -1, i64::try_from(step).ok()?)),
            Extent::FirstHalf => None,
        }
    }
}
