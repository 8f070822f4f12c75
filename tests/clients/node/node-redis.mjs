// What articles on Redis Streams show, with node-redis. Usage: node node-redis.mjs PORT PROTOCOL(2|3)
import assert from "node:assert/strict";
import { createClient, defineScript } from "redis";

const [port, RESP] = process.argv.slice(2).map(Number);
const connect = async () => {
  const client = createClient({ RESP, socket: { host: "127.0.0.1", port } });
  client.on("error", (error) => {
    throw error;
  });
  return client.connect();
};
const r = await connect();
const entriesOf = (reply) => (reply ? reply[0].messages : []);

async function produceAndTrim() {
  const ids = [];
  for (let n = 0; n < 10; n++) ids.push(await r.xAdd("nr:events", "*", { n: `${n}`, t: "héllo" }));
  assert.equal(await r.xLen("nr:events"), 10);
  await r.xAdd("nr:events", "*", { n: "10" }, {
    TRIM: { strategy: "MAXLEN", strategyModifier: "=", threshold: 5 },
  });
  assert.equal((await r.xRange("nr:events", "-", "+", { COUNT: 1 }))[0].id, ids[6]);
  assert.equal(await r.xTrim("nr:events", "MAXLEN", 2), 3);
  assert.equal(await r.xDel("nr:events", ids[9]), 1);
  const info = await r.xInfoStream("nr:events");
  assert.equal(info.length, 1);
  await assert.rejects(r.xAdd("nr:events", "1-1", { a: "1" }), /equal or smaller than the target/);
}

async function rangeReads() {
  const adds = [];
  for (let n = 1; n <= 100; n++) adds.push(r.xAdd("nr:ranges", `${n}-0`, { n: `${n}` }));
  await Promise.all(adds);
  const ids = (entries) => entries.map(({ id }) => id);
  assert.deepEqual(ids(await r.xRange("nr:ranges", "(10-0", "12-0")), ["11-0", "12-0"]);
  const last = await r.xRevRange("nr:ranges", "+", "-", { COUNT: 2 });
  assert.deepEqual(ids(last), ["100-0", "99-0"]);
}

async function tailWithBlock() {
  const reader = await connect();
  const got = [];
  const following = (async () => {
    let id = "0";
    while (got.length < 5) {
      const reply = await reader.xRead({ key: "nr:tail", id }, { BLOCK: 20000 });
      for (const entry of entriesOf(reply)) {
        got.push(entry.message.n);
        id = entry.id;
      }
    }
  })();
  while (!/blocked_clients:1\r/.test(await r.info("clients")));
  for (let n = 0; n < 5; n++) await r.xAdd("nr:tail", "*", { n: `${n}` });
  await following;
  assert.deepEqual(got, ["0", "1", "2", "3", "4"]);
  assert.equal(await reader.xRead({ key: "nr:tail", id: "$" }, { BLOCK: 20 }), null);
  await reader.close();
}

async function severalWorkers() {
  await Promise.all(
    Array.from({ length: 200 }, (_, n) => r.xAdd("nr:jobs", "*", { n: `${n}` })),
  );
  await r.xGroupCreate("nr:jobs", "workers", "0");
  const done = new Set();
  const work = async (name) => {
    const mine = await connect();
    for (;;) {
      const streams = { key: "nr:jobs", id: ">" };
      const entries = entriesOf(await mine.xReadGroup("workers", name, streams, { COUNT: 7 }));
      if (entries.length === 0) break;
      for (const { message } of entries) {
        assert.ok(!done.has(message.n), "delivered twice");
        done.add(message.n);
      }
      const ids = entries.map(({ id }) => id);
      assert.equal(await mine.xAck("nr:jobs", "workers", ids), ids.length);
    }
    await mine.close();
  };
  await Promise.all(["a", "b", "c", "d"].map(work));
  assert.equal(done.size, 200);
  assert.equal((await r.xPending("nr:jobs", "workers")).pending, 0);
  await assert.rejects(r.xGroupCreate("nr:jobs", "workers", "0"), /BUSYGROUP/);
}

async function crashedWorker() {
  const ids = [];
  for (let n = 0; n < 10; n++) ids.push(await r.xAdd("nr:crash", "*", { n: `${n}` }));
  await r.xGroupCreate("nr:crash", "g", "0");
  await r.xReadGroup("g", "gone", { key: "nr:crash", id: ">" });
  await r.xAck("nr:crash", "g", ids.slice(0, 3));
  const claimed = [];
  let cursor = "0-0";
  do {
    const reply = await r.xAutoClaim("nr:crash", "g", "rescuer", 0, cursor, { COUNT: 4 });
    claimed.push(...reply.messages.map(({ id }) => id));
    cursor = reply.nextId;
  } while (cursor !== "0-0");
  assert.deepEqual(claimed, ids.slice(3));
  const details = await r.xPendingRange("nr:crash", "g", "-", "+", 100);
  assert.ok(details.every((d) => d.consumer === "rescuer" && d.deliveriesCounter === 2));
}

