//! Facts about the process and the machine, from `/proc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::rand::GetRandomFlags;

/// What does not change while the process runs.
#[derive(Debug, Clone)]
pub struct ProcessFacts {
    /// Process number.
    pub pid: u32,
    /// Forty hexadecimal digits, new at each start.
    pub run_id: String,
    /// `Linux 6.1.0 x86_64`
    pub os: String,
    /// Path of the binary.
    pub executable: String,
    /// Memory of the machine.
    pub system_memory_bytes: u64,
}

impl ProcessFacts {
    /// Asks the system.
    #[must_use]
    pub fn gather() -> Self {
        let uname = rustix::system::uname();
        let os = [uname.sysname(), uname.release(), uname.machine()];
        let executable = std::env::current_exe().unwrap_or_default();
        Self {
            pid: std::process::id(),
            run_id: random_bytes::<20>().iter().map(|byte| format!("{byte:02x}")).collect(),
            os: os.map(|part| part.to_string_lossy().into_owned()).join(" "),
            executable: executable.display().to_string(),
            // Not from /proc/meminfo, which a service with ProcSubset=pid does not see.
            system_memory_bytes: system_memory_bytes(),
        }
    }
}

/// Memory that the process may use: the machine's, or less if its control group has a limit. Asked once.
#[must_use]
pub fn usable_memory_bytes() -> u64 {
    static BYTES: OnceLock<u64> = OnceLock::new();
    *BYTES.get_or_init(|| {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let limits = groups.lines().filter_map(memory_limit_file).filter_map(|file| {
            // "max" is no number, and no limit.
            fs::read_to_string(file).ok()?.trim().parse::<u64>().ok()
        });
        limits.chain([system_memory_bytes()]).min().unwrap_or(u64::MAX)
    })
}

/// The file with the memory limit of one line of `/proc/self/cgroup`, `ID:CONTROLLERS:PATH`.
fn memory_limit_file(line: &str) -> Option<PathBuf> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    Some(Path::new(root).join(path.trim_start_matches('/')).join(file))
}

/// Random bytes from the system: for the run ID and the seed of hash tables. By a system call and not
/// from a file, as that needs a descriptor and a disk that answers.
///
/// # Panics
///
/// If they are more than 256, or the system has none to give; nothing could be kept safe from chosen
/// keys then.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let given = rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty());
    assert_eq!(given, Ok(N), "Linux gives up to 256 bytes at once");
    bytes
}

/// Memory of the process, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessMemory {
    /// Everything resident, mapped files included.
    pub resident: u64,
    /// What the process holds for itself: old blocks are not in it, the page cache owns them.
    pub anonymous: u64,
}

impl ProcessMemory {
    /// Asks the system; costs some microseconds.
    #[must_use]
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bytes = |name| kilobytes_in(&status, name).unwrap_or(0);
        Self { resident: bytes("VmRSS:"), anonymous: bytes("RssAnon:") }
    }
}

/// Processor time of the process, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessorTime {
    /// In the kernel.
    pub system: f64,
    /// Outside of it.
    pub user: f64,
}

impl ProcessorTime {
    /// Asks the system.
    #[must_use]
    pub fn now() -> Self {
        Self::parse(&fs::read_to_string("/proc/self/stat").unwrap_or_default()).unwrap_or_default()
    }

    /// Fields 14 and 15 of `/proc/PID/stat`, in clock ticks. The name of the program, field 2, may
    /// hold blanks and parentheses, so that counting starts after the last one.
    fn parse(stat: &str) -> Option<Self> {
        let (_, after_name) = stat.rsplit_once(") ")?;
        let mut fields = after_name.split(' ').skip(11);
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        let mut seconds = || Some(fields.next()?.parse::<u64>().ok()? as f64 / ticks_per_second);
        let user = seconds()?;
        Some(Self { user, system: seconds()? })
    }
}

fn system_memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    // The field is as wide as a machine word, which is not always 64 bits.
    #[expect(clippy::useless_conversion, reason = "the type depends on the target")]
    u64::from(info.totalram).saturating_mul(info.mem_unit.into())
}

fn kilobytes_in(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_answers() {
        let facts = ProcessFacts::gather();
        assert_eq!(facts.run_id.len(), 40);
        assert_ne!(facts.run_id, ProcessFacts::gather().run_id);
        assert!(facts.os.starts_with("Linux "), "{}", facts.os);
        let memory = ProcessMemory::now();
        assert!(0 < memory.anonymous && memory.anonymous <= memory.resident, "{memory:?}");
        assert!(memory.resident < facts.system_memory_bytes);
    }

    #[test]
    fn processor_time_survives_a_strange_name() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        let time = ProcessorTime::parse(stat).expect("a line of /proc/PID/stat");
        assert!((time.user / time.system - 5.0).abs() < 1e-9, "{time:?}");
        assert!(ProcessorTime::parse("").is_none());
    }
}
