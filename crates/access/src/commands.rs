//! A set of commands: one bit for each command and subcommand of the table.

use protocol::CommandSpec;

/// Commands by their place in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandSet(Box<[u64]>);

impl CommandSet {
    /// All commands, or none.
    pub(crate) fn new(all: bool) -> Self {
        let words = protocol::commands().count().div_ceil(64);
        Self(vec![if all { u64::MAX } else { 0 }; words].into())
    }

    pub(crate) fn contains(&self, spec: &'static CommandSpec) -> bool {
        let index = spec.index();
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Puts a command in, or takes it out.
    pub(crate) fn set(&mut self, spec: &'static CommandSpec, is_in: bool) {
        let index = spec.index();
        if let Some(word) = self.0.get_mut(index / 64) {
            let bit = 1 << (index % 64);
            *word = if is_in { *word | bit } else { *word & !bit };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_bit_of_its_own() {
        for spec in protocol::commands() {
            let mut set = CommandSet::new(false);
            set.set(spec, true);
            let members: Vec<_> =
                protocol::commands().filter(|other| set.contains(other)).map(|s| s.name).collect();
            assert_eq!(members, [spec.name]);
            set.set(spec, false);
            assert_eq!(set, CommandSet::new(false));
            let mut all = CommandSet::new(true);
            all.set(spec, false);
            assert!(!all.contains(spec));
        }
    }
}
