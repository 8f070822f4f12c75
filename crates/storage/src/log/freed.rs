//! Segment files that have lost their name, and give back their space by and by.
//!
//! A file system that passes on what it frees (`discard` in mount(8)) keeps the disk from everything
//! else for as long as that takes: with 64 MiB at once, the log's sync waited for 28 ms.

use std::path::Path;
use std::sync::Arc;

use crate::error::StorageError;
use crate::failpoint;
use crate::fs::{File, Fs};
use crate::sync::Mutex;

/// What one step gives back.
const STEP_BYTES: u64 = 4 << 20;

/// No file goes in fewer steps: those of simulated disks are short.
const STEPS_MIN: u64 = 4;

/// No more files than this are kept open; what is beyond goes at once.
pub(super) const FILES_MAX: usize = 16;

/// Files to give back, in a lock that nobody holds while the disk is asked for anything.
#[derive(Debug, Default)]
pub(super) struct Freed(Mutex<Vec<FreedFile>>);

#[derive(Debug)]
struct FreedFile {
    file: Arc<dyn File>,
    /// Bytes that it still has.
    rest: u64,
    step: u64,
    /// Somebody is at it.
    is_under_way: bool,
}

impl Freed {
    /// Takes over files of [`unlink`]. That they have no name any more is durable.
    pub(super) fn add(&self, files: Vec<Arc<dyn File>>) {
        let files = files.into_iter().map(|file| {
            let rest = file.size().unwrap_or(0);
            let step = STEP_BYTES.min(rest / STEPS_MIN);
            FreedFile { file, rest, step, is_under_way: false }
        });
        let mut files: Vec<_> = files.collect();
        let mut freed = self.0.lock();
        let room = FILES_MAX.saturating_sub(freed.len()).min(files.len());
        freed.extend(files.drain(..room));
    }

    /// Gives back one step; whether there was anything to give. Nobody waits for the step of another: where
    /// nothing else is left, that file goes whole as soon as the step is made.
    pub(super) fn step(&self) -> bool {
        let (file, rest) = {
            let mut files = self.0.lock();
            match files.iter_mut().find(|file| !file.is_under_way) {
                Some(next) => {
                    next.is_under_way = true;
                    let rest = if next.step == 0 { 0 } else { next.rest.saturating_sub(next.step) };
                    (next.file.clone(), rest)
                }
                None => return files.pop().is_some(),
            }
        };
        // What cannot be cut off goes with the file, when it is closed.
        let is_cut = rest != 0 && file.set_len(rest).is_ok();
        let mut files = self.0.lock();
        let place = files.iter().position(|other| Arc::ptr_eq(&other.file, &file));
        match place {
            Some(place) if is_cut => {
                files[place].rest = rest;
                files[place].is_under_way = false;
            }
            // This one's own handle is the last to go, behind the lock.
            Some(place) => drop(files.remove(place)),
            None => {}
        }
        drop(files);
        true
    }

    /// Bytes that there are to give.
    pub(super) fn bytes(&self) -> u64 {
        self.0.lock().iter().map(|file| file.rest).sum()
    }
}

/// Takes a segment's name away. Returns the file, unless a backup has linked it: its bytes must stay as
/// they are.
pub(super) fn unlink(fs: &dyn Fs, path: &Path) -> Result<Option<Arc<dyn File>>, StorageError> {
    let file = fs.open_write(path).ok();
    let file = file.filter(|file| file.links().is_ok_and(|links| links == 1));
    failpoint::pass("remove");
    fs.remove(path).map_err(StorageError::io("remove", path))?;
    failpoint::pass("removed");
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;
    use crate::fs::RealFs;

    const BYTES: u64 = 5 * STEP_BYTES;

    fn file(dir: &Path) -> std::path::PathBuf {
        let path = dir.join("1.log");
        RealFs.create(&path).unwrap().set_len(BYTES).unwrap();
        path
    }

    #[test]
    fn a_deleted_segment_goes_step_by_step_or_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path());
        let reader = RealFs.open(&path).unwrap();
        let freed = Freed::default();
        freed.add(unlink(&RealFs, &path).unwrap().into_iter().collect());
        assert!(!RealFs.exists(&path).unwrap());
        for left in (1..5).rev() {
            assert!(freed.step());
            assert_eq!(reader.size().unwrap(), left * STEP_BYTES);
        }
        assert!(freed.step(), "the last one closes it");
        assert!(!freed.step() && freed.bytes() == 0);

        let path = file(dir.path());
        let reader = Arc::downgrade(&{
            let unlinked = unlink(&RealFs, &path).unwrap().unwrap();
            freed.add(vec![unlinked.clone()]);
            unlinked
        });
        assert!(freed.step() && reader.upgrade().is_some());
        while freed.step() {}
        assert!(reader.upgrade().is_none(), "it is closed");
    }

    /// A file whose cut takes until it is told to go on.
    #[derive(Debug)]
    struct Slow {
        reached: Sender<()>,
        go_on: Mutex<Receiver<()>>,
    }

    impl File for Slow {
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }

        fn write_at(&self, bytes: &[u8], _: u64) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }

        fn size(&self) -> io::Result<u64> {
            Ok(BYTES)
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            self.reached.send(()).unwrap();
            self.go_on.lock().recv().unwrap();
            Ok(())
        }

        fn allocate(&self, _: u64) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_needs_room_finds_what_is_being_given_back() {
        let (reached, is_reached) = channel();
        let (go_on, wait) = channel();
        let freed = Freed::default();
        freed.add(vec![Arc::new(Slow { reached, go_on: Mutex::new(wait) })]);
        let (found, has_stepped) = std::thread::scope(|scope| {
            let step = scope.spawn(|| freed.step());
            is_reached.recv().unwrap();
            let found = freed.bytes();
            // That may be under its locks: it does not wait for the disk.
            let others = [freed.step(), freed.step()];
            go_on.send(()).unwrap();
            (found, (step.join().unwrap(), others))
        });
        assert_eq!((found, has_stepped), (BYTES, (true, [true, false])));
        assert_eq!(freed.bytes(), 0, "it goes whole");
    }

    #[test]
    fn what_a_backup_has_linked_stays_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (file(dir.path()), dir.path().join("backup"));
        std::fs::hard_link(&path, &link).unwrap();
        assert!(unlink(&RealFs, &path).unwrap().is_none());
        assert!(!RealFs.exists(&path).unwrap());
        assert_eq!(RealFs.open(&link).unwrap().size().unwrap(), BYTES);
    }

    #[test]
    fn no_more_files_are_kept_open_than_a_few() {
        let dir = tempfile::tempdir().unwrap();
        let freed = Freed::default();
        for _ in 0..=FILES_MAX {
            let path = file(dir.path());
            freed.add(unlink(&RealFs, &path).unwrap().into_iter().collect());
        }
        assert_eq!(freed.0.lock().len(), FILES_MAX);
    }
}
