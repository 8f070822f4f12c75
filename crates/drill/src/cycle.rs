//! The cycles: load, an end, a restart, a comparison of everything.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::clock::Clock;
use crate::error::{DrillError, last_words};
use crate::finding::{Findings, Kind};
use crate::load::{Ending, Load, Tally, says_disk_full};
use crate::options::{Ends, Options};
use crate::place::Place;
use crate::progress::Progress;
use crate::report::{Counts, Report, Verdict};
use crate::server::{Launch, NoStart, STOP_TIMEOUT, Server};
use crate::wire::{Connection, Failure};

/// The shortest and the longest load before an end, in acknowledged requests.
const REQUESTS: std::ops::Range<u64> = 20..2_500;
/// No request is acknowledged for so long: the server hangs. (A single one may take longer.)
const STANDSTILL: Duration = Duration::from_secs(60);
/// Between two looks at what the load has done.
const POLL: Duration = Duration::from_micros(200);

/// How one cycle ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Kill,
    Term,
    Cut,
}

/// How the load of a cycle was over.
enum Moment {
    /// By itself, with nothing in flight; the server still runs.
    AtRest,
    /// With the end of the server.
    Ended(Stopped),
    /// The server had ended or hung before.
    Lost(String),
}

/// Whether another cycle follows.
enum Outcome {
    GoOn,
    Stop,
}

/// A drill under way.
pub(crate) struct Drill<'a> {
    options: &'a Options,
    interrupted: &'a AtomicBool,
    place: Place,
    launch: Launch,
    clock: Clock,
    rng: Rng,
    load: Load,
    tally: Tally,
    findings: Findings,
    ends: Counts,
    cycles: u64,
    checkpoints: u64,
    longest_recovery: Duration,
    longest_stop: Duration,
}

impl<'a> Drill<'a> {
    pub(crate) fn new(
        options: &'a Options,
        interrupted: &'a AtomicBool,
        place: Place,
        seed: u64,
    ) -> Result<Self, DrillError> {
        let program = match &options.server {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(DrillError::io("the path of this program"))?,
        };
        let launch = Launch {
            program,
            dir: place.data(),
            socket: place.socket.clone(),
            output: place.path().join("server.log"),
            fsync: options.appendfsync,
        };
        // Redis does not make it.
        fs::create_dir(&launch.dir).map_err(DrillError::io(launch.dir.display().to_string()))?;
        let mut rng = Rng::with_seed(seed);
        let load = Load::new(usize::from(options.connections), &mut rng);
        Ok(Self {
            options,
            interrupted,
            place,
            launch,
            clock: Clock::open(options.clock.as_deref())?,
            rng,
            load,
            tally: Tally::default(),
            findings: Findings::default(),
            ends: Counts::default(),
            cycles: 0,
            checkpoints: 0,
            longest_recovery: Duration::ZERO,
            longest_stop: Duration::ZERO,
        })
    }

    /// Runs all cycles; stops at the first that finds something, so that the directory shows it.
    pub(crate) fn run(&mut self, progress: &mut Progress) -> Result<(), DrillError> {
        let mut server = match self.launch.start(self.interrupted) {
            Ok(server) => server,
            Err(NoStart::Interrupted) => return Ok(()),
            Err(why) => return Err(self.no_server(why.text())),
        };
        let prepared = self.launch.connect().map_err(Failure::from);
        if let Err(failure) = prepared.and_then(|mut client| self.load.prepare(&mut client)) {
            return Err(self.no_server(format!("its first requests failed: {failure:?}")));
        }
        while !progress.is_enough(self.cycles) && !self.is_interrupted() {
            match self.cycle(server)? {
                (Outcome::GoOn, Some(next)) => server = next,
                _ => break,
            }
            progress.show(self.cycles, &self.tally, &self.findings);
        }
        Ok(())
    }

