//! A random stream of rules to Headwater and to Debian's `redis-server` 7.0: the same refusals, the
//! same users, the same verdicts. What differs by design:
//!
//! - **the commands of a user.** Redis 7.0 describes the commands that its rules came to, in an order
//!   of chance; Headwater, as Redis since 7.2, the rules. Both texts are worked out to the set of
//!   commands that both servers have, by the categories of the server that told it;
//! - **commands that only one server has** are in no rule and no request;
//! - **zero bytes in a selector**: Redis ignores what stands behind one, Headwater refuses it. There
//!   are none in rules here.
//!
//! `HEADWATER_ACL_DIFF_COMMANDS` says how many commands (3,000 if not set),
//! `HEADWATER_ACL_DIFF_SEED` where to start.

use std::collections::{BTreeMap, BTreeSet};

use support::{Client, Launch, Rng, Server, Value};

const USERS: &[&str] = &["a", "b", "c"];
const PASSWORDS: &[&str] = &["", "x", "pass word", "y z "];

/// A server, and what its categories hold of what both servers know.
struct Side {
    _server: Server,
    client: Client,
    other: Client,
    categories: BTreeMap<String, BTreeSet<String>>,
}

impl Side {
    fn start(launch: &Launch) -> Self {
        let server = launch.start();
        let (client, other) = (server.connect(), server.connect());
        Self { _server: server, client, other, categories: BTreeMap::new() }
    }

    /// Every command that can be called, by its full name.
    fn commands(&mut self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for command in self.client.ok(&["COMMAND"]).array() {
            let row = command.array();
            let subcommands = row[9].clone().array();
            if subcommands.is_empty() || row[1].int() == -1 {
                names.insert(row[0].text());
            }
            names.extend(subcommands.into_iter().map(|sub| sub.array()[0].text()));
        }
        names
    }

    fn learn(&mut self, common: &BTreeSet<String>) {
        for category in self.client.ok(&["ACL", "CAT"]).array() {
            let category = category.text();
            let members = self.client.ok(&["ACL", "CAT", &category]).array();
            let members = members.iter().map(Value::text).filter(|name| common.contains(name));
            self.categories.insert(category, members.collect());
        }
    }

    /// What a text of rules about commands comes to.
    fn work_out(&self, rules: &[&str], common: &BTreeSet<String>) -> String {
        let mut allowed: BTreeSet<String> = BTreeSet::new();
        let mut first_args: BTreeSet<String> = BTreeSet::new();
        for rule in rules {
            let (sign, about) = rule.split_at(1);
            let names: Vec<String> = match about.strip_prefix('@') {
                Some("all") => common.iter().cloned().collect(),
                Some(category) => self.categories[category].iter().cloned().collect(),
                None => {
                    let inside = format!("{about}|");
                    common
                        .iter()
                        .filter(|c| *c == about || c.starts_with(&inside))
                        .cloned()
                        .collect()
                }
            };
            if names.is_empty()
                && let Some((command, _)) = about.split_once('|')
                && common.contains(command)
            {
                first_args.insert(about.to_owned());
            }
            for name in names {
                first_args.retain(|arg| arg.split('|').next() != Some(&name));
                if sign == "+" {
                    allowed.insert(name)
                } else {
                    allowed.remove(&name)
                };
            }
        }
        first_args.retain(|arg| !allowed.contains(arg.split('|').next().unwrap_or_default()));
        format!("{allowed:?} {first_args:?}")
    }

    /// A line of words with each run of rules about commands worked out.
    fn normalise(&self, line: &str, common: &BTreeSet<String>) -> String {
        let mut out = String::new();
        let mut rules = Vec::new();
        for word in line.split(' ') {
            let bare = word.trim_end_matches(')');
            if bare.starts_with(['+', '-']) {
                rules.push(bare);
                if bare.len() == word.len() {
                    continue;
                }
            }
            if !rules.is_empty() {
                out += &self.work_out(&std::mem::take(&mut rules), common);
            }
            if !bare.starts_with(['+', '-']) {
                out += &format!(" {word}");
            }
            out += &word[bare.len()..];
        }
        if !rules.is_empty() {
            out += &self.work_out(&rules, common);
        }
        out
    }

    fn normalised(&self, value: Value, common: &BTreeSet<String>) -> Value {
        match value {
            Value::Bulk(bytes) => {
                // By design: told so that an ACL file with it can be read back.
                let text = String::from_utf8_lossy(&bytes).replace("%RW~*", "~*");
                let is_rules = text.starts_with("user ") || text.starts_with(['+', '-']);
                Value::bulk(if is_rules { self.normalise(&text, common) } else { text })
            }
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|v| self.normalised(v, common)).collect())
            }
            Value::Map(pairs) => Value::Map(
                pairs.into_iter().map(|(k, v)| (k, self.normalised(v, common))).collect(),
            ),
            other => other,
        }
    }
}

