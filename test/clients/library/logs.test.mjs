// The logs of conversations, told in whatever order and however often: in order and once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Logs } from "../../../web/client/dist/logs.js";
import { randomOf } from "./faultproxy.mjs";

const seed = Number(process.env.SOCKEYE_SEED ?? Date.now() % 1_000_000);
const ids = ["room:a", "room:b", "dm:c"];

test("any order comes out in order", (t) => {
  t.diagnostic(`SOCKEYE_SEED=${seed} repeats the order`);
  const random = randomOf(seed);
  const upTo = (most) => Math.floor(random() * most);
  for (let round = 0; round < 500; round++) {
    const told = Object.fromEntries(ids.map((id) => [id, []]));
    const logs = new Logs(({ conversationId, seq, payload }) => told[conversationId].push([seq, payload]));
    const length = 1 + upTo(30);
    const entry = (conversationId, seq) => ({ conversationId, seq, event: "room:message", payload: `${conversationId} ${seq}` });
    const begun = Object.fromEntries(ids.map((id) => [id, upTo(5)]));
    for (const id of ids) logs.follow(id, begun[id]);
    const asked = [];
    for (let step = 0; step < 60; step++) {
      const id = ids[upTo(ids.length)];
      switch (upTo(5)) {
        case 0:
          logs.announce(id, 1 + upTo(length));
          break;
        case 1: // a sync is asked for, and answered later
          asked.push(logs.since());
          break;
        case 2:
          answer(logs, asked.shift(), length, upTo(length), entry);
          break;
        default:
          logs.take(entry(id, 1 + upTo(length)));
      }
    }
    while (logs.isBehind) answer(logs, logs.since(), length, length, entry);
    for (const id of ids) {
      const seqs = told[id].map(([seq]) => seq);
      assert.deepEqual(seqs, Array.from(seqs, (_, i) => begun[id] + 1 + i), `${id} in round ${round}`);
      assert.equal(logs.positions[id], begun[id] + seqs.length);
      for (const [seq, payload] of told[id]) assert.equal(payload, `${id} ${seq}`);
    }
  }
});

/** What a server says to a sync that asks since then, when the log goes to `head` and it has room for `room` events. */
function answer(logs, since, head, room, entry) {
  for (const [id, seq] of Object.entries(since ?? {})) {
    const missing = Array.from({ length: Math.max(head - seq, 0) }, (_, i) => entry(id, seq + 1 + i));
    logs.catchUp(id, { seq: Math.max(head, seq), events: missing.slice(0, room) }, seq, missing.length <= room);
  }
}

test("what comes of an unknown conversation waits until it is known", () => {
  const told = [];
  const logs = new Logs(({ seq }) => told.push(seq));
  const entry = (seq) => ({ conversationId: "room:a", seq, event: "room:message", payload: {} });
  assert.equal(logs.take(entry(7)), true);
  assert.equal(logs.take(entry(8)), true);
  assert.deepEqual([told, logs.strangers, logs.isBehind], [[], ["room:a"], true]);
  logs.follow("room:a", 7); // a history read by now may show 7: it is told nevertheless
  assert.deepEqual([told, logs.isBehind], [[7, 8], false]);
  logs.forget("room:a");
  logs.take(entry(9));
  logs.dismiss("room:a"); // not ours: what has come is the end of it
  assert.deepEqual([told, logs.isBehind, logs.positions], [[7, 8, 9], false, {}]);
});

test("what is too far ahead is dropped, and asked for", () => {
  let count = 0;
  const logs = new Logs(() => count++);
  logs.follow("room:a", 0);
  for (let seq = 2; seq < 5000; seq++) logs.take({ conversationId: "room:a", seq, event: "room:message", payload: {} });
  logs.take({ conversationId: "room:a", seq: 1, event: "room:message", payload: {} });
  assert.deepEqual([count, logs.positions["room:a"], logs.isBehind], [1001, 1001, true]);
});

test("a hole behind a new beginning is known", () => {
  const told = [];
  const logs = new Logs(({ seq }) => told.push(seq));
  const entry = (seq) => ({ conversationId: "room:a", seq, event: "room:message", payload: {} });
  logs.follow("room:a", 0);
  logs.take(entry(2002)); // 2001 is missing, and all before
  assert.ok(logs.restart("room:a", 0, 2000));
  assert.deepEqual([told, logs.isBehind], [[], true]);
  logs.take(entry(2001));
  assert.deepEqual([told, logs.isBehind], [[2001, 2002], false]);
});

test("what has come while a sync was under way is no gap", () => {
  const logs = new Logs(() => {});
  logs.follow("room:a", 0);
  for (const seq of [1, 2, 3]) logs.take({ conversationId: "room:a", seq, event: "room:message", payload: {} });
  assert.equal(logs.restart("room:a", 0, 3), false);
  assert.deepEqual(logs.positions, { "room:a": 3 });
  assert.ok(logs.restart("room:a", 3, 1), "a server that knows less than its client has lost something");
  assert.deepEqual(logs.positions, { "room:a": 1 });
});

test("leaving in the middle ends the story", () => {
  const told = [];
  const logs = new Logs((entry) => {
    told.push(entry.seq);
    if (entry.event === "room:user_left") logs.forget("room:a");
  });
  logs.follow("room:a", 0);
  const entry = (seq, event = "room:message") => ({ conversationId: "room:a", seq, event, payload: {} });
  for (const late of [entry(3), entry(2, "room:user_left"), entry(1)]) logs.take(late);
  assert.deepEqual([told, logs.positions], [[1, 2], {}]);
});
