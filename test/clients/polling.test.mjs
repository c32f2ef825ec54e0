// What happens between two polls, and in the middle of an upgrade: moments that the stock clients hit by chance only, here
// taken apart, request by request.

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { WebSocket } from "ws";
import { Server, patience, within } from "./harness.mjs";

/** A session on polling that is in "/", with no poll under way. */
class Session {
  static async open(server) {
    const session = new Session(server);
    session.query += `&sid=${JSON.parse((await session.poll()).slice(1)).sid}`;
    await session.send("40");
    session.id = JSON.parse((await session.poll()).slice(2)).sid;
    return session;
  }

  constructor(server) {
    this.server = server;
    this.query = "/socket.io/?EIO=4&transport=polling";
  }

  #request(options) {
    return fetch(this.server.url + this.query, { ...options, signal: AbortSignal.timeout(patience) });
  }

  async poll() {
    const response = await this.#request({});
    return response.ok ? response.text() : response.status;
  }

  async send(body) {
    assert.equal((await this.#request({ method: "POST", body })).status, 200);
  }

  emit(...event) {
    return this.send(`42${JSON.stringify(event)}`);
  }

  /** Goes as far with an upgrade as a client that is about to send its last word. */
  async probe(t) {
    const url = this.server.url.replace("http", "ws") + this.query.replace("polling", "websocket");
    const ws = new WebSocket(url, { handshakeTimeout: patience });
    t.after(() => ws.terminate());
    await within(once(ws, "open"), () => "the probe's connection");
    const answer = once(ws, "message");
    ws.send("2probe");
    assert.equal(String((await within(answer, () => "the probe's answer"))[0]), "3probe");
    return ws;
  }
}

describe("polling, request by request", { concurrency: true }, () => {
  test("a burst waits for the next poll", async (t) => {
    const session = await Session.open(await Server.start(t));
    await session.emit("pour", { count: 600, size: 1000 });
    await session.server.noticed({ kind: "event", id: session.id, name: "pour" });
    const packets = [];
    while (packets.at(-1) !== '42["poured"]') packets.push(...String(await session.poll()).split("\u001e"));
    assert.equal(packets.length, 601);
  });

  test("what sends a client away comes before the close, in an answer of its own", async (t) => {
    const session = await Session.open(await Server.start(t));
    await session.emit("hang up");
    await session.server.reasonOf(session.id);
    assert.equal(await session.poll(), "41");
    assert.equal(await session.poll(), "1");
    assert.equal(await session.poll(), 400);
  });

  test("what ends a session that speaks nonsense is told to the next poll", async (t) => {
    const session = await Session.open(await Server.start(t));
    await session.send("49");
    assert.equal(await session.server.reasonOf(session.id), "parse error");
    assert.equal(await session.poll(), "1");
    assert.equal(await session.poll(), 400);
  });

  test("a client that is sent away while it upgrades is told so on its WebSocket", async (t) => {
    const session = await Session.open(await Server.start(t));
    const ws = await session.probe(t);
    await session.emit("hang up");
    await session.server.reasonOf(session.id);
    const told = within(once(ws, "message"), () => "the disconnect packet");
    const closed = within(once(ws, "close"), () => "the WebSocket to close");
    ws.send("5");
    assert.equal(String((await told)[0]), "41");
    await closed;
    assert.equal(await session.poll(), 400);
  });
});
