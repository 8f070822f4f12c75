//! One request on its way through the rules: checks that concern every command, then the command.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use engine::{Blocked, Command, CommandError, Context, Reply, UnixMillis};
use protocol::{CommandSpec, Flags, Request, TooLong, Version};

use crate::blocking::Waiter;
use crate::client::Client;
use crate::core::{Core, Shared};
use crate::monitor::Source;
use crate::pressure::OUT_OF_MEMORY;
use crate::push::{Message, Push};
use crate::serve::Delivery;
use crate::session::Session;
use crate::stats::CommandCounters;

/// Runs the requests of one batch while the core is locked.
pub(crate) struct Executor<'e> {
    pub(crate) shared: &'e Arc<Shared>,
    pub(crate) core: &'e mut Core,
    pub(crate) client: &'e Arc<Client>,
    pub(crate) session: &'e mut Session,
    /// The instant of the batch.
    pub(crate) now: UnixMillis,
    /// When the last command ended: the next one begins there, which spares a look at the clock.
    pub(crate) idle_since: Instant,
    /// Inside EXEC nothing blocks and nobody is served.
    pub(crate) in_exec: bool,
    /// The commands are those of a script.
    pub(crate) in_script: bool,
    /// The error that the running command answers was counted when it arose.
    pub(crate) is_error_counted: bool,
    /// Other clients' replies that this batch brought about.
    pub(crate) deliveries: Vec<Delivery>,
    /// Messages that the command brought about so far.
    pub(crate) pushes: Vec<Push>,
    /// Bytes of them, about.
    pub(crate) pushed_bytes: usize,
    /// Those for the client itself, each with the LSN that must be safe before: they take their place
    /// among its replies.
    pub(crate) own: Vec<(u64, Message)>,
    /// Other clients were sent messages.
    pub(crate) has_pushed: bool,
}

/// A reply and the LSN that must be safe before it leaves.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Result<Reply, CommandError>,
    pub(crate) depends: u64,
    /// The reply is EXEC's array: each of its elements stands for itself when a block is damaged.
    pub(crate) is_transaction: bool,
}

impl Answer {
    pub(crate) fn new(reply: Result<Reply, CommandError>, depends: u64) -> Self {
        Self { reply, depends, is_transaction: false }
    }

    /// Whether it is sent to a client that wants no replies (CLIENT REPLY): the confirmation of a
    /// subscription, which is no reply in RESP3.
    pub(crate) fn is_message(&self) -> bool {
        matches!(self.reply, Ok(Reply::Several(_) | Reply::Push(_)))
    }

    /// Roughly how many bytes it will be.
    pub(crate) fn bytes_about(&self) -> usize {
        self.reply.as_ref().map_or(0, Reply::bytes_about)
    }
}

/// What running a request came to.
pub(crate) enum Outcome {
    /// Answer now.
    Answer(Answer),
    /// The client waits in [`Blocking`](crate::blocking::Blocking), for so many milliseconds (0: without limit).
    Blocked { timeout_ms: u64 },
    /// The answer comes from elsewhere; the connection waits for it.
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
    /// The request waits until the end of a pause, for so many milliseconds at most.
    Postponed { left_ms: u64 },
    /// No answer at all (SHUTDOWN).
    Silent,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Answer(answer) => f.debug_tuple("Answer").field(answer).finish(),
            Outcome::Blocked { timeout_ms } => f.debug_tuple("Blocked").field(timeout_ms).finish(),
            Outcome::Later(_) => f.write_str("Later"),
            Outcome::Postponed { left_ms } => f.debug_tuple("Postponed").field(left_ms).finish(),
            Outcome::Silent => f.write_str("Silent"),
        }
    }
}

impl Outcome {
    pub(crate) fn answer(reply: Reply, depends: u64) -> Self {
        Outcome::Answer(Answer::new(Ok(reply), depends))
    }

