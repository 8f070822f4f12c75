//! A selector: commands, keys and channels that go together. Every user has one, and may have more.

use std::collections::BTreeMap;

use protocol::{CATEGORIES, CommandSpec, Flags};

use crate::commands::CommandSet;
use crate::error::RuleError;
use crate::patterns::{ChannelPatterns, KeyPatterns, has_blank};

/// What may be done together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Whether all commands are allowed before the rules below.
    starts_with_all: bool,
    /// The rules about commands that stand, each about something else.
    rules: Vec<CommandRule>,
    /// What those come to.
    allowed: CommandSet,
    /// First arguments with which a command is allowed that is not allowed as a whole.
    first_args: BTreeMap<usize, Vec<Box<[u8]>>>,
    pub(crate) keys: KeyPatterns,
    pub(crate) channels: ChannelPatterns,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct CommandRule {
    allows: bool,
    about: About,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Category(&'static str),
    /// A command, a subcommand, or a container command with all of its own.
    Command(&'static str),
    FirstArg(&'static str, Box<[u8]>),
}

impl About {
    /// Whether a rule about `newer` makes one about this meaningless.
    fn is_covered_by(&self, newer: &About) -> bool {
        match (self, newer) {
            (Self::Command(own) | Self::FirstArg(own, _), Self::Command(newer)) => {
                own == newer || own.split_once('|').is_some_and(|(parent, _)| parent == *newer)
            }
            (Self::FirstArg(own, word), Self::FirstArg(newer, other)) => {
                own == newer && word.eq_ignore_ascii_case(other)
            }
            (own, newer) => own == newer,
        }
    }
}

impl Selector {
    /// Nothing is allowed but, if the configuration has it so, all channels.
    #[must_use]
    pub fn nothing(all_channels: bool) -> Self {
        Self {
            starts_with_all: false,
            rules: Vec::new(),
            allowed: CommandSet::new(false),
            first_args: BTreeMap::new(),
            keys: KeyPatterns::default(),
            channels: ChannelPatterns::new(all_channels),
        }
    }

    /// Everything is.
    #[must_use]
    pub fn everything() -> Self {
        let mut everything = Self::nothing(true);
        everything.set_all_commands(true);
        everything.keys = KeyPatterns::all();
        everything
    }

    /// Whether there is nothing to look at.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.starts_with_all
            && self.rules.is_empty()
            && self.keys.is_all()
            && self.channels.is_all()
    }

    pub(crate) fn permits_command(&self, spec: &'static CommandSpec, args: &[&[u8]]) -> bool {
        // Without AUTH and its like nobody could become somebody else.
        self.allowed.contains(spec)
            || spec.flags.contains(Flags::NO_AUTH)
            || self.first_args.get(&spec.index()).is_some_and(|words| {
                let first = args.get(1).copied().unwrap_or_default();
                args.len() > 1 && words.iter().any(|word| word.eq_ignore_ascii_case(first))
            })
    }

    /// Whether there is a way to call a command.
    pub(crate) fn permits_somehow(&self, spec: &'static CommandSpec) -> bool {
        self.permits_command(spec, &[]) || self.first_args.contains_key(&spec.index())
    }

    /// Lets all commands in, or none; the rules so far are over.
    pub(crate) fn set_all_commands(&mut self, allows: bool) {
        self.starts_with_all = allows;
        self.rules.clear();
        self.first_args.clear();
        self.allowed = CommandSet::new(allows);
    }

    /// `+@category`, `-@category`.
    pub(crate) fn set_category(&mut self, name: &[u8], allows: bool) -> Result<(), RuleError> {
        let known = CATEGORIES.iter().find(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        let category = *known.ok_or(RuleError::Unknown)?;
        for spec in protocol::commands().filter(|spec| spec.is_in_category(category)) {
            self.set_command(spec, allows);
        }
        self.note(CommandRule { allows, about: About::Category(category) });
        Ok(())
    }

    /// `+command`, `+container|subcommand`, `+command|first-argument`.
    pub(crate) fn allow(&mut self, name: &[u8]) -> Result<(), RuleError> {
        if let Some(spec) = protocol::find(name) {
            self.set_with_subcommands(spec, true);
            return Ok(());
        }
        let bar = name.iter().rposition(|&byte| byte == b'|').ok_or(RuleError::Unknown)?;
        let (command, word) = (&name[..bar], &name[bar + 1..]);
        let spec = protocol::find(command).ok_or(RuleError::Unknown)?;
        if command.contains(&b'|') {
            return Err(RuleError::FirstArgOfSubcommand);
        }
        // A blank could not be read back from an ACL file.
        if word.is_empty() || has_blank(word) {
            return Err(RuleError::Syntax);
        }
        if !spec.subcommands.is_empty() {
            return Err(RuleError::Unknown);
        }
        self.allow_first_arg(spec, word);
        Ok(())
    }

    fn allow_first_arg(&mut self, spec: &'static CommandSpec, word: &[u8]) {
        if self.allowed.contains(spec) {
            return;
        }
        let words = self.first_args.entry(spec.index()).or_default();
        if !words.iter().any(|present| present.eq_ignore_ascii_case(word)) {
            words.push(word.into());
            self.note(CommandRule { allows: true, about: About::FirstArg(spec.name, word.into()) });
        }
    }

    /// `-command`, `-container|subcommand`.
    pub(crate) fn forbid(&mut self, name: &[u8]) -> Result<(), RuleError> {
        let spec = protocol::find(name).ok_or(RuleError::Unknown)?;
        self.set_with_subcommands(spec, false);
        Ok(())
    }

    fn set_with_subcommands(&mut self, spec: &'static CommandSpec, allows: bool) {
        self.set_command(spec, allows);
        for sub in spec.subcommands {
            self.set_command(sub, allows);
        }
        self.note(CommandRule { allows, about: About::Command(spec.name) });
    }

    fn set_command(&mut self, spec: &'static CommandSpec, allows: bool) {
        self.allowed.set(spec, allows);
        self.first_args.remove(&spec.index());
    }

    /// Keeps a rule, in place of those that it makes meaningless: there are never more rules than
    /// things to make rules about.
    fn note(&mut self, rule: CommandRule) {
        self.rules.retain(|present| !present.about.is_covered_by(&rule.about));
        self.rules.push(rule);
    }

    /// The rules about commands.
    #[must_use]
    pub fn describe_commands(&self) -> Vec<u8> {
        let mut text = if self.starts_with_all { b"+@all".to_vec() } else { b"-@all".to_vec() };
        for CommandRule { allows, about } in &self.rules {
            text.extend_from_slice(if *allows { b" +" } else { b" -" });
            match about {
                About::Category(name) => {
                    text.push(b'@');
                    text.extend_from_slice(name.as_bytes());
                }
                About::Command(name) => text.extend_from_slice(name.as_bytes()),
                About::FirstArg(name, word) => {
                    text.extend_from_slice(name.as_bytes());
                    text.push(b'|');
                    text.extend_from_slice(word);
                }
            }
        }
        text
    }

    /// The patterns of keys.
    #[must_use]
    pub fn describe_keys(&self) -> Vec<u8> {
        self.keys.describe()
    }

    /// The patterns of channels.
    #[must_use]
    pub fn describe_channels(&self) -> Vec<u8> {
        self.channels.describe()
    }

    /// All rules, as they make the selector again.
    pub(crate) fn describe(&self) -> Vec<u8> {
        let mut words = vec![self.describe_keys()];
        if !self.channels.is_all() {
            words.push(b"resetchannels".to_vec());
        }
        words.extend([self.describe_channels(), self.describe_commands()]);
        words.retain(|word| !word.is_empty());
        words.join(&b' ')
    }
}
