//! A disk in memory whose power can be cut. Everything random comes from a seed.
//!
//! # The faults that we promise to survive, and that tests inject here
//!
//! - Power cut at any call. Of the bytes written since a file's last sync, every sector of 512 bytes
//!   is kept, lost or torn, in any combination; a new length arrives with or without its bytes.
//! - Names made, changed or removed since their directory's last sync are kept or lost, each for
//!   itself. A sync of a directory that fails may lose some of them for good: the next one says yes, and
//!   they are gone after a power cut. Not beyond the process, though. A file system that cannot write a
//!   directory has nothing to say yes with until it is mounted again, but for those without a journal.
//! - EIO from any call. A sync that fails drops what it should have written, keeps it readable until
//!   the power goes, and the next sync says yes. What is written to such a place once more is synced
//!   without an error, and not there after a power cut, unless the cache was made to forget the place
//!   before (ext4 does so to blocks that were laid out and not written yet).
//! - ENOSPC from any call that allocates, a disk of limited capacity, and short writes.
//! - Bits that flip and files that shrink or vanish at rest: not survived, but noticed and named.
//!
//! Not promised: a disk that says yes to a sync and lies. [`Lies`] does so on purpose, to show that
//! the tests notice; it is what the program would be if it forgot the call.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{DirLock, Directory, File, Fs, LockAnswer, Pin, Pinned};

const SECTOR_BYTES: usize = 512;

/// The simulated disk. Clones are the same disk; [`SimFs::fork`] makes another.
#[derive(Debug, Clone)]
pub struct SimFs {
    disk: Arc<Mutex<Disk>>,
}

/// What an injected fault does to its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails. A sync drops what was not durable.
    Eio,
    /// A call that allocates or writes fails.
    NoSpace,
    /// A write takes only half of its bytes.
    ShortWrite,
    /// The power goes during the call: it has happened or not, and nothing works any more until
    /// [`SimFs::power_cut`].
    PowerCut,
}

/// Syncs that do nothing and say yes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lies {
    /// [`File::sync_data`]
    pub sync_data: bool,
    /// [`Fs::sync_dir`]
    pub sync_dir: bool,
}

#[derive(Debug, Clone, Default)]
struct Disk {
    random: Random,
    files: Vec<Content>,
    names: BTreeMap<PathBuf, Node>,
    names_durable: BTreeMap<PathBuf, Node>,
    /// What happened to names since their directory was synced, in order.
    names_pending: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    pins: BTreeMap<PathBuf, Pins>,
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    fault_from: Option<(u64, Fault)>,
    /// Syncs of directories until one fails.
    dir_syncs_left: Option<u64>,
    is_dead: bool,
    is_aside: bool,
    /// Counts power cuts: handles from before one are of no use after it.
    life: u64,
    capacity: Option<u64>,
    lies: Lies,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Dir,
    File(usize),
}

#[derive(Debug, Clone)]
struct NameChange {
    /// The name that now stands for the node, if any.
    made: Option<(PathBuf, Node)>,
    /// The name that is gone, if any.
    gone: Option<PathBuf>,
    /// A failed sync has lost it: no other of this process makes it durable.
    is_stuck: bool,
}

/// Who has pinned a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pins {
    Kept(usize),
    Removed,
}

#[derive(Debug, Clone, Default)]
struct Content {
    /// Handles that are open in this life.
    opens: usize,
    /// What reads see. Shared with copies of the disk until one of them changes it.
    seen: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    /// Sectors written since the last sync.
    dirty: BTreeSet<usize>,
    /// Sectors of a sync that failed: nothing written through the cache gets to the disk.
    stuck: BTreeSet<usize>,
}

/// What a call does, as far as faults are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    Allocate,
    Sync,
    Name,
}

