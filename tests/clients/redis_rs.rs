//! redis-rs: blocking and on tokio, RESP2 and RESP3, the typed calls for streams.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, MultiplexedConnection};
use redis::streams::{
    StreamAutoClaimOptions, StreamAutoClaimReply, StreamMaxlen, StreamPendingCountReply,
    StreamPendingReply, StreamRangeReply, StreamReadOptions, StreamReadReply,
};
use redis::{AsyncTypedCommands, Commands, ErrorKind, PushKind, RedisResult, Script};
use support::Launch;

use crate::start;

fn client(port: u16, protocol: &str) -> redis::Client {
    redis::Client::open(format!("redis://127.0.0.1:{port}/?protocol={protocol}"))
        .expect("the address is well formed")
}

fn on_tokio(work: impl Future<Output = RedisResult<()>>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made")
        .block_on(work)
        .expect("no call fails");
}

#[test]
fn redis_rs_blocking() {
    let server = start();
    for protocol in ["resp2", "resp3"] {
        let client = client(server.port(), protocol);
        let mut connection = client.get_connection().expect("the server takes connections");
        redis::cmd("FLUSHALL").exec(&mut connection).expect("it empties");
        produce_and_range(&mut connection).expect("entries");
        group_with_a_crash(&mut connection).expect("a group");
        transactions(&client, &mut connection).expect("transactions");
    }
}

fn produce_and_range(con: &mut redis::Connection) -> RedisResult<()> {
    for n in 1..=10 {
        let id: Option<String> = con.xadd("rs:log", format!("{n}-0"), &[("n", n)])?;
        assert_eq!(id, Some(format!("{n}-0")));
    }
    let _: Option<String> =
        con.xadd_maxlen("rs:log", StreamMaxlen::Equals(5), "*", &[("n", 11)])?;
    let kept: StreamRangeReply = con.xrange_all("rs:log")?;
    let numbers: Vec<_> = kept.ids.iter().map(|entry| entry.get::<u64>("n")).collect();
    assert_eq!(numbers, [7, 8, 9, 10, 11].map(Some));
    let last: StreamRangeReply = con.xrevrange_count("rs:log", "+", "-", 1)?;
    assert_eq!(last.ids[0].get::<u64>("n"), Some(11));
    let refused: RedisResult<Option<String>> = con.xadd("rs:log", "1-0", &[("n", 0)]);
    let refusal = refused.expect_err("the ID is too small");
    assert!(refusal.to_string().contains("equal or smaller"), "{refusal}");
    let info: redis::streams::StreamInfoStreamReply = con.xinfo_stream("rs:log")?;
    assert_eq!((info.length, info.groups), (5, 0));
    Ok(())
}

fn group_with_a_crash(con: &mut redis::Connection) -> RedisResult<()> {
    for n in 1..=6 {
        let _: Option<String> = con.xadd("rs:jobs", format!("{n}-0"), &[("n", n)])?;
    }
    let () = con.xgroup_create("rs:jobs", "g", "0")?;
    let again: RedisResult<()> = con.xgroup_create("rs:jobs", "g", "0");
    assert_eq!(again.expect_err("it is there").code(), Some("BUSYGROUP"));

    let options = StreamReadOptions::default().group("g", "gone").count(4).block(1000);
    let read: Option<StreamReadReply> = con.xread_options(&["rs:jobs"], &[">"], &options)?;
    assert_eq!(read.expect("there are entries").keys[0].ids.len(), 4);
    let acknowledged: usize = con.xack("rs:jobs", "g", &["1-0", "2-0"])?;
    assert_eq!(acknowledged, 2);

    let options = StreamAutoClaimOptions::default().count(10);
    let claimed: StreamAutoClaimReply =
        con.xautoclaim_options("rs:jobs", "g", "saver", 0, "0-0", options)?;
    let ids: Vec<_> = claimed.claimed.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!((ids, claimed.next_stream_id.as_str()), (vec!["3-0", "4-0"], "0-0"));
    let pending: StreamPendingCountReply = con.xpending_count("rs:jobs", "g", "-", "+", 10)?;
    assert!(pending.ids.iter().all(|p| p.consumer == "saver" && p.times_delivered == 2));
    let summary: StreamPendingReply = con.xpending("rs:jobs", "g")?;
    assert_eq!(summary.count(), 2);

    // Nothing more for this consumer, and nothing new: null in the form of either protocol.
    let options = StreamReadOptions::default().group("g", "saver").count(10);
    let _: Option<StreamReadReply> = con.xread_options(&["rs:jobs"], &[">"], &options)?;
    let options = options.block(10);
    let none: Option<StreamReadReply> = con.xread_options(&["rs:jobs"], &[">"], &options)?;
    assert!(none.is_none_or(|reply| reply.keys.is_empty()));
    Ok(())
}

fn transactions(client: &redis::Client, con: &mut redis::Connection) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for n in 0..1000 {
        pipe.xadd("rs:pipe", "*", &[("n", n)]).ignore();
    }
    pipe.xlen("rs:pipe");
    let (len,): (usize,) = pipe.query(con)?;
    assert_eq!(len, 1000);

    // Somebody changes the watched key the first time: the closure runs again.
    let mut other = client.get_connection()?;
    let () = con.set("rs:balance", 10)?;
    let mut runs = 0;
    let (balance,): (i64,) = redis::transaction(con, &["rs:balance"], |con, pipe| {
        runs += 1;
        let before: i64 = con.get("rs:balance")?;
        if runs == 1 {
            let () = other.set("rs:balance", 100)?;
        }
        pipe.set("rs:balance", before + 1)
            .ignore()
            .xadd("rs:history", "*", &[("balance", before + 1)])
            .ignore()
            .get("rs:balance")
            .query(con)
    })?;
    let history: usize = con.xlen("rs:history")?;
    assert_eq!((runs, balance, history), (2, 101, 1));
    Ok(())
}