    /// For a place where nothing can wait: the answer of a read that waits is null.
    pub(crate) fn into_answer(self) -> Answer {
        match self {
            Outcome::Answer(answer) => answer,
            Outcome::Blocked { .. }
            | Outcome::Later(_)
            | Outcome::Postponed { .. }
            | Outcome::Silent => Answer::new(Ok(Reply::NilArray), 0),
        }
    }
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Outcome::answer(reply, 0)
    }
}

impl From<CommandError> for Outcome {
    fn from(error: CommandError) -> Self {
        Outcome::Answer(Answer::new(Err(error), 0))
    }
}

impl From<Result<Reply, CommandError>> for Outcome {
    fn from(result: Result<Reply, CommandError>) -> Self {
        Outcome::Answer(Answer::new(result, 0))
    }
}

/// A request as the wire gave it: the command found in the table, and its arguments parsed.
pub(crate) struct Parsed<'a> {
    pub(crate) args: &'a [&'a [u8]],
    pub(crate) request:
        Result<(&'static CommandSpec, Result<Request<'a>, CommandError>), CommandError>,
}

impl<'a> Parsed<'a> {
    /// Parses what needs neither lock nor state.
    pub(crate) fn new(args: &'a [&'a [u8]], draw: u64) -> Self {
        let request = protocol::resolve(args).map(|spec| (spec, protocol::parse(spec, args, draw)));
        Self { args, request }
    }
}

impl Parsed<'_> {
    /// Whether it is a subcommand of CLIENT.
    fn is_about_client(&self) -> bool {
        self.request.as_ref().is_ok_and(|(spec, _)| spec.name.starts_with("client|"))
    }
}

