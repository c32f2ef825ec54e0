// How long the client waits between attempts, by a clock of the test's own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SockeyeClient } from "../../../web/client/dist/index.js";

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
