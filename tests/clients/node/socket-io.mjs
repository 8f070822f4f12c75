// Socket.IO with the streams adapter: two servers, rooms, acknowledgements across servers, the state of a
// session that is recovered by the other server, and events that survive a killed server.
// Usage: node socket-io.mjs PORT
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import Redis from "ioredis";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import { eventually, finished, host, killAndRestartServer, port } from "./scenario.mjs";

const options = {
  streamName: "sio:stream", channelPrefix: "sio", sessionKeyPrefix: "sio:session:", blockTimeInMs: 100,
  heartbeatInterval: 200, heartbeatTimeout: 10_000,
};
const recovery = { maxDisconnectionDuration: 60_000, skipMiddlewares: true };

// The adapter works on either client; the two servers use one each.
async function start(client, more) {
  const http = createServer();
  const server = new Server(http, {
    adapter: createAdapter(client, { ...options, ...more }), connectionStateRecovery: recovery,
  });
  server.on("connection", (socket) => {
    socket.on("join", (room, done) => {
      socket.join(room);
      done();
    });
    socket.on("ask", (done) => done(socket.id));
  });
  await new Promise((resolve) => http.listen(0, host, resolve));
  const url = `http://${host}:${http.address().port}`;
  return { server, url };
}

const clients = [];
async function connect(url, more = {}) {
  const socket = io(url, { transports: ["websocket"], reconnection: false, ...more });
  clients.push(socket);
  socket.got = [];
  socket.on("news", (text) => socket.got.push(text));
  socket.on("question", (done) => done(`answer of ${socket.id}`));
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  return socket;
}

const has = (socket, ...texts) => texts.every((text) => socket.got.includes(text));

async function roomsAcrossServers(a, b) {
  const [one, two, three] = [await connect(a.url), await connect(b.url), await connect(b.url)];
  await Promise.all([one, two].map((socket) => socket.emitWithAck("join", "club")));
  // Each server knows of the other's sockets only through the stream and the channels.
  await eventually(async () => (await a.server.fetchSockets()).length === 3, "sockets of both");
  assert.equal((await b.server.in("club").fetchSockets()).length, 2);
  a.server.emit("news", "to all");
  b.server.to("club").emit("news", "to the club");
  a.server.except("club").emit("news", "to the others");
  a.server.emit("news", Buffer.from("binary").toString());
  await eventually(
    () => has(one, "to all", "to the club") && has(two, "to all", "to the club") &&
      has(three, "to all", "to the others", "binary"),
    "events across servers",
  );
  assert.ok(!has(three, "to the club") && !has(one, "to the others"));
  const answers = await a.server.timeout(20_000).emitWithAck("question");
  assert.equal(answers.length, 3);
  const reply = new Promise((resolve) => b.server.once("between", (text, done) => {
    resolve(text);
    done("pong");
  }));
  const [pong] = await a.server.serverSideEmitWithAck("between", "ping");
  assert.equal(await reply, "ping");
  assert.equal(pong, "pong");
  // A socket of the other server is moved and disconnected from here.
  a.server.in(three.id).socketsJoin("club");
  await eventually(
    async () => (await a.server.in("club").fetchSockets()).length === 3, "moved to the club",
  );
  b.server.in(one.id).disconnectSockets(true);
  await eventually(() => !one.connected, "disconnected by the other server");
  return two;
}

// The client of one server is cut off, misses events, and gets them from the other one.
async function recoveredSession(a, b) {
  const before = await connect(a.url);
  await before.emitWithAck("join", "club");
  a.server.emit("news", "seen");
  await eventually(() => has(before, "seen"), "the offset of the session");
  const { id } = before;
  const auth = { pid: before._pid, offset: before._lastOffset };
  before.io.engine.close();
  await eventually(async () => (await a.server.fetchSockets()).every((s) => s.id !== id), "gone");
  b.server.to("club").emit("news", "missed");
  const after = io(b.url, { transports: ["websocket"], reconnection: false, forceNew: true });
  clients.push(after);
  after._pid = auth.pid;
  after._lastOffset = auth.offset;
  after.got = [];
  after.on("news", (text) => after.got.push(text));
  await new Promise((resolve) => after.once("connect", resolve));
  assert.ok(after.recovered, "the session was not found");
  assert.equal(after.id, id);
  await eventually(() => has(after, "missed"), "the missed event");
}

async function killedServer(a, b, listener) {
  await killAndRestartServer();
  // Both adapters find their way back and go on where they were in the stream.
  let n = 0;
  await eventually(() => {
    a.server.emit("news", `again ${n++}`);
    return listener.got.some((text) => text.startsWith("again"));
  }, "events after the restart");
}

async function main() {
  const ioredis = new Redis({ host, port, maxRetriesPerRequest: null });
  ioredis.on("error", () => {});
  await ioredis.flushall();
  const redis = createClient({ socket: { host, port, reconnectStrategy: 50 } });
  redis.on("error", () => {});
  await redis.connect();
  const [a, b] = [await start(ioredis), await start(redis)];
  // Two servers know of each other once each has had a heartbeat of the other.
  await eventually(
    async () => (await a.server.of("/").adapter.serverCount()) === 2 &&
      (await b.server.of("/").adapter.serverCount()) === 2,
    "two servers",
  );
  const listener = await roomsAcrossServers(a, b);
  await recoveredSession(a, b);
  await killedServer(a, b, listener);
  finished("Socket.IO streams adapter");
}

await main();
