// The queue by itself: what it does when several tabs, storages and servers are not as they should be.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused, Unanswered, memoryStorage } from "../../../web/client/dist/index.js";
import { Outbox } from "../../../web/client/dist/outbox.js";

/** The queue of one tab. `answer(message)` is what its connection does with a message; it gives what the server says. */
class Tab {
  isReady = false;
  delivered = [];
  events = [];
  #waiting = new Set();

  static async open(storage, answer) {
    const tab = new Tab(answer);
    await tab.outbox.attach(storage);
    return tab;
  }

  constructor(answer = ({ clientMsgId }) => ({ id: clientMsgId, seq: 1 })) {
    this.answer = answer;
    this.outbox = new Outbox(this, 100);
  }

  /** Sends what waits, from now on. */
  connect() {
    this.isReady = true;
    this.outbox.wake();
  }

  add(clientMsgId) {
    return this.outbox.add({ clientMsgId, roomId: "hall", content: clientMsgId });
  }

  get queued() {
    return this.outbox.queue.map(({ clientMsgId }) => clientMsgId);
  }

  /** Resolves when the look finds something after what has happened. */
  until(look) {
    return new Promise((resolve) => {
      const check = () => look() && (this.#waiting.delete(check), resolve());
      this.#waiting.add(check);
      check();
    });
  }

  #happened(event) {
    if (event) this.events.push(event);
    for (const check of [...this.#waiting]) check();
  }

  async deliver(message) {
    this.delivered.push(message.clientMsgId);
    this.#happened();
    return this.answer(message);
  }
  changed() {
    this.#happened();
  }
  sent({ clientMsgId }) {
    this.#happened(`sent ${clientMsgId}`);
  }
  refused({ clientMsgId }, { code }) {
    this.#happened(`refused ${clientMsgId}: ${code}`);
  }
  delayed({ clientMsgId }, { code }, seconds) {
    this.#happened(`delayed ${clientMsgId}: ${code} ${seconds}`);
  }
}

/** A promise, and what ends it. */
function promised() {
  let settle;
  const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}

/** Resolves when what was begun in memory is done. */
const settled = () => new Promise(setImmediate);

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

const refusal = (code, more) => new Refused({ code, message: code, ...more });

test("what one tab discards, no other sends", async () => {
  const storage = memoryStorage();
  const writer = await Tab.open(storage);
  const unsaid = writer.add("unsaid");
  writer.add("said");
  await settled();
  const other = await Tab.open(storage);
  assert.deepEqual(other.queued, ["unsaid", "said"]);
  other.outbox.discard("unsaid");
  await other.outbox.close();
  const third = await Tab.open(storage);
  assert.deepEqual(third.queued, ["said"]);
  await third.outbox.close();
  writer.connect();
  await assert.rejects(unsaid, { name: "Unanswered" });
  await writer.until(() => writer.queued.length === 0);
  assert.deepEqual([writer.delivered, writer.events], [["said"], ["sent said"]]);
  await writer.outbox.close();
  assert.deepEqual(await storage.load(), []);
});

test("what is discarded and written again is sent", async () => {
  const storage = memoryStorage();
  const writer = await Tab.open(storage);
  writer.add("a");
  await settled();
  const other = await Tab.open(storage);
  other.outbox.discard("a");
  const again = other.add("a");
  other.connect();
  assert.equal((await again).id, "a");
  await other.outbox.close();
  assert.deepEqual(await storage.load(), []);
});

test("what is discarded while it waits for the lock is not sent", async () => {
  const lock = promised();
  const isWaiting = promised();
  const storage = {
    ...memoryStorage(),
    exclusively: async (work) => {
      isWaiting.resolve();
      await lock.promise;
      return work();
    },
  };
  const tab = await Tab.open(storage);
  tab.connect();
  const unsaid = tab.add("unsaid");
  await isWaiting.promise;
  tab.outbox.discard("unsaid");
  await assert.rejects(unsaid, { name: "Unanswered", transmitted: false });
  const said = tab.add("said");
  lock.resolve();
  await said;
  assert.deepEqual(tab.delivered, ["said"]);
});

test("who discards is told whether the message went out", async () => {
  const answers = [promised(), promised()];
  const tab = await Tab.open(memoryStorage(), () => answers[tab.delivered.length - 1].promise);
  const [first, second, third] = ["first", "second", "third"].map((id) => tab.add(id));
  tab.connect();
  await tab.until(() => tab.delivered.length === 1);
  tab.outbox.discard("first");
  tab.outbox.discard("third");
  await assert.rejects(first, { name: "Unanswered", transmitted: true });
  await assert.rejects(third, { name: "Unanswered", transmitted: false });
  answers[0].reject(refusal("room_not_found"));
  await tab.until(() => tab.delivered.length === 2);
  assert.deepEqual([tab.delivered, tab.events], [["first", "second"], []], "nothing is told of what was discarded");

  tab.isReady = false; // the connection is lost
  answers[1].reject(new Unanswered("lost", true));
  await tab.outbox.close();
  await assert.rejects(second, { name: "Unanswered", transmitted: true });
});

test("what another tab has left meanwhile is found", async () => {
  const storage = memoryStorage();
  const tab = await Tab.open(storage);
  tab.connect();
  await tab.add("own");
  const other = await Tab.open(storage);
  for (const id of ["left 1", "left 2"]) other.add(id);
  await other.outbox.close();
  tab.outbox.wake();
  tab.outbox.wake(); // each is found once
  await tab.until(() => tab.delivered.length === 3 && tab.queued.length === 0);
  await tab.outbox.close();
  assert.deepEqual(tab.delivered, ["own", "left 1", "left 2"]);
  assert.deepEqual(await storage.load(), []);
});

test("what was settled while the storage was read does not come back", async () => {
  const inner = memoryStorage();
  const reading = [];
  const storage = { ...inner, load: () => inner.load().then((all) => new Promise((resolve) => reading.push(() => resolve(all)))) };
  const tab = new Tab();
  const attached = tab.outbox.attach(storage);
  await settled();
  reading.shift()();
  await attached;
  const sent = tab.add("a");
  tab.isReady = true;
  await settled(); // it is in the storage
  tab.outbox.wake();
  await sent;
  await settled();
  const queues = [];
  tab.changed = () => queues.push(tab.queued);
  for (const answer of reading) answer();
  await settled();
  assert.deepEqual([queues, tab.delivered], [[], ["a"]]);
});

test("what the storage does not take is sent, however long it waits", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const storage = memoryStorage();
  const full = async () => {
    throw new DOMException("the disk is full", "QuotaExceededError");
  };
  const tab = await Tab.open({ ...storage, put: full });
  const waiting = tab.add("kept in memory");
  t.mock.timers.setTime(Date.now() + 24 * 3600_000);
  tab.connect();
  assert.equal((await waiting).id, "kept in memory");
  assert.deepEqual(tab.delivered, ["kept in memory"]);
});

test("a new connection does not cut the pause that the server asked for", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const answers = [refusal("rate_limited", { retryAfter: 60 }), refusal("busy")];
  const tab = await Tab.open(memoryStorage(), ({ clientMsgId }) => {
    if (answers.length > 0) throw answers.shift();
    return { id: clientMsgId, seq: 1 };
  });
  tab.connect();
  const sent = tab.add("a");
  await settled();
  tab.outbox.wake();
  await settled();
  assert.deepEqual(tab.events, ["delayed a: rate_limited 60"]);
  t.mock.timers.tick(59_999);
  await settled();
  assert.equal(tab.delivered.length, 1);
  t.mock.timers.tick(1);
  await settled();
  assert.deepEqual(tab.events, ["delayed a: rate_limited 60", "delayed a: busy 1"]);
  tab.outbox.wake(); // ends what the client has thought of by itself
  await sent;
  assert.equal(tab.delivered.length, 3);
});