impl SimFs {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let disk = Disk { random: Random(seed), ..Disk::default() };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Another disk with the same content, without locks, faults or open files.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut disk = self.disk.lock().clone();
        disk.end_process();
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Cuts the power and restores it: what was not synced is kept, lost or torn by `seed`.
    pub fn power_cut(&self, seed: u64) {
        let mut disk = self.disk.lock();
        disk.random = Random(seed);
        disk.cut_names();
        disk.end_process();
        disk.drop_nameless();
        disk.cut_files();
        disk.is_dead = false;
        disk.life += 1;
    }

    /// Ends the process without cutting the power (kill -9): what was written stays readable.
    pub fn kill(&self) {
        let mut disk = self.disk.lock();
        disk.end_process();
        disk.is_dead = false;
        disk.life += 1;
    }

    /// Whether an injected power cut has happened: every call fails until [`SimFs::power_cut`].
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.disk.lock().is_dead
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.disk.lock().calls
    }

    /// Lets the `nth` call from now on fail once; the next one is 1.
    pub fn fail_call(&self, nth: u64, fault: Fault) {
        let mut disk = self.disk.lock();
        let call = disk.calls + nth;
        disk.faults.insert(call, fault);
    }

    /// Lets the `nth` call from now on fail, and all after it.
    pub fn fail_from_call(&self, nth: u64, fault: Fault) {
        let mut disk = self.disk.lock();
        disk.fault_from = Some((disk.calls + nth, fault));
    }

    /// Lets the `nth` sync of a directory from now on fail once.
    pub fn fail_dir_sync(&self, nth: u64) {
        self.disk.lock().dir_syncs_left = Some(nth);
    }

    /// Takes injected faults back.
    pub fn heal(&self) {
        let mut disk = self.disk.lock();
        disk.dir_syncs_left = None;
        disk.faults.clear();
        disk.fault_from = None;
    }

    /// Lets a test look at what the disk holds: its calls are not counted and meet no fault.
    pub fn aside<R>(&self, look: impl FnOnce() -> R) -> R {
        self.disk.lock().is_aside = true;
        let result = look();
        self.disk.lock().is_aside = false;
        result
    }

    /// Limits the bytes that files can have together; `None` for no limit.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.disk.lock().capacity = capacity;
    }

    /// Bytes that all files have together, those that are open without a name included.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.disk.lock().used()
    }

    /// Lets the disk lie from now on.
    pub fn lie(&self, lies: Lies) {
        self.disk.lock().lies = lies;
    }

    /// Gives a file one more name, as a backup does in a process of its own: no call of ours.
    ///
    /// # Panics
    ///
    /// If there is no such file.
    pub fn link(&self, from: &Path, to: &Path) {
        let mut disk = self.disk.lock();
        let node = Node::File(disk.file(from).expect("there is such a file"));
        let change = NameChange::new(Some((to.to_path_buf(), node)), None);
        change.apply(&mut disk.names);
        disk.names_pending.push(change);
    }

    /// Files in a directory and below, sorted.
    #[must_use]
    pub fn files(&self, dir: &Path) -> Vec<PathBuf> {
        let disk = self.disk.lock();
        let is_file = |(path, node): &(&PathBuf, &Node)| {
            matches!(node, Node::File(_)) && path.starts_with(dir)
        };
        disk.names.iter().filter(is_file).map(|(path, _)| path.clone()).collect()
    }

    /// The bytes of a file.
    ///
    /// # Panics
    ///
    /// If there is none of that name.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        let disk = self.disk.lock();
        let index = disk.file(path).expect("there is such a file");
        disk.files[index].seen.to_vec()
    }

    /// Changes the bytes of a file at rest.
    ///
    /// # Panics
    ///
    /// If there is none of that name.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut disk = self.disk.lock();
        let index = disk.file(path).expect("there is such a file");
        let content = &mut disk.files[index];
        change(Arc::make_mut(&mut content.seen));
        content.durable = content.seen.clone();
        content.dirty.clear();
        content.stuck.clear();
    }

    /// Lets a file vanish at rest.
    pub fn lose(&self, path: &Path) {
        let mut disk = self.disk.lock();
        disk.names.remove(path);
        disk.names_durable.remove(path);
    }
}

