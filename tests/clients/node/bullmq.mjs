// BullMQ: queues, workers, results, delays, priorities, retries, schedulers, rate limits, flows, the
// stream of events, a killed worker whose job is found stalled, and a server that is killed with jobs
// in every state. Usage: node bullmq.mjs PORT [hanging | worker]
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { FlowProducer, Job, Queue, QueueEvents, Worker } from "bullmq";
import Redis from "ioredis";
import { child, eventually, finished, host, killAndRestartServer, port, role } from "./scenario.mjs";

const connection = { host, port, maxRetriesPerRequest: null };

// What BullMQ asks of a Redis is said as a warning: a version, and that nothing is evicted.
const warnings = [];
const { warn } = console;
console.warn = (...words) => {
  warnings.push(words.join(" "));
  warn(...words);
};

const quiet = (it) => it.on("error", () => {});
const queue = (name) => quiet(new Queue(name, { connection }));
const events = async (name) => {
  const it = quiet(new QueueEvents(name, { connection }));
  await it.waitUntilReady();
  return it;
};
const worker = (name, work, more = {}) =>
  quiet(new Worker(name, work, { connection, drainDelay: 1, ...more }));

async function resultsAndFailures() {
  const q = queue("basic").setMaxListeners(100);
  const e = await events("basic");
  const w = worker("basic", async (job) => {
    await job.updateProgress(50);
    await job.log("halfway");
    if (job.name === "fail") throw new Error("as it should");
    if (job.name === "third" && job.attemptsMade < 2) throw new Error("not yet");
    return job.data.n * 2;
  }, { concurrency: 5 });
  const jobs = await q.addBulk(
    Array.from({ length: 50 }, (_, n) => ({ name: "double", data: { n } })),
  );
  const values = await Promise.all(jobs.map((job) => job.waitUntilFinished(e, 60_000)));
  assert.deepEqual(values, jobs.map((_, n) => n * 2));
  const third = await q.add("third", { n: 7 }, { attempts: 3, backoff: { type: "fixed", delay: 10 } });
  assert.equal(await third.waitUntilFinished(e, 60_000), 14);
  const bad = await q.add("fail", { n: 1 }, { jobId: "bad" });
  await assert.rejects(bad.waitUntilFinished(e, 60_000), /as it should/);
  assert.deepEqual(await q.getJobCounts("completed", "failed", "waiting", "active"), {
    completed: 51, failed: 1, waiting: 0, active: 0,
  });
  assert.deepEqual((await q.getJobLogs("bad")).logs, ["halfway"]);
  assert.equal((await q.getFailed())[0].failedReason, "as it should");
  // The same ID is the same job; a cleaned state is empty.
  assert.equal((await q.add("fail", { n: 2 }, { jobId: "bad" })).id, "bad");
  assert.equal((await q.clean(0, 100, "failed")).length, 1);
  assert.ok((await q.getMetrics("completed")).meta);
  await w.close();
  await e.close();
  await q.obliterate();
  await q.close();
}

async function orderAndTime() {
  const q = queue("order");
  const done = [];
  await q.pause();
  for (const [n, opts] of [[1, { priority: 9 }], [2, { priority: 3 }], [3, {}], [4, { lifo: true }]]) {
    await q.add("job", { n }, opts);
  }
  const began = Date.now();
  const late = await q.add("late", { n: 5 }, { delay: 300 });
  assert.equal(await late.getState(), "delayed");
  const removed = await q.add("never", { n: 6 }, { delay: 3_600_000 });
  await removed.remove();
  assert.equal(await q.count(), 5);
  const w = worker("order", async (job) => done.push(job.data.n));
  await q.resume();
  await eventually(() => done.length === 5, "five jobs in their order");
  assert.deepEqual(done, [4, 3, 2, 1, 5]);
  assert.ok(Date.now() - began >= 300);
  await w.close();
  await q.close();
}

async function schedulers() {
  const q = queue("often");
  let ticks = 0;
  const w = worker("often", async () => { ticks += 1; });
  await q.upsertJobScheduler("tick", { every: 50 }, { name: "tick", data: {} });
  await q.upsertJobScheduler("nightly", { pattern: "0 3 * * *" }, { name: "nightly" });
  await eventually(() => ticks >= 3, "three ticks");
  assert.equal((await q.getJobSchedulers()).length, 2);
  assert.ok(await q.removeJobScheduler("tick"));
  assert.ok(await q.removeJobScheduler("nightly"));
  await w.close();
  await q.close();
}