    /// One cycle; returns the server of the next.
    fn cycle(&mut self, mut server: Server) -> Result<(Outcome, Option<Server>), DrillError> {
        let end = self.choose_end();
        let is_quiet = self.rng.u32(..5) == 0;
        let ending = Ending::default();
        let target = self.rng.u64(REQUESTS);
        let pause = Duration::from_micros(self.rng.u64(..1_500));
        self.clock.step(&mut self.rng)?;
        let Self { load, launch, interrupted, checkpoints, clock, rng, .. } = self;
        let wait = Wait { ending: &ending, interrupted, patience: STANDSTILL };
        let moment = load.run(launch.socket(), &ending, || {
            wait.for_requests(target / 2);
            let stepped = clock.step(rng);
            let is_moving = wait.for_requests(target);
            if is_moving && !ending.is_broken() {
                *checkpoints += checkpoints_of(launch.socket());
            }
            if is_quiet && is_moving && stepped.is_ok() && !ending.is_broken() {
                ending.come_to_rest();
                return Ok(Moment::AtRest);
            }
            thread::sleep(pause);
            // One that ends by itself takes a moment to be gone.
            let ended = if ending.is_broken() { server.end_within(STOP_TIMEOUT) } else { None };
            ending.announce();
            let stopped = end_process(&mut server, end);
            stepped.map(|()| match (is_moving, ended) {
                (true, None) => Moment::Ended(stopped),
                (true, Some(how)) => Moment::Lost(format!("the server ended by itself: {how}")),
                (false, _) => Moment::Lost(format!("nothing for {} s", STANDSTILL.as_secs())),
            })
        });
        let moment = moment.map_err(DrillError::io("connecting to the server"))??;
        self.tally.acknowledged += ending.acknowledged();
        if ending.is_disk_full() {
            return Err(self.disk_full());
        }
        match moment {
            Moment::AtRest => self.take_stop(end_process(&mut server, end)),
            Moment::Ended(stopped) => self.take_stop(stopped),
            Moment::Lost(how) => self.findings.add(Kind::Ended, how),
        }
        drop(server);
        if self.is_interrupted() {
            return Ok((Outcome::Stop, None));
        }
        if end == End::Cut
            && let Some(disk) = &self.place.disk
        {
            disk.cut().map_err(DrillError::Unavailable)?;
        }
        self.count_end(end, is_quiet);
        self.restart_and_compare()
    }

    fn restart_and_compare(&mut self) -> Result<(Outcome, Option<Server>), DrillError> {
        let server = match self.launch.start(self.interrupted) {
            Ok(server) => server,
            Err(NoStart::Interrupted) => return Ok((Outcome::Stop, None)),
            Err(_) if says_disk_full(&self.launch.last_words()) => return Err(self.disk_full()),
            Err(why) => {
                let what = format!("{}{}", why.text(), last_words(&self.launch.last_words()));
                self.findings.add(Kind::NoStart, what);
                return Ok((Outcome::Stop, None));
            }
        };
        self.longest_recovery = self.longest_recovery.max(server.recovery);
        let Self { load, tally, findings, .. } = self;
        let compared = self.launch.connect().map_err(Failure::from).and_then(|mut client| {
            load.verify(&mut client, tally, findings)?;
            if findings.is_empty() { load.go_on(&mut client) } else { Ok(()) }
        });
        match compared {
            Err(Failure::Strange(what)) if says_disk_full(&what) => return Err(self.disk_full()),
            Err(failure) => self.findings.add_failure("comparison", failure),
            Ok(()) => {}
        }
        self.cycles += 1;
        let outcome = if self.findings.is_empty() { Outcome::GoOn } else { Outcome::Stop };
        Ok((outcome, Some(server)))
    }

    fn choose_end(&mut self) -> End {
        match self.options.kill {
            Ends::Kill => End::Kill,
            Ends::Term => End::Term,
            Ends::Cut => End::Cut,
            Ends::Mix => match self.rng.u32(..10) {
                0..2 => End::Term,
                2..6 if self.place.disk.is_some() => End::Cut,
                _ => End::Kill,
            },
        }
    }

    fn count_end(&mut self, end: End, is_quiet: bool) {
        match end {
            End::Kill => self.ends.kill += 1,
            End::Term => self.ends.term += 1,
            End::Cut => self.ends.cut += 1,
        }
        self.ends.quiet += u64::from(is_quiet);
    }

