//! Producers.

use anyhow::{Context, Result, ensure};
use support::{Rng, encode, encode_into};

use super::{Run, measure, payload};
use crate::load::{self, Traffic};
use crate::report::Row;
use crate::target::{Fsync, Target};

const KEY: &str = "bench";

/// XADD to one stream from `connections` connections, `pipeline` requests at a time.
pub(super) fn one_stream(
    run: &Run<'_>,
    name: &str,
    connections: usize,
    pipeline: u32,
    fsync: Fsync,
) -> Result<Vec<Row>> {
    let (_dir, target) = run.start(fsync)?;
    let mut traffic = Repeat::xadd(KEY, pipeline);
    let warm_up = load::run(target.address, connections, Some(run.scale.warm_up), &mut traffic)?;
    let measured = measure(&target, || {
        let load = load::run(target.address, connections, Some(run.scale.measured), &mut traffic)?;
        Ok((load.replies, load.elapsed, load.latency))
    })?;

    let len = target.connect()?.ok(&["XLEN", KEY]).int();
    let acknowledged = warm_up.replies + measured.operations;
    ensure!(u64::try_from(len)? == acknowledged, "{acknowledged} acknowledged, {len} there");
    target.stop()?;
    Ok(vec![measured.row(name, "XADD/s")])
}

/// The same bytes in every batch.
pub(super) struct Repeat {
    batch: Vec<u8>,
    replies: u32,
}

impl Repeat {
    /// XADDs to one stream, `pipeline` at a time.
    pub(super) fn xadd(key: &str, pipeline: u32) -> Self {
        let request = encode(&[b"XADD", key.as_bytes(), b"*", b"data", &payload(0)]);
        Self { batch: request.repeat(pipeline as usize), replies: pipeline }
    }
}

impl Traffic for Repeat {
    fn batch(&mut self, _connection: usize, out: &mut Vec<u8>) -> u32 {
        out.extend_from_slice(&self.batch);
        self.replies
    }
}

/// XADD to random streams, 50 connections, 16 requests at a time.
pub(super) fn many_streams(run: &Run<'_>, name: &str) -> Result<Vec<Row>> {
    let (_dir, target) = run.start(Fsync::EverySec)?;
    let mut traffic = RandomStreams::new(run.scale.streams, 16);
    let warm_up = load::run(target.address, 50, Some(run.scale.warm_up), &mut traffic)?;
    let measured = measure(&target, || {
        let load = load::run(target.address, 50, Some(run.scale.measured), &mut traffic)?;
        Ok((load.replies, load.elapsed, load.latency))
    })?;

    let there = sum_of_lengths(&target, run.scale.streams)?;
    let acknowledged = warm_up.replies + measured.operations;
    ensure!(there == acknowledged, "{acknowledged} acknowledged, {there} there");
    target.stop()?;
    Ok(vec![measured.row(name, "XADD/s")])
}

/// XADD to random keys: the request is prepared, only the key's digits are filled in.
pub(super) struct RandomStreams {
    request: Vec<u8>,
    digits: usize,
    streams: u64,
    pipeline: u32,
    rng: Rng,
}

impl RandomStreams {
    pub(super) fn new(streams: u64, pipeline: u32) -> Self {
        let request = encode(&[b"XADD", stream_key(0).as_bytes(), b"*", b"data", &payload(0)]);
        let digits = request.windows(6).position(|w| w == b"000000").expect("the key is in it");
        Self { request, digits, streams, pipeline, rng: Rng::new(1) }
    }
}

impl Traffic for RandomStreams {
    fn batch(&mut self, _connection: usize, out: &mut Vec<u8>) -> u32 {
        for _ in 0..self.pipeline {
            let at = out.len() + self.digits;
            out.extend_from_slice(&self.request);
            let mut stream = self.rng.below(0..self.streams);
            for digit in out[at..at + 6].iter_mut().rev() {
                *digit = b'0' + u8::try_from(stream % 10).expect("a digit");
                stream /= 10;
            }
        }
        self.pipeline
    }
}

/// The key of one of up to a million streams.
pub(super) fn stream_key(stream: u64) -> String {
    format!("stream:{stream:06}")
}

/// XLEN of every stream.
pub(super) fn sum_of_lengths(target: &Target, streams: u64) -> Result<u64> {
    let mut lengths = Lengths { next: 0, streams, sum: 0 };
    load::run(target.address, 1, None, &mut lengths)?;
    Ok(lengths.sum)
}

struct Lengths {
    next: u64,
    streams: u64,
    sum: u64,
}

impl Traffic for Lengths {
    fn batch(&mut self, _connection: usize, out: &mut Vec<u8>) -> u32 {
        let count = 500.min(self.streams - self.next);
        for _ in 0..count {
            encode_into(out, &["XLEN", &stream_key(self.next)]);
            self.next += 1;
        }
        u32::try_from(count).expect("at most 500")
    }

    fn reply(&mut self, _connection: usize, reply: &[u8]) -> Result<()> {
        let digits = reply.strip_prefix(b":").and_then(|r| r.strip_suffix(b"\r\n"));
        let text = std::str::from_utf8(digits.context("XLEN answers an integer")?)?;
        self.sum += text.parse::<u64>()?;
        Ok(())
    }
}