struct Generator {
    rng: Rng,
    commands: Vec<String>,
    categories: Vec<String>,
}

impl Generator {
    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.rng.index(from.len())]
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.rng.below(0..n) == 0
    }

    fn name(&mut self) -> String {
        let name = self.commands[self.rng.index(self.commands.len())].clone();
        match self.rng.below(0..6) {
            0 => name.to_uppercase(),
            1 => name.split('|').next().unwrap_or_default().to_owned(),
            _ => name,
        }
    }

    fn pattern(&mut self) -> &'static str {
        self.pick(&["a", "b*", "k?", "*", "[ab]1", "", "x\\*", "k1", "**"])
    }

    /// A rule that can stand in a selector.
    fn selector_rule(&mut self) -> String {
        match self.rng.below(0..24) {
            0 => self.pick(&["allkeys", "ALLKEYS", "~*", "resetkeys"]).to_owned(),
            1 => self.pick(&["allchannels", "&*", "resetchannels", "ResetChannels"]).to_owned(),
            2 => self.pick(&["allcommands", "+@all", "-@ALL", "nocommands"]).to_owned(),
            3..=6 => format!("~{}", self.pattern()),
            7..=9 => {
                let access = self.pick(&["R", "W", "RW", "wr", "RR", "", "X", "R~%W"]);
                format!("%{access}~{}", self.pattern())
            }
            10..=11 => format!("&{}", self.pattern()),
            12..=15 => {
                let category = self.categories[self.rng.index(self.categories.len())].clone();
                format!("{}@{category}", self.pick(&["+", "-"]))
            }
            16..=20 => format!("{}{}", self.pick(&["+", "-"]), self.name()),
            21 => format!("+{}|{}", self.pick(&["get", "set", "select", "xadd"]), {
                self.pick(&["a", "A", "1", "k1", "", "x|y", "b"])
            }),
            _ => self
                .pick(&[
                    "+",
                    "-",
                    "+@",
                    "+foo",
                    "-foo",
                    "+@foo",
                    "+config|",
                    "+config|foo",
                    "-get|x",
                    "%",
                    "%R",
                    "+acl|list|x",
                    "(",
                    ")",
                    "foo",
                    "~a b",
                    "&a b",
                    "on ",
                    "+get ",
                    "+|",
                    "-|x",
                ])
                .to_owned(),
        }
    }

    fn rule(&mut self) -> String {
        match self.rng.below(0..20) {
            0 => self.pick(&["on", "off", "ON", "Off"]).to_owned(),
            1 => self.pick(&["nopass", "resetpass", "reset", "RESET"]).to_owned(),
            2 => self.pick(&["skip-sanitize-payload", "sanitize-payload", ""]).to_owned(),
            3..=4 => format!("{}{}", self.pick(&[">", ">", "<"]), self.pick(PASSWORDS)),
            5 => format!(
                "{}{}",
                self.pick(&["#", "!"]),
                self.pick(&[
                    "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
                    "2D711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
                    "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a488",
                    "",
                ])
            ),
            6 => self.pick(&["clearselectors", "clearselectors", ""]).to_owned(),
            7..=8 => {
                let count = 1 + self.rng.index(4);
                let rules: Vec<_> = (0..count).map(|_| self.selector_rule()).collect();
                format!("({})", rules.join(" "))
            }
            _ => self.selector_rule(),
        }
    }

    fn set_user(&mut self) -> Vec<String> {
        let user = if self.one_in(60) { "d e" } else { self.pick(USERS) };
        let mut words = vec!["ACL".to_owned(), "SETUSER".to_owned(), user.to_owned()];
        for _ in 0..self.rng.below(0..5) {
            let rule = self.rule();
            if rule.starts_with('(') && self.one_in(2) {
                // In pieces.
                words.extend(rule.split(' ').map(str::to_owned));
            } else {
                words.push(rule);
            }
        }
        words
    }

    fn request(&mut self) -> Vec<String> {
        let mut request: Vec<String> = match self.rng.below(0..3) {
            0 => self.name().split('|').map(str::to_owned).collect(),
            _ => {
                let line = self.pick(&[
                    "GET K",
                    "SET K v",
                    "SET K v GET",
                    "MSET K 1 K 2",
                    "DEL K K",
                    "XADD K * a b",
                    "XREAD STREAMS K K 0 0",
                    "XREADGROUP GROUP g c STREAMS K >",
                    "XLEN K",
                    "EXISTS K K",
                    "COPY K K",
                    "RENAME K K",
                    "HSET K f v",
                    "SELECT 1",
                    "CONFIG GET port",
                    "WATCH K",
                    "XGROUP CREATE K g 0",
                    "XINFO STREAM K",
                    "PUBLISH K m",
                    "SUBSCRIBE K K",
                    "PSUBSCRIBE K K",
                    "ACL WHOAMI",
                    "PING",
                    "AUTH a b",
                    "MEMORY USAGE K",
                    "GETDEL K",
                    "TOUCH K",
                    "XACK K g 1-1",
                    "INCR K",
                    "APPEND K v",
                    "XREAD foo bar baz",
                    "FOO",
                    "GET",
                ]);
                line.split(' ').map(str::to_owned).collect()
            }
        };
        for word in &mut request {
            if word == "K" {
                self.pick(&["a", "b", "b1", "k1", "k2", "a1", "x*", "1", "b*"]).clone_into(word);
            }
        }
        while self.one_in(3) {
            request.push(self.pick(&["a", "1", "k1"]).to_owned());
        }
        request
    }

    fn command(&mut self) -> Vec<String> {
        let words =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match self.rng.below(0..20) {
            0..=7 => self.set_user(),
            8..=9 => words(&["ACL", "GETUSER", self.pick(USERS)]),
            10 => words(&["ACL", "LIST"]),
            11 => words(&["ACL", "USERS"]),
            12 if self.one_in(3) => words(&["ACL", "DELUSER", self.pick(USERS), self.pick(USERS)]),
            12 | 13 => {
                let name = self.pick(&["a", "b", "c", "nobody"]);
                words(&["AUTH", name, self.pick(PASSWORDS)])
            }
            14 if self.one_in(4) => words(&["HELLO", self.pick(&["2", "3"])]),
            _ => {
                let user = self.pick(&["a", "b", "c", "a", "b", "c", "default", "nobody"]);
                let mut command = words(&["ACL", "DRYRUN", user]);
                command.extend(self.request());
                command
            }
        }
    }
}

