//! Lines of words against an engine: decide, record, apply, and everything that must hold for any of
//! them.

use engine::{
    Command, Context, Engine, IdRange, ImageLoader, Item, Op, Order, Reply, Settings, StreamId,
};
use protocol::{Request, SessionCommand, Version};
use storage::format::codec;

use crate::model::Model;
use crate::planted::is_planted;
use crate::wire;

/// Small blocks, so that a short script seals many.
const SETTINGS: Settings = Settings { block_entries_max: 3, block_bytes_max: 64 };

/// An engine, its log, a second engine that lives on that log alone, and a model of its streams.
pub struct Play {
    engine: Engine,
    twin: Engine,
    model: Model,
    context: Context,
    /// Number of the last record.
    lsn: u64,
}

impl Default for Play {
    fn default() -> Self {
        let context = Context { db: 0, now: 1_700_000_000_000 };
        Self {
            engine: Engine::new(SETTINGS, 1),
            twin: Engine::new(SETTINGS, 2),
            model: Model::default(),
            context,
            lsn: 0,
        }
    }
}

impl Play {
    /// Runs a script: one command to a line, words between blanks. `@N` moves the clock by N ms,
    /// `!` removes what has expired, `#N M` sets the size of blocks.
    pub fn run(&mut self, script: &[u8]) {
        for line in script.split(|&byte| byte == b'\n').take(200) {
            let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
            match line.first() {
                Some(b'@') => self.move_clock(&words),
                Some(b'!') => self.expire(),
                Some(b'#') => self.configure(&words),
                Some(_) => self.command(&words),
                None => {}
            }
        }
        self.compare();
    }

    fn move_clock(&mut self, words: &[&[u8]]) {
        let by = number(&words[0][1..]).clamp(-100_000_000_000, 100_000_000_000);
        self.context.now = self.context.now.saturating_add_signed(by);
    }

    fn expire(&mut self) {
        let expired = self.engine.expired(self.context.now, 100);
        let ops = expired.ops();
        for op in &ops {
            let Op::Delete { db, key } = op else { panic!("{op:?}") };
            let context = Context { db: *db, ..self.context };
            let kind =
                self.engine.decide(&Command::Type { key }, context).expect("it takes any").reply;
            assert_eq!(kind, Reply::Simple("none"), "{op:?} before its time");
        }
        self.record(&ops);
        self.model.look_up(&ops, &self.engine);
    }

    fn configure(&mut self, words: &[&[u8]]) {
        let limit = |word: Option<&&[u8]>| word.map_or(0, |word| number(word).unsigned_abs());
        let block_entries_max = number(&words[0][1..]).unsigned_abs();
        self.record(&[Op::Configure { block_entries_max, block_bytes_max: limit(words.get(1)) }]);
    }

    fn command(&mut self, words: &[&[u8]]) {
        let parsed = protocol::resolve(words).and_then(|spec| protocol::parse(spec, words, 12_345));
        match parsed {
            Ok(Request::Engine(command)) => self.decide(&command),
            Ok(Request::Session(SessionCommand::Select { db })) => self.context.db = db,
            Ok(_) => {}
            Err(error) => {
                let mut out = Vec::new();
                protocol::encode_error(&error, &mut out);
                wire::expect_one_reply(&out);
            }
        }
    }

    fn decide(&mut self, command: &Command<'_>) {
        // A value far beyond what the fuzzer may take is refused by the server's limits, not by the
        // engine.
        if let Command::SetRange { offset: 65_536.., .. } = command {
            return;
        }
        let decision = match self.engine.decide(command, self.context) {
            Ok(decision) => decision,
            Err(error) => {
                let mut out = Vec::new();
                protocol::encode_error(&error, &mut out);
                return wire::expect_one_reply(&out);
            }
        };
        assert!(decision.seen <= self.lsn, "{command:?} saw {} of {}", decision.seen, self.lsn);
        let reply = shown(&decision.reply);
        let again = self.engine.decide(command, self.context).expect("nothing has changed");
        assert_eq!(shown(&again.reply), reply, "{command:?} is decided differently");
        assert_eq!(again.ops, decision.ops, "{command:?} is decided differently");
        self.model.check(command, &decision.reply, &self.engine, self.context);
        self.record(&decision.ops);
        // A reply refers to blocks: what happens to the stream afterwards must not show.
        assert_eq!(shown(&decision.reply), reply, "{command:?}: the reply changed afterwards");
        self.model.follow(command, &decision.ops, &self.engine, self.context);
    }

