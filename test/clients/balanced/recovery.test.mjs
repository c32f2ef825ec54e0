// Clients that lose their connection come back to another node than before, while the old one lives and after it has died.
// Stock clients ask whether they were recovered, and if not for what they have missed; ours do so by themselves. Run by
// test/cluster, which kills and starts the nodes.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import WebSocket from "ws";
import { SockeyeClient, memoryStorage, webSocket } from "../../../web/client/dist/index.js";
import { socketIO } from "../../../web/client/dist/socketio.js";
import { ask, atEnd, newest, next, within, ways } from "../harness.mjs";
import { Proxy } from "../proxy.mjs";

const { NODES, CONTROL, ADA, BOB, ROUNDS, SEED } = process.env;
const nodes = JSON.parse(NODES);
const rounds = Number(ROUNDS);
const random = generator(Number(SEED));

for (const way of ways) {
  test(`stock clients over ${way.name}`, async (t) => {
    await wander(t, async (proxy, room) => {
      const socket = newest.io(proxy.url, {
        ...way.options, auth: { token: ADA }, forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 100, timeout: 60_000,
      });
      atEnd(t, () => socket.disconnect());
      await next(socket, "connect");
      const [joined] = await ask(socket, "room:join", { roomId: room });
      assert.equal(joined.ok, true, JSON.stringify(joined));
      return new Stock(socket);
    });
  });
}

for (const [name, transport] of [
  ["WebSocket", (url) => webSocket(url, { WebSocket })],
  ["Socket.IO", (url) => socketIO(url, { transports: ["websocket"] })],
]) {
  test(`our client over ${name}`, async (t) => {
    await wander(t, async (proxy, room) => {
      const timing = { firstRetry: 10, slowestRetry: 100, attempts: 1000, patience: 30_000, silence: 1000 };
      const client = new SockeyeClient({ transport: transport(proxy.url), token: () => ADA, storage: memoryStorage(), timing, autoConnect: false });
      atEnd(t, () => client.close());
      const ours = new Ours(client);
      client.connect();
      await client.room.join({ roomId: room });
      return ours;
    });
  });
}

/** Has a client go from node to node while somebody talks in a room, and looks whether it hears all of it, once and in order. */
async function wander(t, join) {
  const room = randomUUID();
  const bob = newest.io(nodes[0], { transports: ["websocket"], auth: { token: BOB }, forceNew: true, timeout: 60_000 });
  atEnd(t, () => bob.disconnect());
  await next(bob, "connect");
  const [created] = await ask(bob, "room:create", { id: room, name: "Hall" });
  assert.equal(created.ok, true, JSON.stringify(created));
  let at = 1;
  const proxy = new Proxy(new URL(nodes[at]));
  await proxy.listen();
  atEnd(t, () => proxy.stop());
  const client = await join(proxy, room);
  const speech = talk(bob, room);
  for (let round = 0; round < rounds; round++) {
    await client.settles();
    await client.has(await speech.said());
    const dies = at > 0 && (round === rounds - 1 || random(10) === 0);
    const before = at;
    at = (at + 1 + random(nodes.length - 1)) % nodes.length;
    await pause(random(30));
    const returns = client.returns();
    proxy.target = new URL(nodes[at]);
    if (dies) await control("kill", before);
    else await lose(client, random(2) ? () => proxy.cut() : () => proxy.sever()); // the node may believe that the client is there
    await returns;
    client.cameBack(!dies);
    if (dies) {
      await client.has(await speech.said());
      await control("start", before);
    }
  }
  await client.has(await speech.end());
  client.judge();
}

/** Breaks connections until the client has lost its session: by polling another node would answer for it between two polls. */
async function lose(client, breaks) {
  const lost = client.losses;
  while (client.losses === lost) {
    breaks();
    await pause(5);
  }
}

