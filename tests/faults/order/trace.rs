//! What strace saw of a server: writes to files, syncs of them, and bytes that left through sockets.

use std::collections::HashMap;
use std::ops::RangeInclusive;

/// What happened to one file descriptor, in the order of the trace.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// Bytes went to a file of the data directory. Synced at once if the call says so.
    Write { file: &'a str, bytes: &'a str, is_durable: bool },
    /// A sync of a file began at the first line and had ended at this one.
    Sync { file: &'a str, began: usize },
    /// Bytes went to a socket.
    Send { to: &'a str, bytes: &'a str },
}

/// The events, each with the line at which it was over; a send with the line at which it began,
/// because from there on bytes may be on the way.
pub(super) struct Trace<'a>(Vec<(usize, Event<'a>)>);

impl<'a> Trace<'a> {
    /// Of writes only those that carry a marker are kept: segments are laid out with megabytes of
    /// zeros.
    pub(super) fn new(text: &'a str, dir: &str) -> Self {
        let mut events = Vec::new();
        let mut unfinished: HashMap<&str, (usize, &'a str)> = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let Some((pid, call)) = line.split_once(char::is_whitespace) else { continue };
            let call = call.trim_start();
            let (began, start, is_over) = if call.starts_with("<... ") {
                let Some((began, start)) = unfinished.remove(pid) else { continue };
                (began, start, true)
            } else {
                let is_over = !call.ends_with("<unfinished ...>");
                if !is_over {
                    unfinished.insert(pid, (at, call));
                }
                (at, call, is_over)
            };
            let Some((name, arguments)) = start.split_once('(') else { continue };
            // `3</data/log/1.log>`, the last argument of a sync with its bracket.
            let target = arguments.split(['>', ',']).next().unwrap_or_default();
            let (_, file) = target.split_once('<').unwrap_or_default();
            let is_socket = file.starts_with("socket:") || file.starts_with("TCP:");
            let is_data = file.starts_with(dir);
            match name {
                // One that failed covers nothing.
                "fdatasync" | "fsync" if is_data && is_over && call.ends_with("= 0") => {
                    events.push((at, Event::Sync { file, began }));
                }
                "fdatasync" | "fsync" => {}
                _ if is_socket && began == at => {
                    events.push((at, Event::Send { to: target, bytes: arguments }));
                }
                _ if is_data && is_over && arguments.contains("<m") => {
                    let is_durable = call.contains("RWF_DSYNC") || start.contains("RWF_DSYNC");
                    events.push((at, Event::Write { file, bytes: arguments, is_durable }));
                }
                _ => {}
            }
        }
        Self(events)
    }

    /// When and to whom the first bytes with this text left, behind a line.
    ///
    /// # Panics
    /// If none did.
    pub(super) fn sent(&self, text: &str, behind: usize) -> (usize, &'a str) {
        self.sends(behind)
            .find(|(_, _, bytes)| bytes.contains(text))
            .map_or_else(|| panic!("{text} was never sent"), |(at, to, _)| (at, to))
    }

    /// When the first bytes behind a line left through this socket.
    pub(super) fn sent_to(&self, socket: &str, behind: usize) -> Option<usize> {
        self.sends(behind).find(|(_, to, _)| *to == socket).map(|(at, ..)| at)
    }

    /// When the first bytes with this text left through another socket than this one.
    pub(super) fn sent_to_others(&self, socket: &str, text: &str, behind: usize) -> Option<usize> {
        let mut sends = self.sends(behind);
        sends.find(|(_, to, bytes)| *to != socket && bytes.contains(text)).map(|(at, ..)| at)
    }

