//! Commands on lists, and those that wait for one.

use crate::generate::{Generator, NUMBERS, bytes, line};
use crate::script::{Argument, Words};

/// Keys that mostly hold lists.
pub(crate) const LISTS: &[&str] = &["list1", "list2", "list3"];

/// Commands as lines. `L` is a key of lists, `K` any key, `E` an end, `V` a value, `N` a number that
/// may be an edge, `n` a place near an end of a list, `T` a timeout that is refused.
const LINES: &[&str] = &[
    "LPUSH L V",
    "LPUSH L V V V",
    "LPUSH K V",
    "RPUSH L V",
    "RPUSH L V V V V",
    "RPUSH L V V",
    "RPUSH L n n n n",
    "LPUSHX L V V",
    "RPUSHX L V",
    "LPOP L",
    "LPOP L n",
    "LPOP L N",
    "RPOP L",
    "RPOP L n",
    "RPOP K",
    "RPOP missing 0",
    "LLEN L",
    "LLEN K",
    "LRANGE L 0 -1",
    "LRANGE L n n",
    "LRANGE L N N",
    "LRANGE K 0 1",
    "LINDEX L n",
    "LINDEX L N",
    "LSET L n V",
    "LSET L N V",
    "LINSERT L BEFORE V V",
    "LINSERT L AFTER V V",
    "LINSERT L foo V V",
    "LREM L n V",
    "LREM L 0 V",
    "LREM L N V",
    "LTRIM L n n",
    "LTRIM L 0 -2",
    "LTRIM L N N",
    "LPOS L V",
    "LPOS L V RANK n",
    "LPOS L V RANK N",
    "LPOS L V COUNT n",
    "LPOS L V COUNT 0 RANK n MAXLEN n",
    "LPOS L V COUNT N MAXLEN N",
    "LMOVE L L E E",
    "LMOVE L K E E",
    "RPOPLPUSH L L",
    "RPOPLPUSH L K",
    "LMPOP 1 L E",
    "LMPOP 2 L L E COUNT n",
    "LMPOP n L K E COUNT N",
    "LMPOP 2 missing L E",
    "BLPOP L 0.01",
    "BRPOP L L 0.01",
    "BLMOVE L L E E 0.01",
    "BRPOPLPUSH L L 0.01",
    "BLMPOP 0.01 2 L L E COUNT n",
    "BLPOP L T",
    "BLMPOP T 1 L E",
    "SORT L",
    "SORT L DESC",
    "SORT L ALPHA",
    "SORT L ALPHA DESC LIMIT n n",
    "SORT L LIMIT n n",
    "SORT L LIMIT N N",
    "SORT L BY nosort",
    "SORT L BY nosort DESC LIMIT n n",
    "SORT L BY str*",
    "SORT L BY hash*->f1 GET # GET str* GET hash*->f1",
    "SORT L BY str* GET str* DESC",
    "SORT L STORE L",
    "SORT L ALPHA STORE K",
    "SORT L BY nosort GET str* STORE L",
    "SORT_RO L",
    "SORT_RO L ALPHA",
    "SORT_RO L STORE L",
    "SORT K",
    "SORT K ALPHA",
    "SORT missing STORE L",
    "DEL L",
    "COPY L L REPLACE",
    "RENAME L L",
    "OBJECT ENCODING L",
    "TYPE L",
    "COMMAND GETKEYS SORT a BY b GET c STORE d",
    "COMMAND GETKEYS BLPOP a b 0",
    "COMMAND GETKEYS LMPOP 2 a b LEFT",
    "COMMAND GETKEYS BLMPOP 0 n a b LEFT",
];

/// Those that wait, with a timeout that nobody waits for: another client has to act.
const WAITING: &[&str] = &[
    "BLPOP L 0",
    "BLPOP L L 0",
    "BRPOP L 1000",
    "BRPOP L K L 0",
    "BLMOVE L L E E 0",
    "BLMOVE L K E E 0",
    "BRPOPLPUSH L L 0",
    "BLMPOP 0 1 L E",
    "BLMPOP 0 2 L L E COUNT 2",
];

pub(crate) fn command(g: &mut Generator) -> Words {
    let text = *g.pick(LINES);
    fill_all(g, text)
}

pub(crate) fn waiting(g: &mut Generator) -> Words {
    let text = *g.pick(WAITING);
    fill_all(g, text)
}

fn fill_all(g: &mut Generator, text: &str) -> Words {
    line(text).into_iter().map(|word| fill(g, word)).collect()
}

/// Whether a command of this name may wait for an element.
pub(crate) fn waits(name: &str) -> bool {
    matches!(name, "BLPOP" | "BRPOP" | "BLMOVE" | "BRPOPLPUSH" | "BLMPOP")
}

/// The timeout of a command that waits on elements, in seconds.
pub(crate) fn timeout(name: &str, words: &[Argument]) -> Option<f64> {
    let word = match name {
        "BLPOP" | "BRPOP" | "BLMOVE" | "BRPOPLPUSH" | "BZPOPMIN" | "BZPOPMAX" => words.last(),
        "BLMPOP" | "BZMPOP" => words.get(1),
        _ => return None,
    };
    let Some(Argument::Bytes(text)) = word else { return None };
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn fill(g: &mut Generator, word: Argument) -> Argument {
    let Argument::Bytes(text) = &word else { return word };
    match text.as_slice() {
        b"L" if g.one_in(30) => bytes(g.any_key()),
        b"L" => bytes(*g.pick(LISTS)),
        b"K" => bytes(g.any_key()),
        b"E" => bytes(*g.pick(&["LEFT", "RIGHT", "left", "Right"])),
        b"N" if g.one_in(2) => bytes(*g.pick(NUMBERS)),
        b"N" | b"n" => bytes((g.rng.below(0..9) as i64 - 3).to_string()),
        b"T" => bytes(*g.pick(&["-1", "abc", "", "nan", "1e400", " 1", "99999999999999999999"])),
        b"V" => bytes(*g.pick(VALUES)),
        _ => word,
    }
}

const VALUES: &[&str] = &["a", "b", "c", "1", "2", "10", "-1.5", "1e2", "", "a b", "\r\n", "007"];
