// Moleculer channels on streams: groups, load shared by two nodes, tries again after an error, dead
// letters, what a lost node had. Usage: node moleculer.mjs PORT
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import Redis from "ioredis";
import { eventually, finished, host, port } from "./scenario.mjs";

const require = createRequire(import.meta.url);
const { ServiceBroker } = require("moleculer");
const { Middleware } = require("@moleculer/channels");

const adapter = {
  type: "Redis",
  options: {
    redis: { host, port, consumerOptions: {
      readTimeoutInterval: 50, claimInterval: 50, minIdleTime: 100, processingAttemptsInterval: 20,
    } },
  },
};

const got = [];
const node = (nodeID) => {
  const broker = new ServiceBroker({ nodeID, logger: false, middlewares: [Middleware({ adapter })] });
  let tries = 0;
  broker.createService({
    name: "payments",
    channels: {
      "orders.placed": { group: "payments", handler: ({ n }) => { got.push(["payments", nodeID, n]); } },
      "orders.flaky": { group: "payments", maxRetries: 5, handler: ({ n }) => {
        tries += 1;
        if (tries < 3) throw new Error("not yet");
        got.push(["flaky", nodeID, n]);
      } },
      "orders.poison": {
        group: "payments", maxRetries: 2,
        deadLettering: { enabled: true, queueName: "orders.dead" },
        handler: () => { throw new Error("as it should"); },
      },
    },
  });
  broker.createService({
    name: "mail",
    channels: { "orders.placed": { group: "mail", handler: ({ n }) => { got.push(["mail", nodeID, n]); } } },
  });
  return broker;
};

const r = new Redis({ host, port });
await r.flushall();
const nodes = [node("a"), node("b")];
// What a lost node had read and never acknowledged is claimed by one that lives.
const payload = JSON.stringify({ n: 1000 });
await r.xgroup("CREATE", "orders.placed", "payments", "$", "MKSTREAM");
await r.xadd("orders.placed", "*", "payload", payload);
await r.xreadgroup("GROUP", "payments", "lost", "STREAMS", "orders.placed", ">");
await Promise.all(nodes.map((broker) => broker.start()));
for (let n = 0; n < 60; n++) await nodes[n % 2].sendToChannel("orders.placed", { n });
const of = (name) => got.filter(([service]) => service === name);
await eventually(() => of("payments").length === 61 && of("mail").length >= 60, "orders for both");
assert.equal(new Set(of("payments").map(([, , n]) => n)).size, 61);
assert.ok(of("payments").some(([, , n]) => n === 1000), "the order of the lost node");
await nodes[0].sendToChannel("orders.flaky", { n: 1 });
await nodes[0].sendToChannel("orders.poison", { n: 2 });
await eventually(() => of("flaky").length >= 1, "a handler that works the third time");
await eventually(async () => (await r.xlen("orders.dead")) >= 1, "the dead letter");
await eventually(async () => (await r.xpending("orders.placed", "payments"))[0] === 0, "acknowledged");
await Promise.all(nodes.map((broker) => broker.stop()));
assert.equal((await r.xinfo("GROUPS", "orders.placed")).length, 2);
finished("Moleculer channels");