impl Executor<'_> {
    /// Runs one request of the client: the checks in Redis's order, then the command. Messages that it
    /// brought about are handed out.
    pub(crate) fn run(&mut self, parsed: Parsed<'_>) -> Outcome {
        let ends_caching = self.session.caching && !parsed.is_about_client();
        let outcome = self.run_checked(parsed);
        if ends_caching && self.session.transaction.is_none() {
            self.session.caching = false;
        }
        if self.core.has_audience {
            self.invalidate();
            self.pushes.append(&mut self.core.told);
        }
        if !self.pushes.is_empty() {
            self.hand_out();
        }
        outcome
    }

    #[inline(always)]
    fn run_checked(&mut self, parsed: Parsed<'_>) -> Outcome {
        let (spec, request) = match parsed.request {
            Ok(found) => found,
            Err(error) => {
                self.count_wrong_number(&error);
                return self.refused_at_once(parsed.args, error);
            }
        };
        self.client.facts.set_command(spec);
        if let Err(error) = self.admit(spec, parsed.args) {
            self.counters(spec).rejected();
            return self.refused_at_once(parsed.args, error);
        }
        if self.is_paused(spec) {
            return self.postpone();
        }
        if self.shared.pressure.is_felt() {
            match self.wait_for_memory(spec) {
                Ok(None) => {}
                Ok(Some(waits)) => return waits,
                Err(error) => {
                    self.counters(spec).rejected();
                    return self.refused_at_once(parsed.args, error);
                }
            }
        }
        if self.session.transaction.is_some() && !crate::transaction::runs_at_once(spec.name) {
            return Outcome::from(self.queue(spec, parsed.args));
        }
        match request {
            Ok(request) => self.run_request(spec, parsed.args, request),
            Err(error) => {
                if self.core.has_audience {
                    self.show(spec, parsed.args, Source::Client);
                }
                self.misread(spec, &error);
                Outcome::from(error)
            }
        }
    }

    /// A request that is refused before it begins spoils the transaction that is being gathered. A
    /// refused EXEC ends it, if there is one or not.
    fn refused_at_once(&mut self, args: &[&[u8]], error: CommandError) -> Outcome {
        self.abort_transaction();
        if !args.first().is_some_and(|name| name.eq_ignore_ascii_case(b"exec")) {
            return self.refused(error);
        }
        if self.core.has_audience
            && let Some(exec) = protocol::lookup(b"exec")
        {
            self.show(exec, args, Source::Client);
        }
        self.end_transaction_state();
        self.refused(exec_refusal(&error))
    }

    fn refused(&self, error: CommandError) -> Outcome {
        self.shared.stats.count_error(&error.text());
        Outcome::from(error)
    }

    /// A wrong number of arguments counts against the command that has it; other requests that cannot be
    /// resolved have none.
    pub(crate) fn count_wrong_number(&self, error: &CommandError) {
        if let CommandError::Arity(name) = error
            && let Some(spec) = protocol::find(name.as_bytes())
        {
            self.counters(spec).rejected();
        }
    }

    pub(crate) fn counters(&self, spec: &'static CommandSpec) -> &CommandCounters {
        &self.client.worker.counters.commands[spec.index()]
    }

    /// Checks that concern every command. Users cost one comparison where nobody has restricted any.
    fn admit(&mut self, spec: &'static CommandSpec, args: &[&[u8]]) -> Result<(), CommandError> {
        let is_free = self.is_free();
        if !is_free {
            self.identify(spec)?;
        }
        if self.session.transaction.is_some() && spec.flags.contains(Flags::NO_MULTI) {
            return Err(CommandError::Fixed("ERR Command not allowed inside a transaction"));
        }
        if !is_free {
            self.permit_or_refuse(spec, args)?;
        }
        if spec.flags.contains(Flags::DENYOOM) && self.shared.is_over_memory_limit() {
            return Err(OUT_OF_MEMORY);
        }
        if self.is_subscriber_of_resp2() && !is_for_subscribers(spec.name) {
            let text = format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
                 are allowed in this context",
                spec.name
            );
            return Err(CommandError::Text(text.into_bytes().into()));
        }
        if self.core.has_audience && self.is_monitor() && touches_keyspace(spec) {
            return Err(CommandError::Fixed("ERR Replica can't interact with the keyspace"));
        }
        Ok(())
    }

    /// Runs a parsed request and counts it.
    pub(crate) fn run_request(
        &mut self,
        spec: &'static CommandSpec,
        args: &[&[u8]],
        request: Request<'_>,
    ) -> Outcome {
        // Between the calls of a script is its own work.
        let started = if self.in_script { Instant::now() } else { self.idle_since };
        if self.core.has_audience {
            self.tell_misses(spec, args);
        }
        let outcome = match request {
            Request::Engine(command) => {
                if spec.flags.contains(Flags::READONLY) {
                    self.count_lookups(spec, args);
                }
                self.engine(&command)
            }
            Request::Session(command) => self.session(&command),
            Request::Server(command) => self.server(&command, args),
            Request::Ready(reply) => Outcome::from(reply),
        };
        self.idle_since = Instant::now();
        let took = self.idle_since.duration_since(started);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let counters = self.counters(spec);
        counters.executed(nanos);
        if self.shared.stats.tracks_times() {
            counters.timed(nanos);
        }
        if self.shared.observer.is_slow(nanos) {
            self.note_slow(spec, args, nanos);
        }
        self.client.worker.counters.commands_processed.add(1);
        if self.core.has_audience {
            let source = if self.in_script { Source::Script } else { Source::Client };
            self.show(spec, args, source);
            if self.session.remembers_reads {
                self.remember_reads(spec, args);
            }
            self.pushes.append(&mut self.core.told);
        }
        if let Outcome::Answer(Answer { reply: Err(error), .. }) = &outcome {
            self.counters(spec).failed();
            if !mem::take(&mut self.is_error_counted) {
                self.shared.stats.count_error(&error.text());
            }
        }
        outcome
    }

    /// Counts which keys of a reading command are there (`keyspace_hits`, `keyspace_misses`).
    fn count_lookups(&self, spec: &'static CommandSpec, args: &[&[u8]]) {
        let counters = &self.client.worker.counters;
        for key in spec.keys_in(args) {
            match self.exists(self.session.db, key) {
                true => counters.keyspace_hits.add(1),
                false => counters.keyspace_misses.add(1),
            }
        }
    }

    /// Runs a command of the engine, then serves those who waited for what it changed.
    fn engine(&mut self, command: &Command<'_>) -> Outcome {
        let context = Context { db: self.session.db, now: self.now };
        let client = || Some(self.client.described());
        let missing = self.core.missing_before(command, context);
        let is_untouching = self.client.facts.no_touch.load(Ordering::Relaxed)
            && !matches!(command, Command::Touch { .. });
        if is_untouching {
            self.core.database.engine().leave_untouched(true);
        }
        let executed = self.core.database.execute_for(command, context, client);
        if is_untouching {
            self.core.database.engine().leave_untouched(false);
        }
        let executed = match executed {
            Ok(executed) => executed,
            // A refusal tells about the state as well: BUSYGROUP, that somebody made the group.
            Err(error) => {
                let depends = self.shared.log.last();
                return Outcome::Answer(Answer::new(Err(error), depends));
            }
        };
        self.core.note(&executed.ops);
        self.core.tell_events(Some(command), &executed.ops, context.db, missing);
        if self.core.has_audience
            && executed.ops.is_empty()
            && matches!(command, Command::Flush { .. })
        {
            // Whoever caches that a key is missing is told that, too.
            self.core.tracking.note_everything();
        }
        let outcome = match executed.wait {
            Some(blocked) if !self.in_exec => self.block(*blocked, command),
            _ => Outcome::answer(executed.reply, executed.depends),
        };
        if !self.in_exec {
            self.serve_blocked();
        }
        outcome
    }

    fn block(&mut self, blocked: Blocked, command: &Command<'_>) -> Outcome {
        self.client.set_blocked(true, &self.shared.stats);
        let waiter = Waiter { client: self.client.clone(), db: self.session.db, blocked };
        self.core.blocking.add(waiter);
        Outcome::Blocked { timeout_ms: command.block_ms().unwrap_or(0) }
    }

    /// Serves those who waited for what changed.
    pub(crate) fn serve_blocked(&mut self) {
        self.core.serve_blocked(self.now, &mut self.deliveries, self.shared);
    }

    /// A number for the commands that choose at random.
    pub(crate) fn draw(&self) -> u64 {
        self.shared.draw()
    }
}

