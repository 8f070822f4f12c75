use std::collections::BTreeMap;

use engine::{
    Command, Context, Fields, GroupReadFrom, GroupStart, NewId, ReadLimits, Settings, StreamId,
    XAdd, XReadGroup,
};

use super::*;
use crate::checkpoint::Checkpointer;
use crate::database::Database;
use crate::fs::RealFs;
use crate::testing::{answers, put};

const CONTEXT: Context = Context { db: 0, now: 1_700_000_000_000 };
const KEY: &[u8] = b"s";

/// A closed database, and what clients saw after each record.
struct Fixture {
    dir: tempfile::TempDir,
    seen: BTreeMap<u64, Vec<String>>,
}

/// A stream with a group, snapshots after records 42 and 83, and records behind them.
fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let options = options();
    let (mut database, _) =
        Database::open(fs.clone(), dir.path(), options, 1, &mut |_| {}).unwrap();
    let mut seen = BTreeMap::new();
    let group = Command::XGroupCreate {
        key: KEY,
        group: b"g",
        from: Ok(GroupStart::After(StreamId::MIN)),
        make_stream: true,
        entries_read: None,
    };
    database.execute(&group, CONTEXT).unwrap();
    let value = [b'v'; 600];
    for round in 0..3 {
        for _ in 0..20 {
            let fields = Fields::Borrowed(&[b"field", &value]);
            let xadd =
                XAdd { key: KEY, id: NewId::Auto, fields, no_make_stream: false, trim: None };
            database.execute(&Command::XAdd(xadd), CONTEXT).unwrap();
            // Each record says that the one before it was durable.
            database.log().commit().unwrap();
            seen.insert(database.log().last(), answers(database.engine(), KEY));
            let read = XReadGroup {
                group: b"g",
                consumer: b"c",
                streams: vec![(KEY, Ok(GroupReadFrom::New))],
                limits: ReadLimits::count(None),
                block_ms: None,
                no_ack: false,
                claim_idle_min_ms: None,
            };
            database.execute(&Command::XReadGroup(read), CONTEXT).unwrap();
            database.log().commit().unwrap();
            seen.insert(database.log().last(), answers(database.engine(), KEY));
        }
        let durable = database.log().commit().unwrap();
        if round < 2 {
            Checkpointer::new(fs.clone(), dir.path().to_path_buf(), 0).run(durable).unwrap();
        }
    }
    Fixture { dir, seen }
}

fn options() -> Options {
    Options {
        segment_bytes: 64 << 10,
        first_segment_bytes: 64 << 10,
        reserve_bytes: 4 << 10,
        spares: 0,
        settings: Settings { block_entries_max: 3, block_bytes_max: 0 },
        ..Options::default()
    }
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    ["log", "blocks", "snapshots"]
        .iter()
        .flat_map(|part| std::fs::read_dir(dir.join(part)).unwrap())
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
        .collect()
}

impl Fixture {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn flip(&self, name: &str, at: usize) {
        let mut bytes = std::fs::read(self.path(name)).unwrap();
        bytes[at] ^= 4;
        put(&self.path(name), &bytes);
    }

    /// Where a record stands in the first segment.
    fn offset_of(&self, lsn: u64) -> usize {
        let remains = Remains::find(&RealFs, self.dir.path()).unwrap();
        let mut found = 0;
        remains.each_record(&RealFs, (lsn - 1, lsn), &mut |_, _, at| found = at).unwrap();
        usize::try_from(found).unwrap()
    }

    /// Repairs into a directory that opens; what clients see there, and what was lost.
    fn repaired(&self) -> (Vec<String>, u64, Vec<LostRecords>, Vec<DroppedBlock>) {
        let before = files(self.dir.path());
        let to = tempfile::tempdir().unwrap();
        let repair = examine(&RealFs, self.dir.path(), &mut |_| {}).unwrap();
        assert!(repair.is_needed());
        let (lsn, records) = (repair.lsn_last, repair.lost_records());
        let mut listed = 0;
        repair.each_lost(&RealFs, &mut |_| listed += 1).unwrap();
        let readable = records.iter().filter(|lost| lost.is_readable);
        assert_eq!(listed, readable.map(|lost| lost.lsns.end - lost.lsns.start).sum::<u64>());
        let blocks = repair.lost_blocks.clone();
        let check = repair.write(&RealFs, to.path(), &options()).unwrap();
        assert!(check.sound, "{check:#?}");
        assert!(files(self.dir.path()) == before, "the damaged directory is as it was");
        let (mut database, report) =
            Database::open(Arc::new(RealFs), to.path(), options(), 1, &mut |_| {}).unwrap();
        assert_eq!(report.last_lsn, lsn);
        let seen = answers(database.engine(), KEY);
        // And it goes on from there.
        let command = Command::Append { key: b"k", value: b"v" };
        database.execute(&command, CONTEXT).unwrap();
        assert_eq!(database.log().commit().unwrap(), lsn + 1);
        (seen, lsn, records, blocks)
    }
}

