// What articles on Redis Streams show, with ioredis. Usage: node ioredis.mjs PORT [CA-FILE]
// The environment can name another version: IOREDIS=ioredis-6.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const { default: Redis } = await import(process.env.IOREDIS ?? "ioredis");
const port = Number(process.argv[2]);
const tls = process.argv[3] && { ca: readFileSync(process.argv[3]) };
const connect = () => new Redis({ host: "127.0.0.1", port, tls, maxRetriesPerRequest: 1 });
const r = connect();

// ioredis gives fields as a flat list, as they came.
const entriesOf = (reply) => (reply ? reply[0][1] : []);
const object = (list) =>
  Object.fromEntries(
    Array.from({ length: list.length / 2 }, (_, n) => [list[2 * n], list[2 * n + 1]]),
  );

async function produceAndTrim() {
  const ids = [];
  for (let n = 0; n < 10; n++) ids.push(await r.xadd("io:events", "*", "n", n, "text", "héllo"));
  assert.equal(await r.xlen("io:events"), 10);
  await r.xadd("io:events", "MAXLEN", "=", 5, "*", "n", 10);
  assert.equal((await r.xrange("io:events", "-", "+", "COUNT", 1))[0][0], ids[6]);
  assert.equal(await r.xtrim("io:events", "MINID", "=", ids[9]), 3);
  assert.equal(await r.xdel("io:events", ids[9]), 1);
  await assert.rejects(r.xadd("io:events", "1-1", "a", 1), /equal or smaller than the target/);
  await assert.rejects(r.xadd("io:events", "*", "odd"), /wrong number of arguments/);
}

async function rangeReads() {
  const pipeline = r.pipeline();
  for (let n = 1; n <= 100; n++) pipeline.xadd("io:ranges", `${n}-0`, "n", n);
  assert.ok((await pipeline.exec()).every(([error]) => error === null));
  const ids = (entries) => entries.map(([id]) => id);
  assert.deepEqual(ids(await r.xrange("io:ranges", "(10-0", "12-0")), ["11-0", "12-0"]);
  assert.deepEqual(ids(await r.xrevrange("io:ranges", "+", "-", "COUNT", 2)), ["100-0", "99-0"]);
}

async function tailWithBlock() {
  const reader = connect();
  const got = [];
  const following = (async () => {
    let last = "$";
    while (got.length < 5) {
      const reply = await reader.xread("BLOCK", 20000, "STREAMS", "io:tail", last);
      for (const [id, fields] of entriesOf(reply)) {
        got.push(fields[1]);
        last = id;
      }
    }
  })();
  while (!/blocked_clients:1\r/.test(await r.info("clients")));
  for (let n = 0; n < 5; n++) await r.xadd("io:tail", "*", "n", n);
  await following;
  assert.deepEqual(got, ["0", "1", "2", "3", "4"]);
  assert.equal(await reader.xread("BLOCK", 20, "STREAMS", "io:tail", "$"), null);
  await reader.quit();
}

async function severalWorkers() {
  for (let n = 0; n < 200; n++) r.xadd("io:jobs", "*", "n", n);
  await r.xgroup("CREATE", "io:jobs", "workers", "0");
  const done = new Set();
  const work = async (name) => {
    const mine = connect();
    for (;;) {
      const entries = entriesOf(
        await mine.xreadgroup(
          "GROUP", "workers", name, "COUNT", 7, "STREAMS", "io:jobs", ">",
        ),
      );
      if (entries.length === 0) break;
      for (const [, fields] of entries) {
        assert.ok(!done.has(fields[1]), "delivered twice");
        done.add(fields[1]);
      }
      const ids = entries.map(([id]) => id);
      assert.equal(await mine.xack("io:jobs", "workers", ...ids), ids.length);
    }
    await mine.quit();
  };
  await Promise.all(["a", "b", "c", "d"].map(work));
  assert.equal(done.size, 200);
  assert.equal((await r.xpending("io:jobs", "workers"))[0], 0);
  await assert.rejects(r.xgroup("CREATE", "io:jobs", "workers", "0"), /^ReplyError: BUSYGROUP/);
}

async function crashedWorker() {
  const ids = [];
  for (let n = 0; n < 10; n++) ids.push(await r.xadd("io:crash", "*", "n", n));
  await r.xgroup("CREATE", "io:crash", "g", "0");
  await r.xreadgroup("GROUP", "g", "gone", "STREAMS", "io:crash", ">");
  await r.xack("io:crash", "g", ...ids.slice(0, 3));
  const claimed = [];
  let cursor = "0-0";
  do {
    const [next, entries] = await r.xautoclaim("io:crash", "g", "rescuer", 0, cursor, "COUNT", 4);
    claimed.push(...entries.map(([id]) => id));
    cursor = next;
  } while (cursor !== "0-0");
  assert.deepEqual(claimed, ids.slice(3));
  const details = await r.xpending("io:crash", "g", "-", "+", 100);
  assert.ok(details.every(([, consumer, , count]) => consumer === "rescuer" && count === 2));
}

