//! One run of 200 requests, with checkpoints and changes of the segment; and the same again with an
//! I/O error at each of its system calls, once and for good. After each: nothing acknowledged is lost,
//! nothing was acknowledged after the failure, no sync of the log was tried twice, the end has the exit
//! code and the line that the manual promises, and the next start is no refusal.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::thread;

use support::{Launch, Rng, Server, require_tool};

use crate::disk::wait_until;
use crate::load::{Worker, verify};

const REQUESTS: u64 = 200;

/// For the server that is started after a fault: enough for another segment.
const REQUESTS_AFTER: u64 = 60;

/// The program itself could not be loaded: the number of a call counts in that, too.
const LOADER_FAILED: i32 = 127;

/// Every call that changes a file or a directory.
const CHANGES: &[&str] = &[
    "write",
    "pwrite64",
    "fdatasync",
    "fsync",
    "rename",
    "unlink",
    "ftruncate",
    "fallocate",
    "mkdir",
];

/// Every call that opens one, reads one or asks for something about it.
const LOOKS: &[&str] =
    &["openat", "pread64", "flock", "getdents64", "statx", "newfstatat", "statfs"];

/// The one file that is written by `write`. The process does that for itself as well (wake-ups and log
/// lines), and the number of a call counts in all of its threads: here those on this file alone count.
const WRITTEN: &str = "LOCK";

/// Where an error is put: the `number`-th call of a thread, and perhaps all after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    call: String,
    number: u64,
    lasts: bool,
}

impl Fault {
    fn is_change(&self) -> bool {
        CHANGES.contains(&self.call.as_str())
    }
}

