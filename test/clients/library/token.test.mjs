// The source of tokens is asked once at a time, however slow it is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SockeyeClient } from "../../../web/client/dist/index.js";
import { TokenKeeper } from "../../../web/client/dist/token.js";

const settled = () => new Promise(setImmediate);

/** A token that ends after so many seconds; nobody verifies it. */
const tokenOf = (name, seconds = 3600) => {
  const claims = { sub: "ada", username: name, exp: Math.floor(Date.now() / 1000) + seconds };
  return `.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;
};

/** A source that answers when it is told to. */
function slowSource() {
  const asked = [];
  const source = () => new Promise((resolve, reject) => asked.push({ resolve, reject }));
  return { source, asked };
}

test("who asks while the source is being asked gets the same answer", async () => {
  const { source, asked } = slowSource();
  const keeper = new TokenKeeper(source);
  const answers = [keeper.get(false), keeper.get(true), keeper.get(false)];
  await settled();
  assert.equal(asked.length, 1);
  asked[0].resolve(tokenOf("first"));
  assert.equal(new Set(await Promise.all(answers)).size, 1);

  const renewed = keeper.get(true);
  await settled();
  assert.equal(await keeper.get(false), await answers[0], "that of now is good, and there at once");
  asked[1].reject(new Error("the backend is down"));
  await assert.rejects(renewed, { message: "the backend is down" });
  const again = keeper.get(true);
  await settled();
  asked[2].resolve(tokenOf("second"));
  await again;
  assert.deepEqual([asked.length, keeper.claims.username], [3, "second"]);
});

for (const isRefused of [false, true]) {
  test(`a source that is slower than the client's patience is asked once${isRefused ? ", also after a refusal" : ""}`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { source, asked } = slowSource();
    const slow = tokenOf("slow");
    const opened = [];
    const transport = {
      open(token, receiver) {
        opened.push(token);
        const isGood = !isRefused || opened.length > 1;
        queueMicrotask(() => (isGood ? receiver.opened() : receiver.closed("unauthorized")));
        return { send: (command, payload, answer) => queueMicrotask(() => answer({ ok: false, error: {} })), close() {} };
      },
    };
    const client = new SockeyeClient({ transport, token: source });
    const pass = async (ms) => {
      for (; ms > 0; ms -= 500) {
        t.mock.timers.tick(500);
        await settled();
      }
    };
    client.connect();
    await settled();
    if (isRefused) {
      asked[0].resolve(tokenOf("refused"));
      await settled();
    }
    const isAsked = isRefused ? 2 : 1;
    await pass(isRefused ? 10_000 : 12_000);
    assert.equal(client.state, "connecting");
    asked.at(-1).resolve(slow); // between two attempts, or during the second
    await pass(30_000);
    assert.deepEqual([client.state, asked.length, opened.at(-1)], ["online", isAsked, slow]);
    await client.close();
  });
}
