//! The lines of CLIENT LIST and CLIENT INFO.

use std::fmt::Write;

/// What CLIENT LIST shows of one connection.
#[derive(Debug, Clone, Default)]
pub struct ClientRow {
    /// Number of the connection, never used again.
    pub id: u64,
    /// Peer, `127.0.0.1:58656`, or the path of the Unix socket with `:0`.
    pub addr: String,
    /// Own end.
    pub laddr: String,
    /// File descriptor.
    pub fd: i32,
    /// CLIENT SETNAME; no blanks, so that it needs no escaping.
    pub name: String,
    /// Seconds since it connected.
    pub age_seconds: u64,
    /// Seconds since its last command.
    pub idle_seconds: u64,
    /// What it is doing.
    pub flags: ClientFlags,
    /// Selected database.
    pub db: u8,
    /// Channels subscribed to.
    pub sub: u64,
    /// Patterns subscribed to.
    pub psub: u64,
    /// Shard channels subscribed to.
    pub ssub: u64,
    /// Commands queued by MULTI; `None` outside.
    pub multi: Option<u64>,
    /// Bytes of requests not yet executed.
    pub query_bytes: u64,
    /// Free bytes of the query buffer.
    pub query_free_bytes: u64,
    /// Bytes of the arguments of the present command.
    pub argv_bytes: u64,
    /// Bytes of the commands queued by MULTI.
    pub multi_bytes: u64,
    /// Bytes of replies kept, and the size of their buffer.
    pub output_bytes: u64,
    /// Capacity of the reply buffer.
    pub output_buffer_bytes: u64,
    /// Last command, `xadd`, `client|list`; empty before the first.
    pub command: String,
    /// Who is told of changed keys in its place; -1 without tracking, 0 for itself.
    pub redirect: i64,
    /// Name of its user; no blanks either.
    pub user: String,
    /// 2 or 3.
    pub protocol: u8,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: String,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: String,
}

/// The flags of Redis that can occur here.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, shown as letters")]
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientFlags {
    /// `b`
    pub blocked: bool,
    /// `x`
    pub in_multi: bool,
    /// `d`
    pub watch_broken: bool,
    /// `P`
    pub subscribed: bool,
    /// `U`
    pub unix_socket: bool,
    /// `c`
    pub closing_after_reply: bool,
    /// `e`
    pub no_evict: bool,
    /// `T`
    pub no_touch: bool,
    /// `O`
    pub monitor: bool,
    /// `t`
    pub tracking: bool,
    /// `R`
    pub broken_redirect: bool,
    /// `B`
    pub broadcast: bool,
}

impl ClientFlags {
    fn text(self) -> String {
        let letters = [
            (self.monitor, 'O'),
            (self.subscribed, 'P'),
            (self.in_multi, 'x'),
            (self.blocked, 'b'),
            (self.tracking, 't'),
            (self.broken_redirect, 'R'),
            (self.broadcast, 'B'),
            (self.watch_broken, 'd'),
            (self.closing_after_reply, 'c'),
            (self.unix_socket, 'U'),
            (self.no_evict, 'e'),
            (self.no_touch, 'T'),
        ];
        let text: String =
            letters.iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
        if text.is_empty() { "N".to_owned() } else { text }
    }
}

/// Fixed cost of a connection that is not in its buffers: session, task and socket.
const CONNECTION_BYTES: u64 = 2048;

impl ClientRow {
    /// Appends the line with its line feed.
    pub fn write_line(&self, out: &mut String) {
        let events = if 0 < self.output_bytes { "rw" } else { "r" };
        let memory = CONNECTION_BYTES
            + self.query_bytes
            + self.query_free_bytes
            + self.argv_bytes
            + self.multi_bytes
            + self.output_buffer_bytes;
        let command = if self.command.is_empty() { "NULL" } else { &self.command };
        let multi = self.multi.map_or(-1, |queued| i64::try_from(queued).unwrap_or(i64::MAX));
        let written = writeln!(
            out,
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} \
             ssub={} multi={multi} qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={} \
             obl={} oll=0 omem={} tot-mem={memory} events={events} cmd={command} user={} \
             redir={} resp={} lib-name={} lib-ver={}",
            self.id,
            self.addr,
            self.laddr,
            self.fd,
            self.name,
            self.age_seconds,
            self.idle_seconds,
            self.flags.text(),
            self.db,
            self.sub,
            self.psub,
            self.ssub,
            self.query_bytes,
            self.query_free_bytes,
            self.argv_bytes,
            self.multi_bytes,
            self.output_buffer_bytes,
            self.output_buffer_bytes,
            self.output_bytes,
            self.output_bytes,
            self.user,
            self.redirect,
            self.protocol,
            self.lib_name,
            self.lib_ver,
        );
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
}

/// The reply of CLIENT LIST.
#[must_use]
pub fn client_list<'a>(rows: impl IntoIterator<Item = &'a ClientRow>) -> String {
    let mut out = String::new();
    for row in rows {
        row.write_line(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_fields_of_redis_in_their_order() {
        let row = ClientRow {
            id: 5,
            addr: "127.0.0.1:58656".to_owned(),
            laddr: "127.0.0.1:7951".to_owned(),
            fd: 8,
            query_bytes: 26,
            command: "client|list".to_owned(),
            redirect: -1,
            user: "default".to_owned(),
            protocol: 2,
            ..ClientRow::default()
        };
        assert_eq!(
            client_list([&row]),
            "id=5 addr=127.0.0.1:58656 laddr=127.0.0.1:7951 fd=8 name= age=0 idle=0 flags=N db=0 \
             sub=0 psub=0 ssub=0 multi=-1 qbuf=26 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 \
             obl=0 oll=0 omem=0 tot-mem=2074 events=r cmd=client|list user=default redir=-1 resp=2 \
             lib-name= lib-ver=\n"
        );
    }

    #[test]
    fn flags_are_letters_and_n_for_none() {
        let check = |flags: ClientFlags, expected| assert_eq!(flags.text(), expected);
        check(ClientFlags::default(), "N");
        check(ClientFlags { blocked: true, ..ClientFlags::default() }, "b");
        check(ClientFlags { in_multi: true, unix_socket: true, ..ClientFlags::default() }, "xU");
    }
}
