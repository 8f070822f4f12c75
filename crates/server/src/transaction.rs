//! MULTI, EXEC, DISCARD, WATCH: commands gathered, then run as one record.

use std::sync::atomic::Ordering;

use engine::{Command, CommandError, Context, Reply};
use protocol::{CommandSpec, Flags};
use smallvec::SmallVec;

use crate::client_limits::cut_off;
use crate::execute::{Answer, Executor, Outcome, exec_refusal};
use crate::monitor::Source;

/// Commands between MULTI and EXEC.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    commands: Vec<Queued>,
    /// One of the commands runs a script.
    has_script: bool,
    /// A command was refused while queueing: EXEC will refuse the whole.
    aborted: bool,
    /// Memory that the commands take.
    bytes: usize,
}

impl Transaction {
    /// The commands that are gathered.
    pub(crate) fn specs(&self) -> impl Iterator<Item = &'static CommandSpec> {
        self.commands.iter().map(|queued| queued.spec)
    }

    /// Memory that the gathered commands take: as good as bytes of requests that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether EXEC will run a script.
    pub(crate) fn has_script(&self) -> bool {
        self.has_script
    }

    /// A command was refused: EXEC will refuse the whole.
    pub(crate) fn abort(&mut self) {
        self.aborted = true;
    }
}

/// What an operation takes beside the strings of its command, about: kind, numbers, one ID.
const OP_BYTES: usize = 64;

/// Longest length that stands before a string.
const LENGTH_BYTES: usize = 9;

impl Transaction {
    /// Bytes that its commands will record, about; 0 if none of them needs new room. Those that give
    /// room, or end work, are left to the reserve of the log.
    fn bytes_to_record(&self) -> usize {
        let fills = |queued: &&Queued| queued.spec.flags.contains(Flags::DENYOOM);
        let bytes =
            |queued: &Queued| OP_BYTES + queued.bytes.len() + LENGTH_BYTES * queued.ends.len();
        self.commands.iter().filter(fills).map(bytes).sum()
    }
}

/// A queued command, owned: the read buffer moves on.
#[derive(Debug)]
struct Queued {
    spec: &'static CommandSpec,
    bytes: Box<[u8]>,
    /// End of each argument in `bytes`.
    ends: Box<[usize]>,
}

impl Queued {
    fn new(spec: &'static CommandSpec, args: &[&[u8]]) -> Self {
        let ends = args.iter().scan(0, |end, arg| {
            *end += arg.len();
            Some(*end)
        });
        Self { spec, ends: ends.collect(), bytes: args.concat().into() }
    }

    fn args(&self) -> SmallVec<[&[u8]; 16]> {
        let mut start = 0;
        self.ends
            .iter()
            .map(|&end| {
                let arg = &self.bytes[start..end];
                start = end;
                arg
            })
            .collect()
    }
}