test("what is always a fault of the server is given up after an hour, and does not hold up what is behind it", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const tab = await Tab.open(memoryStorage(), ({ clientMsgId }) => {
    if (clientMsgId === "good") return { id: clientMsgId, seq: 1 };
    throw refusal("internal");
  });
  const [bad, good] = [tab.add("bad"), tab.add("good")];
  tab.connect();
  const pauses = [];
  for (await settled(); tab.events.at(-1).startsWith("delayed bad: internal"); await settled()) {
    pauses.push(Number(tab.events.at(-1).split(" ").at(-1)));
    assert.ok(sum(pauses) <= 3600, `it was kept for ${sum(pauses)} s`);
    t.mock.timers.tick(pauses.at(-1) * 1000);
  }
  await assert.rejects(bad, { name: "Refused", code: "internal" });
  await good;
  assert.deepEqual(tab.events.slice(-2), ["refused bad: internal", "sent good"]);
  assert.deepEqual([pauses.slice(0, 7), tab.queued], [[1, 2, 4, 8, 16, 30, 30], []]);
  assert.equal(sum(pauses), 3600);
});

test("what is a fault for a while is sent then, however often the connection is lost", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let isDown = true;
  const tab = await Tab.open(memoryStorage(), ({ clientMsgId }) => {
    if (isDown) throw refusal("internal");
    return { id: clientMsgId, seq: 1 };
  });
  const waiting = tab.add("a");
  tab.connect();
  await settled();
  for (let i = 0; i < 5000; i++) {
    tab.outbox.wake(); // before the pause has passed
    await settled();
  }
  assert.deepEqual(tab.queued, ["a"]);
  isDown = false;
  tab.outbox.wake();
  assert.equal((await waiting).id, "a");
});

test("being told to wait is no fault", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const tab = await Tab.open(memoryStorage(), () => {
    throw refusal("rate_limited", { retryAfter: 1800 });
  });
  tab.add("a");
  tab.connect();
  for (let i = 0; i < 10; i++) {
    await settled();
    t.mock.timers.tick(1800_000);
  }
  assert.deepEqual([tab.queued, tab.delivered.length], [["a"], 10]);
  await tab.outbox.close();
});
