// What the scripts here share: their server, its restart, waiting, and processes of their own.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

export const port = Number(process.argv[2]);
export const host = "127.0.0.1";

// The role of this process; none is the test itself.
export const role = process.argv[3];

// How long to wait for what must happen: far beyond any healthy run.
const PATIENCE_MS = 60_000;

// kill -9 of the server; resolves once it is back on the same port and data.
export async function killAndRestartServer() {
  console.log("kill -9 and restart the server");
  const lines = createInterface({ input: process.stdin });
  await new Promise((resolve) => lines.once("line", resolve));
  lines.close();
}

// Polls until the condition holds.
export async function eventually(condition, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
    await sleep(10);
  }
}

// This script as a process of its own, in another role, once it has printed its first line.
export async function child(...role) {
  const process_ = spawn(process.execPath, [process.argv[1], String(port), ...role], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: process_.stdout });
  const waiting = [];
  const printed = [];
  lines.on("line", (line) => (waiting.length ? waiting.shift()(line) : printed.push(line)));
  const line = () =>
    printed.length ? printed.shift() : new Promise((resolve) => waiting.push(resolve));
  const ended = new Promise((resolve) => process_.once("exit", resolve));
  await line();
  // SIGKILL: the worker that crashes.
  const kill = () => {
    process_.kill("SIGKILL");
    return ended;
  };
  return { line, kill };
}

export function finished(what) {
  console.log(`${what}: all scenarios passed`);
  process.exit(0);
}
