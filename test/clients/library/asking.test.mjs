// What is missing is asked for until it is there, by a clock of the test's own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused, Unanswered } from "../../../web/client/dist/index.js";
import { CatchUp } from "../../../web/client/dist/catchup.js";
import { Logs } from "../../../web/client/dist/logs.js";

const settled = () => new Promise(setImmediate);

/** A log of which one event is missing, and what asks for it; `failures` come before the answer. */
function behind(...failures) {
  const told = [];
  const logs = new Logs(({ seq }) => told.push(seq));
  const entry = (seq) => ({ conversationId: "room:a", seq, event: "room:message", payload: {} });
  logs.follow("room:a", 0);
  let asked = 0;
  const catchUp = new CatchUp(logs, {
    ask: async () => {
      asked++;
      if (failures.length > 0) throw failures.shift();
      return { conversations: { "room:a": { seq: 2, events: [entry(1), entry(2)] } }, new: [] };
    },
  });
  logs.take(entry(2));
  return { told, catchUp, asked: () => asked };
}

for (const [failure, wait] of [
  [new Unanswered("The server does not answer", true), 5000],
  [new Refused({ code: "internal", message: "" }), 5000],
  [new Refused({ code: "rate_limited", message: "", retryAfter: 20 }), 20_000],
]) {
  test(`after ${failure.name} (${failure.code ?? failure.message}) it asks again`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { told, catchUp, asked } = behind(failure, failure);
    await catchUp.now();
    for (const count of [1, 2]) {
      t.mock.timers.tick(wait - 1);
      await settled();
      assert.deepEqual([asked(), told], [count, []]);
      t.mock.timers.tick(1);
      await settled();
    }
    assert.deepEqual([asked(), told], [3, [1, 2]]);
    t.mock.timers.tick(60_000);
    await settled();
    assert.equal(asked(), 3);
  });
}

test("what was asked for meanwhile is not asked for again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { told, catchUp, asked } = behind(new Unanswered("The connection was lost", true));
  await catchUp.now();
  await catchUp.now(); // as a new connection does
  assert.deepEqual([asked(), told], [2, [1, 2]]);
  t.mock.timers.tick(60_000);
  await settled();
  assert.equal(asked(), 2);
});

test("without a connection it waits for the next one, and nothing is asked after the end", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const offline = behind(new Unanswered("There is no connection", false));
  await offline.catchUp.now();
  const ended = behind(new Unanswered("The connection was lost", true));
  const last = ended.catchUp.now();
  ended.catchUp.stop();
  await last;
  t.mock.timers.tick(60_000);
  await settled();
  assert.deepEqual([offline.asked(), ended.asked()], [1, 1]);
});