    /// Encodes, decodes and applies operations: here as they are, there as they come back.
    fn record(&mut self, ops: &[Op<'_>]) {
        let mut payload = Vec::new();
        let recorded: Vec<&Op<'_>> = ops.iter().filter(|op| op.is_recorded()).collect();
        recorded.iter().for_each(|op| codec::encode_into(op, &mut payload));
        self.lsn += u64::from(!recorded.is_empty());
        for op in ops {
            self.engine.apply(op, self.lsn);
        }
        let mut rest = payload.as_slice();
        let mut known = recorded.into_iter();
        while !rest.is_empty() {
            let (mut op, taken) = codec::decode::<Op<'_>>(rest).expect("it was encoded");
            let written = known.next().expect("no more than was encoded");
            // Two forms of the same text are one.
            assert_eq!(format!("{op:?}"), format!("{written:?}"));
            // Planted: what a claim finds to be gone stays pending after a restart.
            if let (true, Op::Claim { removed, .. }) = (is_planted(), &mut op) {
                removed.0.clear();
            }
            self.twin.apply(&op, self.lsn);
            rest = &rest[taken..];
        }
    }

    /// Live, replayed and loaded from an image are the same.
    fn compare(&self) {
        let live = image(&self.engine);
        // The twin never hears of what is not recorded: the time a consumer was seen.
        assert_eq!(
            without_seen(&self.twin),
            without_seen(&self.engine),
            "replay differs from live"
        );
        let loaded = load(&live).expect("an image loads");
        assert_eq!(image(&loaded), live, "the loaded image differs from live");
        self.model.compare(&self.engine);
    }
}

fn number(word: &[u8]) -> i64 {
    std::str::from_utf8(word).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A reply in both protocols.
fn shown(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    protocol::encode(reply, Version::Resp2, usize::MAX, &mut out).expect("a reply without a limit");
    wire::expect_one_reply(&out);
    let resp2_len = out.len();
    protocol::encode(reply, Version::Resp3, usize::MAX, &mut out).expect("a reply without a limit");
    wire::expect_one_reply(&out[resp2_len..]);
    out
}

/// The whole state as bytes, one string to an item.
pub fn image(engine: &Engine) -> Vec<Vec<u8>> {
    let encoded = |item: Item<'_>| {
        let mut bytes = Vec::new();
        codec::encode_into(&item, &mut bytes);
        bytes
    };
    engine.image().map(encoded).collect()
}

fn without_seen(engine: &Engine) -> Vec<String> {
    let shown = |mut item: Item<'_>| {
        if let Item::GroupPart { part: engine::GroupItem::Consumer { seen, .. } } = &mut item {
            *seen = 0;
        }
        format!("{item:?}")
    };
    engine.image().map(shown).collect()
}

/// An engine from the bytes of [`image`], none of whose blocks lies on disk.
pub fn load(items: &[Vec<u8>]) -> Result<Engine, String> {
    let mut loader = ImageLoader::new(3, 1);
    for item in items {
        let item = codec::decode_all::<Item<'_>>(item)?;
        let block = &mut |place| Err(format!("{place:?}"));
        loader.push(&item, block).map_err(|error| error.to_string())?;
    }
    loader.finish().map_err(|error| error.to_string())
}

/// Every way of reading the stream of a key; each must end, in a reply or a refusal.
pub fn read_all(engine: &Engine, key: &[u8]) {
    let context = Context { db: 0, now: 1_700_000_000_000 };
    let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
    for order in [Order::Ascending, Order::Descending] {
        for count in [None, Some(2)] {
            let command = Command::XRange { key, range, count, order };
            if let Ok(decision) = engine.decide(&command, context) {
                shown(&decision.reply);
            }
        }
    }
}