#[test]
fn damage_that_newer_files_make_up_for_costs_nothing() {
    let whole = |damage: &dyn Fn(&Fixture)| {
        let fixture = fixture();
        damage(&fixture);
        let (seen, lsn, records, blocks) = fixture.repaired();
        let (last, expected) = fixture.seen.last_key_value().unwrap();
        assert_eq!((lsn, records, blocks), (*last, Vec::new(), Vec::new()));
        assert_eq!(&seen, expected);
    };
    let snapshots = |fixture: &Fixture| dir::list_snapshots(&RealFs, fixture.dir.path()).unwrap();
    whole(&|fixture| {
        let newest = *snapshots(fixture).last().unwrap();
        let path = dir::snapshot(fixture.dir.path(), newest);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100] ^= 1;
        put(&path, &bytes);
    });
    whole(&|fixture| fixture.flip("log/00000000000000000001.log", fixture.offset_of(50) + 60));
    // In the header of the segment: the records say which salt it had.
    whole(&|fixture| fixture.flip("log/00000000000000000001.log", 9));
    whole(&|fixture| fixture.flip("log/00000000000000000001.log", 26));
    whole(&|fixture| fixture.flip("FORMAT", 20));
    whole(&|fixture| std::fs::remove_file(fixture.path("FORMAT")).unwrap());
}

#[test]
fn behind_a_damaged_record_nothing_is_applied_and_all_is_listed() {
    let fixture = fixture();
    fixture.flip("log/00000000000000000001.log", fixture.offset_of(100) + 60);
    fixture.flip("log/00000000000000000001.log", fixture.offset_of(104) + 60);
    let last = *fixture.seen.last_key_value().unwrap().0;
    let (seen, lsn, records, blocks) = fixture.repaired();
    assert_eq!(lsn, 99);
    assert_eq!(seen, fixture.seen[&99]);
    let lost = |lsns, is_readable| LostRecords { lsns, is_readable };
    assert_eq!(
        records,
        [
            lost(100..101, false),
            lost(101..104, true),
            lost(104..105, false),
            lost(105..last + 1, true)
        ]
    );
    assert!(blocks.is_empty());
}

#[test]
fn entries_of_a_damaged_block_go_and_stay_pending() {
    let fixture = fixture();
    let blocks = dir::list_block_files(&RealFs, fixture.dir.path()).unwrap();
    let name = format!("blocks/{:020}.blk", blocks[0]);
    fixture.flip(&name, 64 + 56 + 20);
    let (seen, lsn, records, blocks) = fixture.repaired();
    let (last, whole) = fixture.seen.last_key_value().unwrap();
    assert_eq!((lsn, records), (*last, Vec::new()));
    let [block] = &blocks[..] else { panic!("{blocks:?}") };
    assert_eq!((&*block.key, block.entries), (KEY, 3));
    let (first, second) = (block.header.first, block.header.last);
    let entries: Vec<_> = whole[0].split("; ").collect();
    let rest = entries[3..].join("; ");
    assert_eq!(seen[0], rest, "what is left of {first} to {second}");
    assert_eq!(seen[4], whole[4], "pending entries are as they were");
}

#[test]
fn a_missing_block_file_costs_its_entries() {
    let fixture = fixture();
    let blocks = dir::list_block_files(&RealFs, fixture.dir.path()).unwrap();
    std::fs::remove_file(dir::block_file(fixture.dir.path(), blocks[1])).unwrap();
    let (seen, _, records, blocks) = fixture.repaired();
    assert!(records.is_empty());
    let whole = fixture.seen.last_key_value().unwrap().1;
    let lost: u64 = blocks.iter().map(|block| block.entries).sum();
    let count = |text: &str| text.split("; ").filter(|entry| !entry.is_empty()).count() as u64;
    assert!(3 < lost);
    assert_eq!(count(&seen[0]) + lost, count(&whole[0]));
}

#[test]
fn only_a_backup_helps_where_nothing_is_left() {
    let fixture = fixture();
    for lsn in dir::list_snapshots(&RealFs, fixture.dir.path()).unwrap() {
        put(&dir::snapshot(fixture.dir.path(), lsn), b"nothing");
    }
    std::fs::remove_file(fixture.path("log/00000000000000000001.log")).unwrap();
    let error = examine(&RealFs, fixture.dir.path(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("only a backup helps"), "{error}");
}

#[test]
fn nothing_is_written_over() {
    let fixture = fixture();
    fixture.flip("FORMAT", 20);
    let repair = examine(&RealFs, fixture.dir.path(), &mut |_| {}).unwrap();
    let to = tempfile::tempdir().unwrap();
    std::fs::write(to.path().join("mine"), "mine").unwrap();
    let error = repair.write(&RealFs, to.path(), &options()).unwrap_err();
    assert!(matches!(&error, StorageError::NotEmpty { name, .. } if name == "mine"), "{error}");
}
