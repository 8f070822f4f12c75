//! What is answered while a script hogs the core: BUSY, but for the ways to end it, and for what
//! concerns the connection alone.

use std::sync::Arc;

use engine::{CommandError, Reply};
use protocol::{Flags, Request, ScriptCommand, ServerCommand, SessionCommand};

use crate::client::Client;
use crate::core::Shared;
use crate::execute::{Parsed, exec_refusal};
use crate::scripting::Kind;
use crate::session::{self, Session};

/// A connection that cannot get at the core.
pub(crate) struct Busy<'b> {
    pub(crate) shared: &'b Arc<Shared>,
    pub(crate) client: &'b Arc<Client>,
    pub(crate) session: &'b mut Session,
}

impl Busy<'_> {
    /// The answer to one request.
    pub(crate) fn answer(&mut self, parsed: &Parsed<'_>) -> Result<Reply, CommandError> {
        let result = self.try_answer(parsed);
        if let Err(error) = &result {
            self.shared.stats.count_error(&error.text());
        }
        result
    }

    fn try_answer(&mut self, parsed: &Parsed<'_>) -> Result<Reply, CommandError> {
        let (spec, request) = parsed.request.as_ref().map_err(Clone::clone)?;
        if !self.session.authenticated && !spec.flags.contains(Flags::NO_AUTH) {
            return Err(CommandError::Fixed("NOAUTH Authentication required."));
        }
        match self.session.identity.user() {
            // Who it is was found out when it last had the core.
            Some(user) => user
                .permits(spec, parsed.args)
                .map_err(|denied| CommandError::Text(denied.refusal().into_bytes().into()))?,
            // It has just come, as the default user. What that user may do in detail is known to the
            // core alone.
            None if self.shared.door.is_unrestricted() => {}
            None => return Err(self.refused(spec.name)),
        }
        let request = request.as_ref().map_err(Clone::clone)?;
        match request {
            Request::Session(SessionCommand::Quit) => {
                self.session.closing = true;
                return Ok(Reply::Ok);
            }
            Request::Session(SessionCommand::Hello(hello)) if hello.auth.is_none() => {
                return session::greet(self.shared, self.client, self.session, hello);
            }
            Request::Server(ServerCommand::Script(command))
                if self.session.transaction.is_none() =>
            {
                match command {
                    ScriptCommand::Kill => return self.shared.script.kill(Kind::Script),
                    ScriptCommand::FunctionKill => return self.shared.script.kill(Kind::Function),
                    ScriptCommand::FunctionStats => {
                        return Ok(Reply::Map(vec![(
                            Reply::text("running_script"),
                            self.shared.script.describe(),
                        )]));
                    }
                    _ => {}
                }
            }
            Request::Server(ServerCommand::Shutdown(_))
                if parsed.args.iter().any(|arg| arg.eq_ignore_ascii_case(b"nosave")) =>
            {
                tracing::warn!(client = self.client.id, "SHUTDOWN NOSAVE while a script runs");
                self.shared.end_at_once();
            }
            _ => {}
        }
        Err(self.refused(spec.name))
    }

    /// BUSY, which spoils a transaction that is being gathered.
    fn refused(&mut self, command: &str) -> CommandError {
        if let Some(transaction) = &mut self.session.transaction {
            transaction.abort();
        }
        let busy = self.shared.script.busy();
        if command == "exec" { exec_refusal(&busy) } else { busy }
    }
}