    fn take_stop(&mut self, stopped: Stopped) {
        match stopped {
            Ok(Some(took)) => self.longest_stop = self.longest_stop.max(took),
            Ok(None) => {}
            Err(what) => self.findings.add(Kind::BadStop, what),
        }
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(SeqCst)
    }

    fn no_server(&self, why: String) -> DrillError {
        let server = self.launch.program.clone();
        DrillError::NoServer { server, why, output: self.launch.last_words() }
    }

    fn disk_full(&self) -> DrillError {
        let dir = self.place.path().display();
        DrillError::NoRoom(format!("the disk of {dir} is full: the drill cannot go on"))
    }

    /// The report; keeps the directory if there is something to look at in it.
    pub(crate) fn report(self, progress: &Progress, seed: u64, warnings: Vec<String>) -> Report {
        let verdict = match (self.findings.is_empty(), self.is_interrupted()) {
            (false, _) => Verdict::Broken,
            (true, true) => Verdict::Interrupted,
            (true, false) => Verdict::Ok,
        };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let file_system = self.place.file_system.to_owned();
        let kept = (verdict == Verdict::Broken).then(|| self.place.keep());
        let (kept, hints) = kept.map_or((None, Vec::new()), |(dir, hints)| (Some(dir), hints));
        let mut report = Report {
            verdict,
            cycles: self.cycles,
            ends: self.ends,
            checkpoints: self.checkpoints,
            longest_recovery_ms: millis(self.longest_recovery),
            longest_stop_ms: millis(self.longest_stop),
            seconds: progress.elapsed().as_secs_f64(),
            appendfsync: self.launch.fsync.word().to_owned(),
            seed,
            server: self.launch.program.clone(),
            file_system,
            warnings,
            kept,
            hints,
            ..Report::default()
        };
        report.count(&self.tally, &self.findings);
        if let Some(dir) = &report.kept {
            let text = serde_json::to_string_pretty(&report).unwrap_or_default();
            // It is printed anyway.
            let _ = fs::write(dir.join("report.json"), text);
        }
        report
    }
}

/// How long SIGTERM took, if it was one, or what was wrong with it.
type Stopped = Result<Option<Duration>, String>;

fn end_process(server: &mut Server, end: End) -> Stopped {
    match end {
        End::Term => server.terminate().map(Some),
        End::Kill | End::Cut => {
            server.kill();
            Ok(None)
        }
    }
}

/// Waiting for the right moment.
struct Wait<'a> {
    ending: &'a Ending,
    interrupted: &'a AtomicBool,
    patience: Duration,
}

impl Wait<'_> {
    /// Until so many requests were acknowledged, or it makes no sense to wait on. False if there was no
    /// progress at all for too long.
    fn for_requests(&self, target: u64) -> bool {
        let mut seen = 0;
        let mut since = Instant::now();
        loop {
            let now = self.ending.acknowledged();
            if target <= now || self.ending.is_broken() || self.interrupted.load(SeqCst) {
                return true;
            }
            if seen < now {
                (seen, since) = (now, Instant::now());
            } else if self.patience < since.elapsed() {
                return false;
            }
            thread::sleep(POLL);
        }
    }
}

/// Checkpoints since the server's start, as it says; none if it says nothing.
fn checkpoints_of(socket: &Path) -> u64 {
    let ask = || -> Result<u64, Failure> {
        let info = Connection::open(socket)?.ok(&["INFO", "persistence"])?.text()?;
        let line = info.lines().find_map(|line| line.strip_prefix("rdb_saves:"));
        Ok(line.and_then(|count| count.trim().parse().ok()).unwrap_or_default())
    };
    ask().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standstill_is_noticed_and_a_slow_server_is_none() {
        let (ending, interrupted) = (Ending::default(), AtomicBool::new(false));
        let patience = Duration::from_millis(300);
        let wait = Wait { ending: &ending, interrupted: &interrupted, patience };
        assert!(!wait.for_requests(1));
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..10 {
                    thread::sleep(Duration::from_millis(50));
                    ending.progress();
                }
            });
            assert!(wait.for_requests(10));
        });
        interrupted.store(true, SeqCst);
        assert!(wait.for_requests(11));
    }
}