/// Whether a command reads or writes data, or concerns others as a write does.
fn touches_keyspace(spec: &CommandSpec) -> bool {
    let is = |flag| spec.flags.contains(flag);
    is(Flags::READONLY) || is(Flags::WRITE) || is(Flags::MAY_REPLICATE)
}

/// What a subscriber may send in RESP2, where it could not tell other replies from messages.
fn is_for_subscribers(name: &str) -> bool {
    matches!(
        name,
        "subscribe"
            | "unsubscribe"
            | "psubscribe"
            | "punsubscribe"
            | "ssubscribe"
            | "sunsubscribe"
            | "ping"
            | "quit"
            | "reset"
    )
}

/// What EXEC answers when it is refused for a reason of its own.
pub(crate) fn exec_refusal(error: &CommandError) -> CommandError {
    let text = error.text();
    let reason = text.strip_prefix(b"ERR ").unwrap_or(&text);
    let text = [b"EXECABORT Transaction discarded because of: ", reason].concat();
    CommandError::Text(text.into_boxed_slice())
}

/// An answer as bytes, unless it is longer than `bytes_max`: the client is cut off then.
pub(crate) fn encode(
    answer: &Answer,
    version: Version,
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), TooLong> {
    match &answer.reply {
        Ok(Reply::Array(replies)) if answer.is_transaction => {
            protocol::encode_array(replies.iter(), version, bytes_max, out)
        }
        Ok(reply) => protocol::encode(reply, version, bytes_max, out),
        Err(error) => {
            let start = out.len();
            protocol::encode_error(error, out);
            if bytes_max < out.len() - start { Err(TooLong) } else { Ok(()) }
        }
    }
}