#[test]
fn redis_rs_tokio() {
    let server = start();
    for protocol in ["resp2", "resp3"] {
        on_tokio(async {
            let client = client(server.port(), protocol);
            let mut shared = client.get_multiplexed_async_connection().await?;
            redis::cmd("FLUSHALL").exec_async(&mut shared).await?;
            in_flight(&shared).await?;
            workers(&client, &mut shared).await
        });
    }
}

/// Hundreds of requests on one connection at the same time, each with the reply that is its own.
async fn in_flight(shared: &MultiplexedConnection) -> RedisResult<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..300_u64 {
        let mut mine = shared.clone();
        tasks.spawn(async move {
            let id = mine.xadd("rs:flight", "*", &[("n", n)]).await?;
            let id = id.expect("the stream is made");
            let found = mine.xrange("rs:flight", &id, &id).await?;
            assert_eq!(found.ids[0].get::<u64>("n"), Some(n));
            Ok::<_, redis::RedisError>(id)
        });
    }
    let ids: HashSet<_> = tasks.join_all().await.into_iter().collect::<RedisResult<_>>()?;
    assert_eq!(ids.len(), 300);
    Ok(())
}

/// Workers of one group that wait, while entries come.
async fn workers(client: &redis::Client, shared: &mut MultiplexedConnection) -> RedisResult<()> {
    shared.xgroup_create_mkstream("rs:work", "g", "$").await?;
    let (done, mut results) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = tokio::task::JoinSet::new();
    for name in ["a", "b", "c"] {
        // A connection each: a blocked one holds up all that is sent behind it.
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let mut mine = client.get_multiplexed_async_connection_with_config(&config).await?;
        let done = done.clone();
        tasks.spawn(async move {
            let options = StreamReadOptions::default().group("g", name).count(3).block(20_000);
            loop {
                let read = mine.xread_options(&["rs:work"], &[">"], &options).await?;
                for entry in read.into_iter().flat_map(|r| r.keys).flat_map(|key| key.ids) {
                    let n: u64 = entry.get("n").expect("every entry has it");
                    mine.xack("rs:work", "g", &[&entry.id]).await?;
                    if done.send(n).is_err() {
                        return Ok::<_, redis::RedisError>(());
                    }
                }
            }
        });
    }
    for n in 0..100_u64 {
        shared.xadd("rs:work", "*", &[("n", n)]).await?;
    }
    let mut seen = HashSet::new();
    while seen.len() < 100 {
        assert!(seen.insert(results.recv().await.expect("workers live")), "delivered twice");
    }
    tasks.shutdown().await;
    Ok(())
}

#[test]
fn redis_rs_subscribes_and_scripts() {
    let server = start();
    on_tokio(async {
        let (sender, mut pushed) = tokio::sync::mpsc::unbounded_channel();
        let config = redis::AsyncConnectionConfig::new().set_push_sender(sender);
        let client = client(server.port(), "resp3");
        let mut con = client.get_multiplexed_async_connection_with_config(&config).await?;
        con.subscribe("rs:news").await?;
        // RESP3: the same connection publishes, and is pushed to.
        for n in 0..10 {
            assert_eq!(con.publish("rs:news", n).await?, 1);
        }
        let mut got = Vec::new();
        while got.len() < 10 {
            let push = pushed.recv().await.expect("the connection lives");
            if push.kind == PushKind::Message {
                got.push(push.data[1].clone());
            }
        }
        let expected: Vec<_> =
            (0..10).map(|n| redis::Value::BulkString(n.to_string().into_bytes())).collect();
        assert_eq!(got, expected);

        let script = Script::new("return redis.call('XADD', KEYS[1], '*', 'v', ARGV[1])");
        let id: String = script.key("rs:script").arg("x").invoke_async(&mut con).await?;
        let found = con.xrange("rs:script", &id, &id).await?;
        assert_eq!(found.ids[0].get::<String>("v").as_deref(), Some("x"));
        Ok(())
    });
}

/// A connection manager finds its way back to a server that was killed, and what it was told is done
/// is there.
#[test]
fn redis_rs_reconnects() {
    let launch = Launch::new(env!("CARGO_BIN_EXE_headwater"));
    let server = launch.start();
    let launch = launch.port(server.port());
    on_tokio(async {
        let client = client(server.port(), "resp3");
        let mut con = ConnectionManager::new(client).await?;
        let mut acknowledged = 0;
        for n in 0..50_u64 {
            con.xadd("rs:durable", "*", &[("n", n)]).await?;
            acknowledged += 1;
        }
        server.kill();
        let _server = launch.start();
        let end = Instant::now() + Duration::from_secs(60);
        let len = loop {
            match con.xlen("rs:durable").await {
                Ok(len) => break len,
                Err(error) if error.kind() == ErrorKind::Io || error.is_connection_dropped() => {
                    assert!(Instant::now() < end, "no connection any more: {error}");
                    tokio::task::yield_now().await;
                }
                Err(error) => return Err(error),
            }
        };
        assert_eq!(len, acknowledged);
        Ok(())
    });
}
