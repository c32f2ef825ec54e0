// Large messages: just under the limit both ways, and over it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Inbox, Server, alive, ask, bytes, connect, everyClient, next, polling } from "./harness.mjs";

/** What clients may send at once. */
const limit = 1_000_000; // bytes

/** What the protocol adds to a message of these tests, at most. */
const envelope = 100;

describe("large messages", { concurrency: 4 }, () => {
  everyClient((client, way, name) => {
    for (const deflate of way === polling ? [undefined] : [undefined, {}]) {
      test(`${name}${deflate ? ", compressed" : ""}`, async (t) => {
        const server = await Server.start(t, { maxPayload: limit, deflate });
        const socket = await connect(t, client, way, server);
        await t.test("text of 1 MB", () => text(socket));
        await t.test("binary of 1 MB", () => binary(socket, way));
        if (client.version === 4) await t.test("a few at once to the server", () => several(socket));
        await t.test("a few at once to the client", () => shower(socket));
        await t.test("the server sends more than it would take", () => download(socket));
        await t.test("over the limit", (t) => tooLarge(t, server, socket, client, way));
      });
    }
  });
});

async function text(socket) {
  const large = "0123456789".repeat((limit - envelope) / 10);
  const [reply] = await ask(socket, "ack", large);
  assert.ok(reply === large, `${reply.length} characters came back of ${large.length}`);
}

async function binary(socket, way) {
  const overhead = way === polling ? 4 / 3 : 1; // base64
  const large = Buffer.alloc(Math.floor((limit - 2 * envelope) / overhead));
  for (let i = 0; i < large.length; i++) large[i] = (i * 2654435761) >>> 24; // hardly compressible
  const [reply] = await ask(socket, "ack", { large });
  assert.ok(bytes(reply.large).equals(large), `${bytes(reply.large).length} other bytes came back of ${large.length}`);
}

/** Only the newest clients know the limit, and spread what they send over several requests. */
async function several(socket) {
  const large = "x".repeat(limit / 3);
  const replies = await Promise.all([1, 2, 3, 4].map((i) => ask(socket, "ack", i, large)));
  assert.deepEqual(replies.map(([i, { length }]) => [i, length]), [1, 2, 3, 4].map((i) => [i, large.length]));
}

/** More than may wait for one that reads no more. */
async function shower(socket) {
  const inbox = new Inbox(socket, "drop");
  socket.emit("pour", { count: 5, size: limit / 2 });
  assert.deepEqual((await inbox.has(5)).map(([i, { length }]) => [i, length]), [0, 1, 2, 3, 4].map((i) => [i, limit / 2]));
}

async function download(socket) {
  const inbox = new Inbox(socket, "drop");
  socket.emit("pour", { count: 1, size: 3 * limit });
  const [[, drop]] = await inbox.has(1);
  assert.equal(drop.length, 3 * limit);
}

/** The connection ends, with the reasons that Node's server and clients give; the server serves others. */
async function tooLarge(t, server, socket, client, way) {
  const other = await connect(t, client, way, server);
  const { id } = socket;
  const left = next(socket, "disconnect", "the client to be disconnected");
  socket.emit("echo", "🐟".repeat(limit / 4) + "over"); // compressed it is small, and refused once inflated
  const [reason] = await left;
  if (way === polling) {
    assert.equal(reason, "transport error", "the client's reason"); // HTTP 413
    assert.equal(await server.reasonOf(id), "transport close", "the server's reason");
  } else {
    assert.equal(reason, "transport close", "the client's reason"); // close code 1009
    assert.equal(await server.reasonOf(id), "transport error", "the server's reason");
  }
  assert.deepEqual(server.all({ kind: "event", id, name: "echo" }), []);
  await alive(other);
}