async function deadLetters() {
  const poison = await r.xadd("io:orders", "*", "order", "poison");
  await r.xgroup("CREATE", "io:orders", "g", "0");
  await r.xreadgroup("GROUP", "g", "w", "STREAMS", "io:orders", ">");
  let rounds = 0;
  while ((await r.xpending("io:orders", "g"))[0] > 0) {
    assert.ok(++rounds < 20, "the poisoned entry never reaches the dead letters");
    for (const [id, , , count] of await r.xpending("io:orders", "g", "-", "+", 10)) {
      if (count <= 5) continue;
      const [[, fields]] = await r.xrange("io:orders", id, id);
      const moved = await r
        .multi()
        .xadd("io:orders:dead", "*", ...fields, "source", id)
        .xack("io:orders", "g", id)
        .exec();
      assert.equal(moved[1][1], 1);
    }
    await r.xautoclaim("io:orders", "g", "w", 0, "0-0");
  }
  assert.equal(rounds, 6);
  const [[, fields]] = await r.xrange("io:orders:dead", "-", "+");
  assert.deepEqual(object(fields), { order: "poison", source: poison });
}

async function fanOut() {
  for (let n = 0; n < 20; n++) await r.xadd("io:news", "*", "n", n);
  for (const group of ["mail", "search"]) {
    await r.xgroup("CREATE", "io:news", group, "0");
    const reply = await r.xreadgroup("GROUP", group, "c", "STREAMS", "io:news", ">");
    assert.equal(entriesOf(reply).length, 20);
  }
  const groups = (await r.xinfo("GROUPS", "io:news")).map(object);
  assert.deepEqual(groups.map((g) => [g.name, g.pending, g.lag]), [
    ["mail", 20, 0],
    ["search", 20, 0],
  ]);
}

async function shoppingCart() {
  const add = (user, item, by) => r.xadd("io:carts", "*", "user", user, "item", item, "by", by);
  await add("ann", "apple", 3);
  await add("ann", "apple", -1);
  await add("bob", "pear", 5);
  await r.xgroup("CREATE", "io:carts", "projection", "0");
  const reply = await r.xreadgroup("GROUP", "projection", "p", "STREAMS", "io:carts", ">");
  for (const [id, fields] of entriesOf(reply)) {
    const { user, item, by } = object(fields);
    const both = await r
      .multi()
      .hincrby(`io:cart:${user}`, item, by)
      .xack("io:carts", "projection", id)
      .exec();
    assert.deepEqual(both[1], [null, 1]);
  }
  assert.deepEqual(await r.hgetall("io:cart:ann"), { apple: "2" });
  await r.del("io:cart:ann", "io:cart:bob");
  for (const [, fields] of entriesOf(await r.xread("STREAMS", "io:carts", "0"))) {
    const { user, item, by } = object(fields);
    await r.hincrby(`io:cart:${user}`, item, by);
  }
  assert.deepEqual(await r.hgetall("io:cart:bob"), { pear: "5" });
  assert.deepEqual(await r.hgetall("io:cart:ann"), { apple: "2" });
}

// A script as a command of its own, alone and in a pipeline.
async function definedCommands() {
  r.defineCommand("addOnce", {
    numberOfKeys: 2,
    lua: `if redis.call("SADD", KEYS[2], ARGV[1]) == 0 then return false end
          return redis.call("XADD", KEYS[1], "*", "order", ARGV[1])`,
  });
  const id = await r.addOnce("io:once", "io:seen", "order-1");
  assert.match(id, /^[0-9]+-[0-9]+$/);
  assert.equal(await r.addOnce("io:once", "io:seen", "order-1"), null);
  await r.script("FLUSH");
  // The client finds out that its script is gone, and sends its text again.
  const replies = await r
    .pipeline()
    .addOnce("io:once", "io:seen", "order-2")
    .addOnce("io:once", "io:seen", "order-2")
    .exec();
  assert.deepEqual(replies.map(([error]) => error), [null, null]);
  assert.equal(await r.xlen("io:once"), 2);
}

async function channels() {
  const listener = connect();
  const got = [];
  listener.on("message", (channel, text) => got.push([channel, text]));
  listener.on("pmessage", (pattern, channel, text) => got.push([pattern, channel, text]));
  assert.equal(await listener.subscribe("io:news", "io:sport"), 2);
  assert.equal(await listener.psubscribe("io:w*"), 3);
  assert.equal(await r.publish("io:news", "one"), 1);
  assert.equal(await r.publish("io:weather", "sun"), 1);
  // Replies to the listener's own commands follow what was published before them.
  assert.equal(await listener.unsubscribe("io:sport"), 2);
  assert.deepEqual(got, [["io:news", "one"], ["io:w*", "io:weather", "sun"]]);
  assert.deepEqual(await r.pubsub("NUMSUB", "io:news", "io:sport"), ["io:news", 1, "io:sport", 0]);
  await listener.quit();
}

await r.flushall();
await produceAndTrim();
await rangeReads();
await tailWithBlock();
await severalWorkers();
await crashedWorker();
await deadLetters();
await fanOut();
await shoppingCart();
await definedCommands();
await channels();
await r.quit();
console.log("ioredis: all scenarios passed");