async function rateLimit() {
  const q = queue("limited");
  const times = [];
  const w = worker("limited", async () => times.push(Date.now()), {
    concurrency: 10, limiter: { max: 2, duration: 200 },
  });
  await q.addBulk(Array.from({ length: 6 }, (_, n) => ({ name: "job", data: { n } })));
  await eventually(() => times.length === 6, "six limited jobs");
  assert.ok(times[5] - times[0] >= 350, `${times}`);
  await w.close();
  await q.close();
}

async function flows() {
  const parts = worker("parts", async (job) => job.data.n + 1);
  const sums = worker("sums", async (job) => {
    const values = Object.values(await job.getChildrenValues());
    return values.reduce((sum, n) => sum + n, 0);
  });
  const e = await events("sums");
  const flow = quiet(new FlowProducer({ connection }));
  const tree = await flow.add({
    name: "sum", queueName: "sums",
    children: [1, 2, 3].map((n) => ({ name: "part", queueName: "parts", data: { n } })),
  });
  assert.equal(await tree.job.waitUntilFinished(e, 60_000), 9);
  const whole = await flow.getFlow({ id: tree.job.id, queueName: "sums" });
  assert.equal(whole.children.length, 3);
  await Promise.all([parts, sums, e, flow].map((it) => it.close()));
}

// What happens is told by a stream, which a late listener can read from the beginning.
async function eventStream(r) {
  const q = queue("told");
  const w = worker("told", async () => "done");
  for (let n = 0; n < 5; n++) await q.add("job", { n });
  await eventually(async () => (await q.getCompletedCount()) === 5, "five jobs");
  const seen = [];
  const e = quiet(new QueueEvents("told", { connection, lastEventId: "0-0" }));
  e.on("completed", ({ jobId, returnvalue }) => seen.push([jobId, returnvalue]));
  await eventually(() => seen.length === 5, "five events of the past");
  assert.equal(await r.type("bull:told:events"), "stream");
  // Trimming is MAXLEN ~: whole nodes only.
  const before = await r.xlen("bull:told:events");
  assert.equal(before - await q.trimEvents(2), await r.xlen("bull:told:events"));
  await Promise.all([w, q, e].map((it) => it.close()));
}

const hang = async (job) => {
  if (role === "hanging") {
    console.log("hanging");
    await sleep(3_600_000);
  }
  return job.data.n;
};
const stalling = { lockDuration: 400, stalledInterval: 200, maxStalledCount: 2 };

async function crashedWorker() {
  const q = queue("stalls");
  const e = await events("stalls");
  const first = await child("hanging");
  const lost = await q.add("hang", { n: 7 });
  assert.equal(await first.line(), "hanging");
  await first.kill();
  const stalled = new Promise((resolve) => e.once("stalled", resolve));
  const w = worker("stalls", hang, stalling);
  assert.equal((await stalled).jobId, lost.id);
  assert.equal(await lost.waitUntilFinished(e, 60_000), 7);
  await Promise.all([w, q, e].map((it) => it.close()));
}

// Jobs wait, are delayed and are at work when the server is killed; the workers live on.
async function crashedServer() {
  const q = queue("durable");
  const seen = new Set();
  const w = worker("durable", async (job) => {
    await sleep(5);
    seen.add(job.data.n);
    return job.data.n;
  }, { concurrency: 4, ...stalling });
  const jobs = await q.addBulk(
    Array.from({ length: 100 }, (_, n) => ({
      name: "job", data: { n }, opts: n % 4 === 3 ? { delay: 400 } : {},
    })),
  );
  await eventually(() => seen.size >= 10, "some jobs are done");
  await killAndRestartServer();
  await eventually(async () => (await q.getCompletedCount()) === 100, "every job of before");
  assert.equal(seen.size, 100);
  for (const job of jobs) {
    assert.equal((await Job.fromId(q, job.id)).returnvalue, job.data.n);
  }
  await Promise.all([w, q].map((it) => it.close()));
}

if (role === "hanging") {
  const w = worker("stalls", hang, stalling);
  await w.waitUntilReady();
  console.log("ready");
} else {
  const r = new Redis(connection);
  await r.flushall();
  for (const scenario of [
    resultsAndFailures, orderAndTime, schedulers, rateLimit, flows, eventStream, crashedWorker, crashedServer,
  ]) {
    await scenario(r);
  }
  assert.deepEqual(warnings, []);
  const manifest = new URL("node_modules/bullmq/package.json", import.meta.url);
  finished(`BullMQ ${JSON.parse(readFileSync(manifest)).version}`);
}