#[test]
fn rules_mean_what_they_mean_elsewhere() {
    let commands = std::env::var("HEADWATER_ACL_DIFF_COMMANDS")
        .map_or(3000, |text| text.parse::<u64>().expect("a number of commands"));
    let seed = std::env::var("HEADWATER_ACL_DIFF_SEED")
        .map_or(1, |text| text.parse::<u64>().expect("a number"));
    println!("HEADWATER_ACL_DIFF_SEED={seed}");
    let reference = Launch::reference("redis-server").args(["--appendonly", "no"]);
    let (mut redis, mut headwater) = (Side::start(&reference), Side::start(&super::launch()));
    let common: BTreeSet<String> =
        redis.commands().intersection(&headwater.commands()).cloned().collect();
    assert!(120 < common.len(), "{}", common.len());
    redis.learn(&common);
    headwater.learn(&common);
    for (category, members) in &redis.categories {
        assert_eq!(&headwater.categories[category], members, "category {category}");
    }
    let mut generator = Generator {
        rng: Rng::new(seed),
        categories: redis.categories.keys().cloned().collect(),
        commands: common.iter().cloned().collect(),
    };
    for number in 0..commands {
        let command = generator.command();
        let is_other = command[0] == "AUTH";
        let ask = |side: &mut Side| match is_other {
            true => {
                let reply = side.other.command(&command);
                if matches!(reply, Value::Error(_)) {
                    return vec![reply];
                }
                // Who it is then, unless it may not say so; and then nobody in particular.
                vec![reply, side.other.words("ACL WHOAMI"), side.other.words("RESET")]
            }
            false => vec![side.client.command(&command)],
        };
        let (theirs, ours) = (ask(&mut redis), ask(&mut headwater));
        if command[0] == "HELLO" {
            continue;
        }
        let theirs: Vec<_> = theirs.into_iter().map(|v| redis.normalised(v, &common)).collect();
        let ours: Vec<_> = ours.into_iter().map(|v| headwater.normalised(v, &common)).collect();
        assert_eq!(
            ours, theirs,
            "command {number} of seed {seed}: {command:?} (left is Headwater)"
        );
    }
}

/// COMMAND INFO of every command that both have: what rules about categories are made of.
#[test]
fn categories_of_every_command_are_the_reference_s() {
    let reference = Launch::reference("redis-server").args(["--appendonly", "no"]);
    let (mut redis, mut headwater) = (Side::start(&reference), Side::start(&super::launch()));
    let common: BTreeSet<String> =
        redis.commands().intersection(&headwater.commands()).cloned().collect();
    let mut wrong = Vec::new();
    for name in &common {
        let categories = |side: &mut Side| -> BTreeSet<String> {
            let row = side.client.ok(&["COMMAND", "INFO", name]).array().remove(0).array();
            row[6].clone().array().iter().map(Value::text).collect()
        };
        let (theirs, ours) = (categories(&mut redis), categories(&mut headwater));
        if theirs != ours {
            wrong.push(format!("{name}: {ours:?}, not {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