impl Executor<'_> {
    /// Queues a command for EXEC.
    pub(crate) fn queue(&mut self, spec: &'static CommandSpec, args: &[&[u8]]) -> Reply {
        if let Some(transaction) = &mut self.session.transaction {
            let queued = Queued::new(spec, args);
            transaction.bytes +=
                queued.bytes.len() + size_of_val(&*queued.ends) + size_of::<Queued>();
            transaction.has_script |= spec.runs_script();
            transaction.commands.push(queued);
            let count = transaction.commands.len() as i64;
            self.client.facts.multi.store(count, Ordering::Relaxed);
        }
        Reply::Simple("QUEUED")
    }

    /// A command was refused: a transaction that is being gathered cannot be run any more.
    pub(crate) fn abort_transaction(&mut self) {
        if let Some(transaction) = &mut self.session.transaction {
            transaction.aborted = true;
        }
    }

    pub(crate) fn multi(&mut self) -> Result<Reply, CommandError> {
        if self.session.transaction.is_some() {
            return Err(CommandError::Fixed("ERR MULTI calls can not be nested"));
        }
        self.session.transaction = Some(Transaction::default());
        self.client.facts.multi.store(0, Ordering::Relaxed);
        Ok(Reply::Ok)
    }

    pub(crate) fn discard(&mut self) -> Result<Reply, CommandError> {
        if self.session.transaction.is_none() {
            return Err(CommandError::Fixed("ERR DISCARD without MULTI"));
        }
        self.end_transaction_state();
        Ok(Reply::Ok)
    }

    /// Forgets a transaction under way and all watches.
    pub(crate) fn end_transaction_state(&mut self) {
        self.session.transaction = None;
        self.client.facts.multi.store(-1, Ordering::Relaxed);
        self.unwatch();
    }

    pub(crate) fn exec(&mut self) -> Outcome {
        let Some(transaction) = self.session.transaction.take() else {
            return Outcome::from(CommandError::Fixed("ERR EXEC without MULTI"));
        };
        let broken = self.is_watch_broken();
        self.end_transaction_state();
        if transaction.aborted {
            return Outcome::from(CommandError::Fixed(
                "EXECABORT Transaction discarded because of previous errors.",
            ));
        }
        if broken {
            // The change that broke the watch shows through this answer.
            return Outcome::answer(Reply::NilArray, self.shared.log.last());
        }
        self.run_transaction(&transaction)
    }

    /// Runs all commands on one instant; what they change is one record, and nobody is served in
    /// between.
    fn run_transaction(&mut self, transaction: &Transaction) -> Outcome {
        // Before the first command: a transaction is refused whole, never cut short by a full disk.
        let bytes = transaction.bytes_to_record();
        if bytes == 0 {
            self.core.database.begin_transaction(self.now);
        } else if let Err(error) = self.core.database.begin_transaction_with_room(self.now, bytes) {
            return Outcome::from(exec_refusal(&error));
        }
        self.in_exec = true;
        let limit = self.shared.config.settings().output_limits.normal.hard_limit();
        let mut owned: usize = 0;
        let mut depends = 0;
        let mut replies = Vec::with_capacity(transaction.commands.len());
        for queued in &transaction.commands {
            let args = queued.args();
            let answer = self.run_queued(queued.spec, &args).into_answer();
            depends = depends.max(answer.depends);
            let reply = answer.reply.unwrap_or_else(Reply::Error);
            owned += reply.bytes_owned();
            // All commands run, but a client that will be cut off need not cost all the memory.
            replies.push(if owned <= limit { reply } else { Reply::TooLong });
            self.core.database.limit_replies(limit.saturating_sub(owned));
        }
        self.core.database.limit_replies(limit);
        self.in_exec = false;
        let recorded = self.core.database.end_transaction();
        depends = depends.max(self.shared.check(recorded));
        self.serve_blocked();
        if limit < owned {
            cut_off(self.client, owned, &self.shared.stats);
        }
        let reply = Ok(Reply::Array(replies));
        Outcome::Answer(Answer { reply, depends, is_transaction: true })
    }

    /// Runs a command of a transaction, unless somebody has taken the right to it away since it was
    /// queued.
    fn run_queued(&mut self, spec: &'static CommandSpec, args: &[&[u8]]) -> Outcome {
        if !self.is_free()
            && let Err(error) = self.permit_or_refuse(spec, args)
        {
            self.shared.stats.count_error(&error.text());
            return Outcome::from(error);
        }
        self.run_resolved(spec, args)
    }

    pub(crate) fn watch(&mut self, keys: &[&[u8]]) -> Result<Reply, CommandError> {
        if self.session.transaction.is_some() {
            return Err(CommandError::Fixed("ERR WATCH inside MULTI is not allowed"));
        }
        for key in keys {
            let existed = self.exists(self.session.db, key);
            self.core.watches.add(self.client, self.session.db, key, existed);
            self.session.watched.push(((self.session.db, (*key).into()), existed));
        }
        Ok(Reply::Ok)
    }

    pub(crate) fn unwatch(&mut self) {
        self.core.watches.remove(self.client, self.session.watched.iter().map(|(key, _)| key));
        self.session.watched.clear();
        self.client.watch_broken.store(false, Ordering::Relaxed);
    }

    /// A watched key was changed, or its time has passed since (which nobody may have noticed yet).
    fn is_watch_broken(&self) -> bool {
        let mut watched = self.session.watched.iter();
        self.client.watch_broken.load(Ordering::Relaxed)
            || watched.any(|((db, key), existed)| *existed && !self.exists(*db, key))
    }

    pub(crate) fn exists(&self, db: u8, key: &[u8]) -> bool {
        let command = Command::Exists { keys: &[key] };
        let decision = self.core.database.engine().decide(&command, Context { db, now: self.now });
        matches!(decision, Ok(decision) if decision.reply == Reply::Integer(1))
    }

    /// Parses and runs a command whose name is known, inside or outside a transaction.
    pub(crate) fn run_resolved(&mut self, spec: &'static CommandSpec, args: &[&[u8]]) -> Outcome {
        match protocol::parse(spec, args, self.draw()) {
            Ok(request) => self.run_request(spec, args, request),
            Err(error) => {
                if self.core.has_audience {
                    self.show(spec, args, Source::Client);
                }
                self.misread(spec, &error);
                Outcome::from(error)
            }
        }
    }

    /// Counts a request whose arguments cannot be read: in Redis they are read by the command itself, so
    /// it is a call like any other that fails.
    pub(crate) fn misread(&self, spec: &'static CommandSpec, error: &CommandError) {
        let counters = &self.client.worker.counters;
        counters.commands[spec.index()].executed(0);
        counters.commands[spec.index()].failed();
        counters.commands_processed.add(1);
        self.shared.stats.count_error(&error.text());
    }
}

/// What a queued request may not be; the table's flag says it for the rest.
pub(crate) fn runs_at_once(request: &str) -> bool {
    matches!(request, "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
}