    fn sends(&self, behind: usize) -> impl Iterator<Item = (usize, &'a str, &'a str)> + '_ {
        self.0.iter().filter(move |(at, _)| behind < *at).filter_map(|(at, event)| match event {
            Event::Send { to, bytes } => Some((*at, *to, *bytes)),
            _ => None,
        })
    }

    /// Between the two lines the marker was written, and each file that took it was synced after that.
    ///
    /// # Panics
    /// If not.
    pub(super) fn check_durable(&self, marker: &str, between: RangeInclusive<usize>, what: &str) {
        let (begin, sent) = between.into_inner();
        let mut is_written = false;
        for (written, event) in &self.0 {
            let Event::Write { file, bytes, is_durable } = event else { continue };
            if !(begin..=sent).contains(written) || !bytes.contains(marker) {
                continue;
            }
            is_written = true;
            let is_synced = self.0.iter().any(|(ended, event)| {
                matches!(event, Event::Sync { file: synced, began }
                    if synced == file && written < began && *ended < sent)
            });
            assert!(
                *is_durable || is_synced,
                "{what} left at line {sent} with no sync of {file} after the write at {written}"
            );
        }
        assert!(is_written, "{what} left at line {sent}, and {marker} was not written before");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        let trace = Trace::new(text, "/d");
        let (sent, _) = trace.sent("5-7", 0);
        trace.check_durable("<m>", 0..=sent, "5-7");
    }

    #[test]
    fn the_right_order() {
        check(
            "7 write(3</d/log>, \"..<m>..\", 9) = 9\n\
             8 fdatasync(3</d/log> <unfinished ...>\n\
             7 write(9<TCP:[a]>, \"other\", 5) = 5\n\
             8 <... fdatasync resumed>) = 0\n\
             7 sendto(9<socket:[1]>, \"$3 5-7\", 9, 0, NULL, 0) = 9",
        );
        check(
            "7 pwritev2(3</d/log>, [{\"<m>\", 9}], 1, 0, RWF_DSYNC) = 9\n\
             7 write(9<TCP:[a]>, \"$3 5-7\", 9) = 9",
        );
    }

    #[test]
    #[should_panic(expected = "no sync of /d/log after the write")]
    fn a_sync_that_began_before_the_write_covers_nothing() {
        check(
            "8 fdatasync(3</d/log> <unfinished ...>\n\
             7 write(3</d/log>, \"..<m>..\", 9) = 9\n\
             8 <... fdatasync resumed>) = 0\n\
             7 sendto(9<socket:[1]>, \"$3 5-7\", 9, 0, NULL, 0) = 9",
        );
    }

    #[test]
    #[should_panic(expected = "no sync of /d/log after the write")]
    fn a_reply_before_the_end_of_the_sync() {
        check(
            "7 write(3</d/log>, \"..<m>..\", 9) = 9\n\
             8 fdatasync(3</d/log> <unfinished ...>\n\
             7 sendto(9<socket:[1]>, \"$3 5-7\", 9, 0, NULL, 0) = 9\n\
             8 <... fdatasync resumed>) = 0",
        );
    }

    #[test]
    #[should_panic(expected = "no sync of /d/log after the write")]
    fn a_sync_of_another_file_or_of_the_directory_covers_nothing() {
        check(
            "7 write(3</d/log>, \"..<m>..\", 9) = 9\n\
             7 fdatasync(4</d/log.spare>) = 0\n\
             7 fsync(5</d>) = 0\n\
             7 sendto(9<socket:[1]>, \"$3 5-7\", 9, 0, NULL, 0) = 9",
        );
    }

    #[test]
    #[should_panic(expected = "no sync of /d/log after the write")]
    fn a_failed_sync_covers_nothing() {
        check(
            "7 write(3</d/log>, \"..<m>..\", 9) = 9\n\
             7 fdatasync(3</d/log>) = -1 EIO (Input/output error)\n\
             7 sendto(9<socket:[1]>, \"$3 5-7\", 9, 0, NULL, 0) = 9",
        );
    }

    #[test]
    #[should_panic(expected = "was not written before")]
    fn a_reply_before_the_write() {
        check(
            "7 write(9<TCP:[a]>, \"other\", 5) = 5\n\
             7 sendto(9<socket:[1]>, \"$3 5-7\", 9, 0, NULL, 0) = 9\n\
             7 write(3</d/log>, \"..<m>..\", 9) = 9\n\
             7 fdatasync(3</d/log>) = 0",
        );
    }
}
