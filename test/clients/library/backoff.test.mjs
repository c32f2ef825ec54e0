// How long the client waits between attempts, by a clock of the test's own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SockeyeClient, memoryStorage } from "../../../web/client/dist/index.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A transport to nowhere, and how often it was tried. */
function nowhere() {
  const tried = { attempts: 0 };
  const transport = {
    open(token, receiver) {
      tried.attempts++;
      queueMicrotask(() => receiver.closed("lost"));
      return { send() {}, close() {} };
    },
  };
  return { tried, transport };
}

test("attempts to connect are further apart each time, then 30 s, and vary", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0; // ms
  const attempts = [];
  const failures = [];
  const nowhere = {
    open(token, receiver) {
      attempts.push(now);
      queueMicrotask(() => receiver.closed("lost"));
      return { send() {}, close() {} };
    },
  };
  const client = new SockeyeClient({ transport: nowhere, token: "a.b.c" });
  client.on("reconnect_failed", ({ attempts: count }) => failures.push({ count, made: attempts.length }));
  client.connect();
  while (attempts.length < 12) {
    await new Promise((resolve) => setImmediate(resolve)); // what follows an attempt is done
    t.mock.timers.tick(10);
    now += 10;
    assert.ok(now < 400_000, `after ${now} ms there were ${attempts.length} attempts only`);
  }
  await client.close();
  assert.deepEqual(failures, [{ count: 5, made: 5 }]);
  const gaps = attempts.slice(1).map((at, i) => at - attempts[i]);
  const longest = [1000, 2000, 4000, 8000, ...Array(7).fill(30_000)];
  gaps.forEach((gap, i) => assert.ok(gap >= longest[i] / 2 && gap <= longest[i] + 10, `${gap} ms before attempt ${i + 2}`));
  assert.ok(new Set(gaps.slice(4)).size > 1, "clients do not come back all at once");
});

test("a client that is closed at once does not connect", async () => {
  const { tried, transport } = nowhere();
  await new SockeyeClient({ transport, token: "a.b.c", storage: memoryStorage() }).close();
  await settled();
  assert.equal(tried.attempts, 0);
});

test("after so many attempts it is reported, and it goes on", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { tried, transport } = nowhere();
  const failures = [];
  const gaps = [];
  const client = new SockeyeClient({ transport, token: "a.b.c", storage: memoryStorage(), reconnectionAttempts: 2, reconnectionDelay: 100 });
  client.on("reconnect_failed", ({ attempts }) => failures.push([attempts, tried.attempts]));
  for (let now = 0, last = 0, seen = 0; tried.attempts < 4; now += 10) {
    await settled();
    if (tried.attempts > seen) {
      gaps.push(now - last);
      [last, seen] = [now, tried.attempts];
    }
    assert.ok(now < 200_000, `after ${now} ms there were ${tried.attempts} attempts only`);
    t.mock.timers.tick(10);
  }
  await client.close();
  assert.deepEqual(failures, [[2, 2]]);
  assert.ok(gaps[1] >= 100 && gaps[1] <= 210, `${gaps[1]} ms before the second attempt`);
  assert.ok(gaps[2] >= 15_000, `${gaps[2]} ms before the third`);
});

test("a client comes back when a server that goes says so, once, and as usual otherwise", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const [returnAfter, least, most] of [[200, 200, 300], [0, 0, 10], ["soon", 0, 10], [-5, 0, 10], [1e9, 60_000, 90_000], [undefined, 0, 10]]) {
    let now = 0; // ms
    const attempts = [];
    const transport = {
      open(token, receiver) {
        attempts.push(now);
        queueMicrotask(() => {
          if (attempts.length === 1) receiver.event("server:leaving", { node: "a node", returnAfter });
          receiver.closed("lost");
        });
        return { send() {}, close() {} };
      },
    };
    const events = [];
    const client = new SockeyeClient({ transport, token: "a.b.c", storage: memoryStorage(), reconnectionDelay: 500_000 });
    client.on("server:leaving", () => events.push("told"));
    client.connect();
    while (attempts.length < 3) {
      await settled();
      t.mock.timers.tick(10);
      now += 10;
      assert.ok(now < 2_000_000, `after ${now} ms there were ${attempts.length} attempts only`);
    }
    await client.close();
    const [first, second] = [attempts[1] - attempts[0], attempts[2] - attempts[1]];
    assert.ok(first >= least && first <= most + 10, `${first} ms after ${returnAfter}`);
    assert.ok(second >= 15_000, `${second} ms before the next`); // that of attempts that fail, 30 s at most
    assert.deepEqual(events, []);
  }
});

test("a connection that is not made in time is given up", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let closed = 0;
  const silent = { open: () => ({ send() {}, close: () => closed++ }) };
  const client = new SockeyeClient({ transport: silent, token: "a.b.c", storage: memoryStorage(), timeout: 300, reconnection: false });
  const states = [];
  client.on("state", (state) => states.push(state));
  await settled();
  t.mock.timers.tick(290);
  await settled();
  assert.deepEqual([closed, states], [0, ["connecting"]]);
  t.mock.timers.tick(10);
  await settled();
  assert.deepEqual([closed, states], [1, ["connecting", "offline"]]);
  assert.equal(client.connectionStatus.attempts, 1);
  await client.close();
});

test("what cannot be is refused, by its name", () => {
  for (const [option, value] of [["reconnectionAttempts", 0], ["reconnectionDelay", -1], ["timeout", 0], ["timeout", NaN]]) {
    const { transport } = nowhere();
    assert.throws(() => new SockeyeClient({ transport, token: "a.b.c", [option]: value }), { name: "RangeError", message: new RegExp(`^${option} is `) });
  }
});