async function deadLetters() {
  const poison = await r.xAdd("nr:orders", "*", { order: "poison" });
  await r.xGroupCreate("nr:orders", "g", "0");
  await r.xReadGroup("g", "w", { key: "nr:orders", id: ">" });
  let rounds = 0;
  while ((await r.xPending("nr:orders", "g")).pending > 0) {
    assert.ok(++rounds < 20, "the poisoned entry never reaches the dead letters");
    for (const { id, deliveriesCounter } of await r.xPendingRange("nr:orders", "g", "-", "+", 10)) {
      if (deliveriesCounter <= 5) continue;
      const [{ message }] = await r.xRange("nr:orders", id, id);
      const [, acknowledged] = await r
        .multi()
        .xAdd("nr:orders:dead", "*", { ...message, source: id })
        .xAck("nr:orders", "g", id)
        .exec();
      assert.equal(acknowledged, 1);
    }
    await r.xAutoClaim("nr:orders", "g", "w", 0, "0-0");
  }
  assert.equal(rounds, 6);
  const [{ message }] = await r.xRange("nr:orders:dead", "-", "+");
  assert.deepEqual({ ...message }, { order: "poison", source: poison });
}

async function fanOut() {
  for (let n = 0; n < 20; n++) await r.xAdd("nr:news", "*", { n: `${n}` });
  for (const group of ["mail", "search"]) {
    await r.xGroupCreate("nr:news", group, "0");
    const reply = await r.xReadGroup(group, "c", { key: "nr:news", id: ">" });
    assert.equal(entriesOf(reply).length, 20);
  }
  const groups = await r.xInfoGroups("nr:news");
  assert.deepEqual(groups.map((g) => [g.name, g.pending]), [["mail", 20], ["search", 20]]);
}

async function shoppingCart() {
  const add = (user, item, by) => r.xAdd("nr:carts", "*", { user, item, by });
  await add("ann", "apple", "3");
  await add("ann", "apple", "-1");
  await add("bob", "pear", "5");
  await r.xGroupCreate("nr:carts", "projection", "0");
  const events = { key: "nr:carts", id: ">" };
  for (const { id, message } of entriesOf(await r.xReadGroup("projection", "p", events))) {
    const [, acknowledged] = await r
      .multi()
      .hIncrBy(`nr:cart:${message.user}`, message.item, Number(message.by))
      .xAck("nr:carts", "projection", id)
      .exec();
    assert.equal(acknowledged, 1);
  }
  assert.deepEqual({ ...(await r.hGetAll("nr:cart:ann")) }, { apple: "2" });
  await r.del(["nr:cart:ann", "nr:cart:bob"]);
  for (const { message } of entriesOf(await r.xRead({ key: "nr:carts", id: "0" }))) {
    await r.hIncrBy(`nr:cart:${message.user}`, message.item, Number(message.by));
  }
  assert.deepEqual({ ...(await r.hGetAll("nr:cart:bob")) }, { pear: "5" });
  assert.deepEqual({ ...(await r.hGetAll("nr:cart:ann")) }, { apple: "2" });
}

async function scriptsAndTransactions() {
  const addOnce = defineScript({
    SCRIPT: `if redis.call("SADD", KEYS[2], ARGV[1]) == 0 then return false end
             return redis.call("XADD", KEYS[1], "*", "order", ARGV[1])`,
    NUMBER_OF_KEYS: 2,
    parseCommand: (parser, stream, seen, order) => {
      parser.pushKey(stream);
      parser.pushKey(seen);
      parser.push(order);
    },
    transformReply: (reply) => reply,
  });
  const scripted = createClient({
    RESP, socket: { host: "127.0.0.1", port }, scripts: { addOnce },
  });
  await scripted.connect();
  assert.match(await scripted.addOnce("nr:once", "nr:seen", "order-1"), /^[0-9]+-[0-9]+$/);
  assert.equal(await scripted.addOnce("nr:once", "nr:seen", "order-1"), null);
  const [, length] = await scripted
    .multi()
    .addOnce("nr:once", "nr:seen", "order-2")
    .xLen("nr:once")
    .exec();
  assert.equal(length, 2);
  // Somebody changes what is watched.
  await scripted.watch("nr:seen");
  await r.sAdd("nr:seen", "order-3");
  await assert.rejects(scripted.multi().xLen("nr:once").exec(), { name: "Error" });
  await scripted.close();
}

async function channels() {
  const listener = await connect();
  const got = [];
  await listener.subscribe("nr:news", (text, channel) => got.push([channel, text]));
  await listener.pSubscribe("nr:w*", (text, channel) => got.push([channel, text]));
  await listener.sSubscribe("nr:shard", (text, channel) => got.push([channel, text]));
  assert.equal(await r.publish("nr:news", "one"), 1);
  assert.equal(await r.publish("nr:weather", "sun"), 1);
  assert.equal(await r.sPublish("nr:shard", "two"), 1);
  // Replies to the listener's own commands follow what was published before them.
  await listener.unsubscribe("nr:news");
  assert.deepEqual(got, [["nr:news", "one"], ["nr:weather", "sun"], ["nr:shard", "two"]]);
  await listener.close();
}

await r.flushAll();
await produceAndTrim();
await rangeReads();
await tailWithBlock();
await severalWorkers();
await crashedWorker();
await deadLetters();
await fanOut();
await shoppingCart();
await scriptsAndTransactions();
await channels();
await r.close();
console.log(`node-redis RESP${RESP}: all scenarios passed`);
