// The Engine.IO clients of both protocol versions, on their own.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { Server, atEnd, bytes, next, within, ways, patience, polling } from "./harness.mjs";

const require = createRequire(import.meta.url);
const engines = [
  { name: "engine.io-client 6", Socket: require("eio6").Socket, version: 6 },
  { name: "engine.io-client 3.5", Socket: require("eio3").Socket, version: 3 },
];

const settings = { protocol: "engine.io", maxPayload: 100_000 };

describe("engine.io-client", { concurrency: true }, () => {
  for (const engine of engines) {
    for (const way of ways) {
      const run = (name, body) => test(`${engine.name} over ${way.name}: ${name}`, body);

      run("messages both ways", async (t) => {
        const server = await Server.start(t, settings);
        const socket = await open(t, engine, way, server);
        for (const text of ["", "plain", "grüße 🐟 \u2028", "\u0000\u001f", "x".repeat(99_000), "2probe", "b4AQ=="]) {
          socket.send(text);
          const [echo = ""] = await next(socket, "message"); // the clients' parsers have no empty string
          assert.equal(echo, text);
        }
        for (const data of [Buffer.alloc(0), Buffer.from([0, 1, 4, 30, 255]), Buffer.alloc(70_000, 7)]) {
          socket.send(data);
          assert.deepEqual(bytes((await next(socket, "message"))[0]), data);
        }
        const received = collect(socket, 200);
        for (let i = 0; i < 200; i++) socket.send(i % 3 ? `text ${i}` : Buffer.from(`data ${i}`));
        assert.deepEqual((await received).map((m) => (typeof m === "string" ? m : String(bytes(m)))),
          Array.from({ length: 200 }, (_, i) => (i % 3 ? `text ${i}` : `data ${i}`)));
      });

      run("nothing is lost or turned around by the upgrade", async (t) => {
        const server = await Server.start(t, settings);
        const socket = create(t, engine, way, server);
        const received = collect(socket, 300);
        await next(socket, "open");
        for (let i = 0; i < 300; i++) {
          socket.send(String(i));
          await new Promise(setImmediate);
        }
        assert.deepEqual((await received).map(Number), Array.from({ length: 300 }, (_, i) => i));
      });

      run("the client closes", async (t) => {
        const server = await Server.start(t, settings);
        const socket = await open(t, engine, way, server);
        const { id } = socket;
        const closed = next(socket, "close");
        socket.close();
        assert.equal((await closed)[0], "forced close");
        assert.equal((await server.noticed({ kind: "close", id })).reason, "transport close");
      });

      run("the server closes", async (t) => {
        const server = await Server.start(t, settings);
        const socket = await open(t, engine, way, server);
        const { id } = socket;
        const closed = next(socket, "close");
        socket.send("close");
        assert.equal((await closed)[0], "transport close");
        assert.equal((await server.noticed({ kind: "close", id })).reason, "forced close");
      });

      run("a message over the limit", async (t) => {
        const server = await Server.start(t, settings);
        const [socket, other] = await Promise.all([open(t, engine, way, server), open(t, engine, way, server)]);
        const { id } = socket;
        const closed = next(socket, "close");
        socket.on("error", () => {}); // close follows
        socket.send("x".repeat(settings.maxPayload + 1));
        assert.equal((await closed)[0], way === polling ? "transport error" : "transport close");
        await server.noticed({ kind: "close", id });
        other.send("alive");
        assert.equal((await next(other, "message"))[0], "alive");
      });

      run("several heartbeats", async (t) => {
        const server = await Server.start(t, { ...settings, pingInterval: 100, pingTimeout: patience });
        const socket = await open(t, engine, way, server);
        const { id } = socket;
        await within(new Promise((resolve) => {
          let heard = 0;
          socket.on(engine.version === 3 ? "pong" : "ping", () => ++heard === 5 && resolve());
        }), () => "5 heartbeats");
        assert.deepEqual(server.all({ kind: "close", id }), []);
        socket.send("alive");
        assert.equal((await next(socket, "message"))[0], "alive");
      });
    }
  }
});

function create(t, { Socket }, way, server) {
  const socket = new Socket(server.url, { path: "/engine.io/", ...way.options });
  atEnd(t, () => socket.close());
  return socket;
}

async function open(t, engine, way, server) {
  const socket = create(t, engine, way, server);
  const failed = new Promise((_, reject) => socket.once("error", reject));
  failed.catch(() => {}); // it may come later, when it is a test's own
  await Promise.race([next(socket, "open"), failed]);
  if (socket.transport.name !== way.settles) await next(socket, "upgrade");
  return socket;
}

/** The next `count` messages. */
function collect(socket, count) {
  const messages = [];
  const all = new Promise((resolve) => socket.on("message", (m) => messages.push(m) === count && resolve(messages)));
  return within(all, () => `${count} messages, got ${messages.length}`, patience);
}