/** Says one thing after the other in a room. */
function talk(socket, room) {
  let last = 0;
  let ended = false;
  let failure;
  const running = (async () => {
    for (let i = 0; !ended; i++) {
      const [sent] = await ask(socket, "room:message", { roomId: room, content: `${i}` });
      assert.equal(sent.ok, true, JSON.stringify(sent));
      last = sent.seq;
      await pause(random(8));
    }
  })().catch((error) => (failure = error));
  const check = () => {
    if (failure) throw failure;
  };
  return {
    /** The seq of something that is said from now on. */
    async said() {
      const before = last;
      await within((async () => {
        while (last <= before && !failure) await pause(1);
      })(), () => "an acknowledgement");
      check();
      return last;
    },
    async end() {
      ended = true;
      await running;
      check();
      return last;
    },
  };
}

/** What a client is told of the room, by seq. */
class Log {
  told = [];
  losses = 0;
  #waiting = new Set();

  take(seq) {
    this.told.push(seq);
    for (const check of [...this.#waiting]) check();
  }

  /** Waits until something was told. */
  has(seq) {
    const there = new Promise((resolve) => {
      const check = () => this.told.includes(seq) && this.#waiting.delete(check) | resolve();
      this.#waiting.add(check);
      check();
    });
    return within(there, () => `seq ${seq}, the last are ${this.told.slice(-10)}`);
  }

  judge() {
    const expected = Array.from(this.told, (_, i) => this.told[0] + i);
    assert.deepEqual(this.told, expected);
  }
}

/** A stock client, as an application uses it: it asks for what was missed where it was not recovered. */
class Stock extends Log {
  #catchingUp = false;
  #ahead = [];
  conversation;

  constructor(socket) {
    super();
    this.socket = socket;
    socket.on("room:message", (message) => this.#live(message));
    socket.on("connect", () => !socket.recovered && this.#catchUp());
    socket.on("disconnect", () => this.losses++);
  }

  #live(message) {
    this.conversation = message.conversationId;
    if (this.#catchingUp) this.#ahead.push(message.seq);
    else this.take(message.seq);
  }

  async #catchUp() {
    this.#catchingUp = true;
    let since = this.told.at(-1);
    for (let more = true; more; ) {
      const [missed] = await ask(this.socket, "sync", { conversations: { [this.conversation]: since } });
      assert.equal(missed.ok, true, JSON.stringify(missed));
      for (const { payload } of missed.conversations[this.conversation]?.events ?? []) {
        since = payload.seq;
        this.take(since);
      }
      more = missed.more;
    }
    for (const seq of this.#ahead.splice(0)) if (seq > since) this.take(seq);
    this.#catchingUp = false;
  }

  /** Waits until the server has it in its rooms again: one that is lost before begins afresh. */
  async settles() {
    const [answer] = await ask(this.socket, "presence:get", { userId: "bob" });
    assert.equal(answer.ok, true, JSON.stringify(answer));
  }

  returns() {
    this.id = this.socket.id;
    return next(this.socket, "connect", "the client to come back");
  }

  cameBack(recovered) {
    assert.equal(this.socket.recovered, recovered, "whether it was recovered");
    assert.equal(this.socket.id === this.id, recovered, "the id");
  }
}

/** Our client, which does all of that. */
class Ours extends Log {
  constructor(client) {
    super();
    this.client = client;
    client.on("room:message", (message) => this.take(message.seq));
    client.on("state", (state) => state === "reconnecting" && this.losses++);
  }

  settles() {}

  returns() {
    const gone = new Promise((resolve) => {
      const off = this.client.on("state", (state) => state !== "online" && (off?.(), resolve()));
    });
    return within(
      gone.then(() => new Promise((resolve) => {
        const check = () => this.client.state === "online" && resolve();
        this.client.on("state", check);
        check();
      })),
      () => "our client to come back",
    );
  }

  cameBack() {}
}

async function control(what, node) {
  const answer = await fetch(`${CONTROL}/${what}?node=${node}`, { method: "POST" });
  assert.equal(answer.status, 200, await answer.text());
}

/** Numbers below n that a failed run has again. */
function generator(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
