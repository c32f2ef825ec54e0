// Who comes, who goes, and what is told to who comes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { atEnd } from "../harness.mjs";
import { connect, isGuide, ways } from "./devices.mjs";
import { check } from "./documented.mjs";
import { Sockeye, nameOf } from "./sockeye.mjs";
import { Page } from "./wires.mjs";

test("coming and going", async (t) => {
  const server = await Sockeye.start(t, "--chat-offline-grace", "200ms", "--chat-typing-lifetime", "1s");
  const page = await Page.open(t, `${server.url}/health`);
  const watching = [];
  for (const way of [ways.socketio, ways.v1, ways.v1Chromium]) watching.push(await connect(t, server, "ada", way, page));
  const bob = await connect(t, server, "bob", ways.v1);
  await bob.ask("friend:request", { userId: "ada" });
  assert.equal((await watching[0].ask("friend:accept", { userId: "bob" })).relation, "friends");
  for (const device of watching) await device.next("user:online");

  /** All friends' devices hear the same. */
  const told = async (event, payload) => {
    for (const device of watching) {
      const got = await device.next(event);
      check(event, got);
      assert.deepEqual(got, payload, `${device}: ${event}`);
    }
  };

  await t.test("typing ends by itself", async () => {
    await bob.ask("typing:start", { recipientId: "ada" });
    await told("typing:start", { userId: "bob", username: nameOf("bob") });
    await told("typing:stop", { userId: "bob" });
  });

  await t.test("friends see who is online, by each protocol", async () => {
    await bob.close();
    await told("user:offline", { userId: "bob" });
    for (const way of Object.values(ways)) {
      const device = await connect(t, server, "bob", way, page);
      await told("user:online", { userId: "bob", username: nameOf("bob") });
      if (!isGuide(device)) assert.deepEqual(await device.next("presence"), { online: ["ada"] });
      if (way === ways.v1) await device.ask("typing:start", { recipientId: "ada" });
      await device.close();
      if (way === ways.v1) {
        await told("typing:start", { userId: "bob", username: nameOf("bob") });
        await told("typing:stop", { userId: "bob" }); // at once, or when its time is over
      }
      await told("user:offline", { userId: "bob" });
    }
  });

  await t.test("who comes is told the same over all protocols", async () => {
    const sent = [];
    for (const content of ["one", "two"]) sent.push(await watching[0].ask("message:send", { recipientId: "bob", content }));
    const [{ conversationId }] = sent;
    let first;
    for (const way of Object.values(ways)) {
      const device = await connect(t, server, "bob", way, page);
      atEnd(t, () => device.close());
      if (isGuide(device)) continue; // it has no names for these
      const heard = {};
      for (const event of ["conversation:heads", "messages:unread", "presence"]) {
        heard[event] = await device.next(event);
        check(event, heard[event]);
      }
      assert.deepEqual(heard["conversation:heads"], [{ conversationId, seq: 2 }]);
      assert.deepEqual(heard["messages:unread"].map(({ id }) => id), sent.map(({ id }) => id));
      assert.deepEqual(heard, (first ??= heard), `${device}`);
    }
  });
});
