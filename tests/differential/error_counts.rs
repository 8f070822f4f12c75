//! What INFO counts of requests that end in an error, whoever sent them: a client, a script, a transaction.

use support::Client;

use crate::introspection::{Pair, info, pair};

/// What INFO counts of errors and of the calls that ended in them, without their times.
fn error_counts(client: &mut Client) -> Vec<String> {
    let info = info(client);
    let counts = info.lines().filter_map(|line| match line.strip_prefix("cmdstat_") {
        Some(command) => {
            let (name, counts) = command.split_once(':').expect("a field");
            let of_time = |count: &&str| !count.starts_with("usec");
            Some(format!(
                "{name} {}",
                counts.split(',').filter(of_time).collect::<Vec<_>>().join(" ")
            ))
        }
        None => (line.starts_with("errorstat_") || line.starts_with("total_error_replies"))
            .then(|| line.to_owned()),
    });
    let mut counts: Vec<_> = counts.collect();
    counts.sort();
    counts
}

#[test]
fn errors_are_counted_as_redis_counts_them() {
    let Pair { mut redis, mut ours, _servers } = pair();
    let call = |function: &str, words: &str| {
        let script = format!("EVAL return(redis.{function}(unpack(ARGV))) 0 {words}");
        script.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    let line = |text: &str| vec![text.split(' ').map(str::to_owned).collect::<Vec<_>>()];
    let queued = |text: &str| [line("MULTI"), line(text), line("EXEC")].concat();
    let mut wrong = Vec::new();
    for text in [
        "EXPIRE k x",
        "INCR s",
        "NOSUCH",
        "XREAD BLOCK x STREAMS k 0",
        "XREADGROUP GROUP g c STREAMS k >",
        "GET",
        "XADD k",
        "XGROUP CREATE",
        "XGROUP NOSUCH",
        "XGROUP",
        "CLIENT KILL",
        "CONFIG SET a",
        "SUBSCRIBE a",
    ] {
        let ways = [line(text), vec![call("call", text)], vec![call("pcall", text)], queued(text)];
        for requests in ways {
            let [expected, seen] = [&mut redis, &mut ours].map(|client| {
                client.words("SET s x");
                client.words("CONFIG RESETSTAT");
                for request in &requests {
                    client.command(request);
                }
                error_counts(client)
            });
            if expected != seen {
                wrong.push(format!("{requests:?}\n  Redis {expected:?}\n  ours  {seen:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