#[test]
fn an_error_at_every_call() {
    let seed = Rng::from_env("HEADWATER_FAULTS_SEED").next();
    let all = faults(seed);
    let chosen = match std::env::var("HEADWATER_FAULTS").as_deref() {
        Ok("all") => all.clone(),
        _ => choose(&all, crate::count("HEADWATER_FAULTS", 28), seed),
    };
    let (ended, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let next = Mutex::new(chosen.iter());
    // Most of the time of a run is the start of strace; two side by side fill two cores.
    thread::scope(|scope| {
        let work = || {
            loop {
                let fault = next.lock().expect("no holder panics").next();
                let Some(fault) = fault else { return };
                let count = match try_fault(fault, seed) {
                    Outcome::Refused => &refused,
                    Outcome::Ended => &ended,
                    Outcome::Contained => continue,
                };
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        };
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    let (ended, refused) = (ended.into_inner(), refused.into_inner());
    eprintln!(
        "figure: {} of {} faults, among them all {} of calls that change something: {refused} stopped the \
         start, {ended} the server, {} were contained",
        chosen.len(),
        all.len(),
        chosen.iter().filter(|fault| fault.is_change()).count(),
        chosen.len() as u64 - ended - refused
    );
    assert!(0 < ended, "no fault ended the server: were there any?");
}

/// Every fault there is: the calls that a run without any makes on its data directory.
fn faults(seed: u64) -> Vec<Fault> {
    let launch = crate::launch();
    let trace = support::temp_dir();
    let file = trace.path().join("trace");
    let server = traced(&launch, &file, None).start();
    let mut worker = Worker::new(0, &mut Rng::new(seed));
    assert!(load(&server, &mut worker, REQUESTS));
    assert_eq!(server.terminate().code(), Some(0));
    let dir = launch.path().to_str().expect("a path in UTF-8");
    let mut faults = BTreeSet::new();
    let mut counts = std::collections::HashMap::new();
    for line in fs::read_to_string(&file).expect("strace wrote its file").lines() {
        let Some((thread, call)) = line.split_once(char::is_whitespace) else { continue };
        let Some((name, _)) = call.trim_start().split_once('(') else { continue };
        let is_counted = match name {
            "write" => call.contains(&format!("/{WRITTEN}>")),
            _ => CHANGES.contains(&name) || LOOKS.contains(&name),
        };
        if !is_counted {
            continue;
        }
        let count = counts.entry((thread.to_owned(), name.to_owned())).or_insert(0_u64);
        *count += 1;
        if call.contains(dir) {
            for lasts in [false, true] {
                faults.insert(Fault { call: name.to_owned(), number: *count, lasts });
            }
        }
    }
    assert!(200 < faults.len(), "only {} calls were seen", faults.len());
    faults.into_iter().collect()
}

/// All faults of calls that change something, and about `count` others: the same number of each call as
/// far as there are so many, evenly spread.
fn choose(all: &[Fault], count: u64, seed: u64) -> Vec<Fault> {
    let each = count.div_ceil(LOOKS.len() as u64).max(1);
    let mut rng = Rng::new(seed);
    let mut chosen: Vec<_> = all.iter().filter(|fault| fault.is_change()).cloned().collect();
    for call in LOOKS {
        let of_call: Vec<_> = all.iter().filter(|fault| fault.call == *call).collect();
        let step = (of_call.len() as u64 / each).max(1);
        let begin = rng.below(0..step);
        let begin = usize::try_from(begin).expect("small");
        let step = usize::try_from(step).expect("small");
        chosen.extend(of_call.into_iter().skip(begin).step_by(step).cloned());
    }
    chosen
}

enum Outcome {
    Refused,
    Ended,
    Contained,
}

fn try_fault(fault: &Fault, seed: u64) -> Outcome {
    let launch = crate::launch();
    let trace = support::temp_dir();
    let file = trace.path().join("trace");
    let mut worker = Worker::new(0, &mut Rng::new(seed));
    let outcome = match traced(&launch, &file, Some(fault)).try_start() {
        Err(refusal) => {
            if refusal.status.code() == Some(LOADER_FAILED) {
                return Outcome::Refused;
            }
            let last = refusal.output.last().cloned().unwrap_or_default();
            assert_eq!(refusal.status.code(), Some(74), "{fault:?}: {refusal:?}");
            // The standard library makes a directory, hears that there is one, and says so if it cannot
            // find out that this is what was wanted.
            let is_named = last.contains("Input/output error")
                || fault.call == "statx"
                    && last.contains("cannot create")
                    && last.contains("File exists");
            assert!(is_named, "{fault:?}: {last}");
            Outcome::Refused
        }
        Ok(server) => serve_through(fault, server, &mut worker),
    };
    check_trace(fault, &file, launch.path());
    let server = plain(&launch)
        .try_start()
        .unwrap_or_else(|refusal| panic!("{fault:?}: the next start was refused: {refusal:?}"));
    verify(&server, std::slice::from_mut(&mut worker), &format!("{fault:?}"));
    assert!(
        load(&server, &mut worker, REQUESTS_AFTER),
        "{fault:?}: the restarted server takes a load"
    );
    let mut client = server.connect();
    assert_eq!(client.info("rdb_last_bgsave_status"), "ok", "{fault:?}");
    assert_eq!(server.terminate().code(), Some(0), "{fault:?}");
    outcome
}

fn serve_through(fault: &Fault, mut server: Server, worker: &mut Worker) -> Outcome {
    let got_through = load(&server, worker, REQUESTS);
    if got_through && !fault.lasts && server.ended().is_none() {
        // A checkpoint that failed does not end the server, and is no secret. (Each runs in a thread of
        // its own, whose calls have these numbers again, so that here the next one may fail as well.)
        let mut client = server.connect();
        if let Ok(reply) = client.try_command(&["SAVE"]) {
            let status = if reply.is_error("") { "err" } else { "ok" };
            assert_eq!(client.info("rdb_last_bgsave_status"), status, "{fault:?}");
        }
    }
    let output = |server: &Server| server.output().join("\n");
    if got_through && server.ended().is_none() {
        server.signal(rustix::process::Signal::TERM);
    }
    let mut status = None;
    wait_until(&format!("{fault:?}: the server has ended"), || {
        status = server.ended();
        status.is_some()
    });
    let status = status.expect("it was waited for");
    let text = output(&server);
    match status.code() {
        Some(0) => {
            assert!(got_through, "{fault:?}: ended well in the middle of the load:\n{text}");
            Outcome::Contained
        }
        Some(74) => {
            let causes = ["stopping at once", "stopped without the mark of a clean end"];
            let said: usize = causes.iter().map(|cause| text.matches(cause).count()).sum();
            assert_eq!(said, 1, "{fault:?}: the cause is said once:\n{text}");
            assert!(text.contains("Input/output error"), "{fault:?}:\n{text}");
            Outcome::Ended
        }
        other => panic!("{fault:?}: ended with {other:?}:\n{text}"),
    }
}

/// The requests, and a checkpoint in the middle and at the end. False if the server ended before.
fn load(server: &Server, worker: &mut Worker, requests: u64) -> bool {
    let mut client = server.connect();
    for _ in 0..2 {
        if !worker.run(&mut client, requests / 2, &AtomicU64::new(0)) {
            return false;
        }
        match client.try_command(&["SAVE"]) {
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    true
}

/// After a failed sync of the log it is not synced again; after a failed write or sync of it, nothing
/// but refusals leaves. (The thread that makes the next segment ready may be about to sync the
/// directory at that moment: nobody is answered for that.)
fn check_trace(fault: &Fault, file: &Path, dir: &Path) {
    let log = format!("{}/log", dir.display());
    let text =
        String::from_utf8_lossy(&fs::read(file).expect("strace wrote its file")).into_owned();
    let mut lines = text.lines().skip_while(|line| !is_failed_log(line, &log)).skip(1);
    let Some(failed) = text.lines().find(|line| is_failed_log(line, &log)) else { return };
    let was_sync = failed.contains("sync(");
    if let Some(line) =
        lines.clone().find(|line| was_sync && line.contains("sync(") && is_of_segment(line, &log))
    {
        panic!("{fault:?}: synced again after {failed}: {line}");
    }
    let is_answer = |line: &&str| {
        (line.contains("<TCP:") || line.contains("<socket:"))
            && (line.contains("sendto(") || line.contains("write(") || line.contains("writev("))
            && !line.contains("\"-")
    };
    if let Some(line) = lines.find(is_answer) {
        panic!("{fault:?}: answered after {failed}: {line}");
    }
}

/// A call on a segment in use.
fn is_of_segment(line: &str, log: &str) -> bool {
    line.contains(log) && line.contains(".log>")
}

/// A failed write to a segment in use, or a failed sync of it.
fn is_failed_log(line: &str, log: &str) -> bool {
    line.contains("(INJECTED)")
        && is_of_segment(line, log)
        && ["pwrite64(", "fdatasync("].iter().any(|call| line.contains(call))
}

/// With a segment that is full after some 30 requests.
fn plain(launch: &Launch) -> Launch {
    launch.clone().wrapper(["prlimit", "--fsize=65536"])
}

fn traced(launch: &Launch, file: &Path, fault: Option<&Fault>) -> Launch {
    let mut words: Vec<String> = ["-f", "-qq", "-y", "-s", "64", "-o"].map(str::to_owned).into();
    words.push(file.to_str().expect("a path in UTF-8").to_owned());
    // Those of answers, and of the log; without a fault every call that one could hit.
    let calls = fault.map_or_else(
        || [CHANGES, LOOKS].concat().join(","),
        |fault| format!("{},write,pwrite64,fdatasync,fsync,sendto,writev", fault.call),
    );
    words.extend(["-e".to_owned(), format!("trace={calls}")]);
    if let Some(Fault { call, number, lasts }) = fault {
        if call == "write" {
            let written = launch.path().join(WRITTEN);
            words.extend(["-P".to_owned(), written.to_str().expect("a path in UTF-8").to_owned()]);
        }
        let lasts = if *lasts { "+" } else { "" };
        words.extend(["-e".to_owned(), format!("inject={call}:error=EIO:when={number}{lasts}")]);
    }
    let strace = require_tool("strace").to_str().expect("a path in UTF-8").to_owned();
    let all: Vec<_> = [strace].into_iter().chain(words).collect();
    launch.clone().wrapper(all.into_iter().chain(["prlimit".into(), "--fsize=65536".into()]))
}