impl Disk {
    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(index)) => Ok(*index),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn used(&self) -> u64 {
        let named = self.named();
        let files = self.files.iter().enumerate();
        let counted = files.filter(|(index, file)| 0 < file.opens || named.contains(index));
        counted.map(|(_, file)| file.seen.len() as u64).sum()
    }

    /// Files that have a name.
    fn named(&self) -> BTreeSet<usize> {
        self.names.values().filter_map(Node::file).collect()
    }

    /// What a process holds is gone with it.
    fn end_process(&mut self) {
        self.locks.clear();
        self.pins.clear();
        self.faults.clear();
        self.fault_from = None;
        self.dir_syncs_left = None;
        self.files.iter_mut().for_each(|file| file.opens = 0);
        self.names_pending.iter_mut().for_each(|change| change.is_stuck = false);
    }

    /// Counts a call and lets it meet its fault. `Ok(Some(_))` are the faults that the call itself
    /// has to act out.
    fn call(&mut self, call: Call) -> io::Result<Option<Fault>> {
        if self.is_aside {
            return Ok(None);
        }
        if self.is_dead {
            return Err(eio());
        }
        self.calls += 1;
        let lasting = self.fault_from.filter(|(from, _)| *from <= self.calls);
        let fault = self.faults.remove(&self.calls).or(lasting.map(|(_, fault)| fault));
        match fault {
            None => Ok(None),
            Some(Fault::PowerCut) => {
                self.is_dead = true;
                match call {
                    // It happens, unsynced; the caller learns nothing more.
                    Call::Write | Call::Allocate | Call::Name => Ok(Some(Fault::PowerCut)),
                    Call::Read | Call::Sync => Err(eio()),
                }
            }
            Some(Fault::Eio) if call == Call::Sync => Ok(Some(Fault::Eio)),
            Some(Fault::Eio) => Err(eio()),
            Some(Fault::NoSpace) if matches!(call, Call::Write | Call::Allocate | Call::Name) => {
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(Fault::ShortWrite) if call == Call::Write => Ok(Some(Fault::ShortWrite)),
            Some(Fault::NoSpace | Fault::ShortWrite) => Ok(None),
        }
    }

    fn change_names(&mut self, change: NameChange) -> io::Result<()> {
        let fault = self.call(Call::Name)?;
        change.apply(&mut self.names);
        self.names_pending.push(change);
        if fault.is_some() { Err(eio()) } else { Ok(()) }
    }

    fn make_room(&self, index: usize, len: usize) -> io::Result<()> {
        let grows = len.saturating_sub(self.files[index].seen.len()) as u64;
        match self.capacity {
            Some(capacity) if 0 < grows && capacity < self.used() + grows => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    fn cut_names(&mut self) {
        for change in std::mem::take(&mut self.names_pending) {
            if !change.is_stuck && self.random.one_in(2) {
                change.apply(&mut self.names_durable);
            }
        }
        self.names = self.names_durable.clone();
        // What is in a directory that was lost is lost with it. Names sort behind their directory's.
        let names = std::mem::take(&mut self.names);
        for (path, node) in names {
            let is_inside = path.parent().is_some_and(|dir| {
                dir.parent().is_none() || matches!(self.names.get(dir), Some(Node::Dir))
            });
            if is_inside {
                self.names.insert(path, node);
            }
        }
        self.names_durable = self.names.clone();
    }

    fn cut_files(&mut self) {
        let random = &mut self.random;
        for content in &mut self.files {
            let is_length_kept = random.one_in(2);
            let len = if is_length_kept { content.seen.len() } else { content.durable.len() };
            if content.durable.len() != len {
                Arc::make_mut(&mut content.durable).resize(len, 0);
            }
            let stuck = std::mem::take(&mut content.stuck);
            for sector in std::mem::take(&mut content.dirty) {
                let start = sector * SECTOR_BYTES;
                let end = (start + SECTOR_BYTES).min(len).min(content.seen.len());
                if end <= start || random.one_in(2) || stuck.contains(&sector) {
                    continue;
                }
                // Once in a while a sector is torn itself.
                let (mut from, mut to) = (start, end);
                if random.one_in(8) {
                    let middle = start + random.below(end - start);
                    if random.one_in(2) { from = middle } else { to = middle }
                }
                let durable = Arc::make_mut(&mut content.durable);
                durable[from..to].copy_from_slice(&content.seen[from..to]);
            }
            content.seen = content.durable.clone();
        }
    }

    /// Forgets the bytes of files that no name leads to; nobody has them open after a power cut.
    fn drop_nameless(&mut self) {
        let named = self.named();
        for (index, content) in self.files.iter_mut().enumerate() {
            if !named.contains(&index) {
                *content = Content::default();
            }
        }
    }
}

impl Node {
    fn file(&self) -> Option<usize> {
        match self {
            Node::File(index) => Some(*index),
            Node::Dir => None,
        }
    }
}

impl NameChange {
    fn new(made: Option<(PathBuf, Node)>, gone: Option<PathBuf>) -> Self {
        Self { made, gone, is_stuck: false }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        if let Some(path) = &self.gone {
            names.remove(path);
        }
        if let Some((path, node)) = &self.made {
            names.insert(path.clone(), *node);
        }
    }

    fn dir(&self) -> Option<&Path> {
        let path = self.made.as_ref().map(|(path, _)| path).or(self.gone.as_ref());
        path.and_then(|path| path.parent())
    }
}

impl Content {
    fn sync(&mut self) {
        let durable = Arc::make_mut(&mut self.durable);
        durable.resize(self.seen.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            if self.stuck.contains(&sector) {
                continue;
            }
            let start = (sector * SECTOR_BYTES).min(self.seen.len());
            let end = (start + SECTOR_BYTES).min(self.seen.len());
            durable[start..end].copy_from_slice(&self.seen[start..end]);
        }
    }

    /// What is clean in a range of bytes is read from the disk from now on.
    fn forget(&mut self, from: usize, to: usize) {
        let sectors = from / SECTOR_BYTES..to.div_ceil(SECTOR_BYTES);
        let (dirty, durable) = (&self.dirty, &self.durable);
        let seen = Arc::make_mut(&mut self.seen);
        self.stuck.retain(|sector| {
            if !sectors.contains(sector) || dirty.contains(sector) {
                return true;
            }
            let start = (sector * SECTOR_BYTES).min(seen.len());
            let end = (start + SECTOR_BYTES).min(seen.len());
            for (at, byte) in (start..end).zip(&mut seen[start..end]) {
                *byte = durable.get(at).copied().unwrap_or(0);
            }
            false
        });
    }

    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        let seen = Arc::make_mut(&mut self.seen);
        if seen.len() < end {
            seen.resize(end, 0);
        }
        seen[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
    }
}

impl Fs for SimFs {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut disk = self.disk.lock();
        if disk.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let index = disk.files.len();
        disk.files.push(Content::default());
        let made = Some((path.to_path_buf(), Node::File(index)));
        disk.change_names(NameChange::new(made, None))?;
        Ok(self.handle(&mut disk, index))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut disk = self.disk.lock();
        disk.call(Call::Read)?;
        let index = disk.file(path)?;
        Ok(self.handle(&mut disk, index))
    }

    fn open_dir(&self, dir: &Path) -> io::Result<Arc<dyn Directory>> {
        let mut disk = self.disk.lock();
        disk.call(Call::Read)?;
        match disk.names.get(dir) {
            Some(Node::Dir) => {
                let (fs, path) = (self.clone(), dir.to_path_buf());
                Ok(Arc::new(SimDirectory { fs, path, life: disk.life }))
            }
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let node = *disk.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        let made = Some((to.to_path_buf(), node));
        disk.change_names(NameChange::new(made, Some(from.to_path_buf())))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.file(path)?;
        disk.change_names(NameChange::new(None, Some(path.to_path_buf())))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        disk.dir_syncs_left = disk.dir_syncs_left.map(|left| left.saturating_sub(1));
        let is_its_turn =
            !disk.is_aside && disk.dir_syncs_left.take_if(|left| *left == 0).is_some();
        if disk.call(Call::Sync)?.is_some() || is_its_turn {
            for change in &mut disk.names_pending {
                change.is_stuck |= change.dir() == Some(dir) && disk.random.one_in(2);
            }
            return Err(eio());
        }
        if disk.lies.sync_dir {
            return Ok(());
        }
        for change in std::mem::take(&mut disk.names_pending) {
            if !change.is_stuck && change.dir() == Some(dir) {
                change.apply(&mut disk.names_durable);
            } else {
                disk.names_pending.push(change);
            }
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut disk = self.disk.lock();
        disk.call(Call::Read)?;
        if !disk.names.contains_key(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = disk.names.keys().filter(|path| path.parent() == Some(dir));
        let name = |path: &PathBuf| path.file_name()?.to_str().map(str::to_owned);
        Ok(inside.filter_map(name).collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut disk = self.disk.lock();
        disk.call(Call::Read)?;
        Ok(path == Path::new("/") || disk.names.contains_key(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let missing: Vec<_> = path
            .ancestors()
            .filter(|path| path.parent().is_some() && !disk.names.contains_key(*path))
            .map(Path::to_path_buf)
            .collect();
        for dir in missing.into_iter().rev() {
            disk.change_names(NameChange::new(Some((dir, Node::Dir)), None))?;
        }
        Ok(())
    }

    fn space_free(&self, _: &Path) -> io::Result<u64> {
        let disk = self.disk.lock();
        Ok(disk.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(disk.used())))
    }

    fn lock(&self, path: &Path, owner: &str) -> io::Result<LockAnswer> {
        let mut disk = self.disk.lock();
        if disk.locks.contains(path) {
            let index = disk.file(path)?;
            let owner = String::from_utf8_lossy(&disk.files[index].seen).into_owned();
            return Ok(LockAnswer::Taken { owner });
        }
        let index = match disk.file(path) {
            Ok(index) => index,
            Err(_) => {
                let index = disk.files.len();
                disk.files.push(Content::default());
                let made = Some((path.to_path_buf(), Node::File(index)));
                disk.change_names(NameChange::new(made, None))?;
                index
            }
        };
        disk.files[index].seen = Arc::new(owner.as_bytes().to_vec());
        disk.locks.insert(path.to_path_buf());
        let (disk_of, path, life) = (self.disk.clone(), path.to_path_buf(), disk.life);
        Ok(LockAnswer::Held(Box::new(SimLock { disk: disk_of, path, life })))
    }

    fn pin(&self, dir: &Path, pin: Pin) -> io::Result<Option<Pinned>> {
        let mut disk = self.disk.lock();
        disk.call(Call::Read)?;
        let pins = match (disk.pins.get(dir), pin) {
            (None, Pin::Keep) => Pins::Kept(1),
            (None, Pin::Remove) => Pins::Removed,
            (Some(Pins::Kept(count)), Pin::Keep) => Pins::Kept(count + 1),
            _ => return Ok(None),
        };
        disk.pins.insert(dir.to_path_buf(), pins);
        let (disk_of, path, life) = (self.disk.clone(), dir.to_path_buf(), disk.life);
        Ok(Some(Box::new(SimPin { disk: disk_of, path, life })))
    }

    fn random(&self) -> u64 {
        self.disk.lock().random.next()
    }
}

impl SimFs {
    fn handle(&self, disk: &mut Disk, index: usize) -> Arc<dyn File> {
        disk.files[index].opens += 1;
        Arc::new(SimFile { disk: self.disk.clone(), index, life: disk.life })
    }
}

#[derive(Debug)]
struct SimDirectory {
    fs: SimFs,
    path: PathBuf,
    life: u64,
}

impl Directory for SimDirectory {
    fn sync(&self) -> io::Result<()> {
        let is_of_today = self.fs.disk.lock().life == self.life;
        if is_of_today { self.fs.sync_dir(&self.path) } else { Err(eio()) }
    }
}

struct SimPin {
    disk: Arc<Mutex<Disk>>,
    path: PathBuf,
    life: u64,
}

impl Drop for SimPin {
    fn drop(&mut self) {
        let mut disk = self.disk.lock();
        if disk.life != self.life {
            return;
        }
        match disk.pins.remove(&self.path) {
            Some(Pins::Kept(count)) if 1 < count => {
                disk.pins.insert(self.path.clone(), Pins::Kept(count - 1));
            }
            _ => {}
        }
    }
}

#[derive(Debug)]
struct SimLock {
    disk: Arc<Mutex<Disk>>,
    path: PathBuf,
    life: u64,
}

impl DirLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut disk = self.disk.lock();
        if disk.life == self.life {
            disk.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct SimFile {
    disk: Arc<Mutex<Disk>>,
    index: usize,
    life: u64,
}

impl SimFile {
    fn call(&self, disk: &mut Disk, call: Call) -> io::Result<Option<Fault>> {
        if disk.life == self.life { disk.call(call) } else { Err(eio()) }
    }

    fn resize(&self, len: u64, only_grow: bool) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        let fault = self.call(disk, Call::Allocate)?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        disk.make_room(self.index, len)?;
        let content = &mut disk.files[self.index];
        let len = if only_grow { len.max(content.seen.len()) } else { len };
        Arc::make_mut(&mut content.seen).resize(len, 0);
        if fault.is_some() { Err(eio()) } else { Ok(()) }
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut disk = self.disk.lock();
        if disk.life == self.life {
            disk.files[self.index].opens -= 1;
        }
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = &mut *self.disk.lock();
        self.call(disk, Call::Read)?;
        let seen = &disk.files[self.index].seen;
        let start = usize::try_from(offset).map_err(io::Error::other)?.min(seen.len());
        let count = buffer.len().min(seen.len() - start);
        buffer[..count].copy_from_slice(&seen[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let disk = &mut *self.disk.lock();
        let fault = self.call(disk, Call::Write)?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let count = match fault {
            Some(Fault::ShortWrite) => bytes.len().div_ceil(2),
            _ => bytes.len(),
        };
        disk.make_room(self.index, offset + count)?;
        disk.files[self.index].write(&bytes[..count], offset);
        if fault == Some(Fault::PowerCut) { Err(eio()) } else { Ok(count) }
    }

    fn sync_data(&self) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        let fault = self.call(disk, Call::Sync)?;
        let is_lying = disk.lies.sync_data;
        let content = &mut disk.files[self.index];
        if fault.is_some() {
            // As Linux does: the pages count as clean now, and will never be written.
            content.stuck.append(&mut content.dirty);
            return Err(eio());
        }
        if !is_lying {
            content.sync();
        }
        Ok(())
    }

    fn forget_cached(&self, offset: u64, len: u64) {
        let content = &mut self.disk.lock().files[self.index];
        let limit = content.seen.len();
        let from = usize::try_from(offset).unwrap_or(limit).min(limit);
        let len = if len == 0 { limit } else { usize::try_from(len).unwrap_or(limit) };
        content.forget(from, limit.min(from.saturating_add(len)));
    }

    fn size(&self) -> io::Result<u64> {
        let disk = &mut *self.disk.lock();
        self.call(disk, Call::Read)?;
        Ok(disk.files[self.index].seen.len() as u64)
    }

    fn links(&self) -> io::Result<u64> {
        let disk = &mut *self.disk.lock();
        self.call(disk, Call::Read)?;
        let is_name = |node: &&Node| node.file() == Some(self.index);
        Ok(disk.names.values().filter(is_name).count() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.resize(len, false)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.resize(len, true)
    }
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

/// `SplitMix64`: small, and the same everywhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "an endless source is no iterator to us")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("below a usize")
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
