// The server stops, and comes back: all clients learn that they may return, and catch up to the same state.

import assert from "node:assert/strict";
import { test } from "node:test";
import { next } from "../harness.mjs";
import { connect, isGuide, ways } from "./devices.mjs";
import { Sockeye } from "./sockeye.mjs";
import { Page } from "./wires.mjs";

test("stop, return and sync", async (t) => {
  const server = await Sockeye.start(t);
  const page = await Page.open(t, `${server.url}/health`);
  const all = [ways.socketio, ways.v1, ways.v1Chromium, ways.v1ChromiumFrame, ways.guide, ways.guideChromium];
  const gather = async () => {
    const devices = [];
    for (const way of all) devices.push(await connect(t, server, "ada", way, page));
    return devices;
  };
  let devices = await gather();
  let bob = await connect(t, server, "bob", ways.v1);
  await bob.ask("room:create", { id: "hall", name: "Hall" });
  await devices[0].ask("room:join", { roomId: "hall" });
  const { conversationId, seq } = await bob.ask("room:message", { roomId: "hall", content: "before" });

  await t.test("a stop closes with 1001, and Socket.IO clients may come back by themselves", async () => {
    const left = next(devices[0].socket, "disconnect");
    await server.stop();
    for (const { wire } of devices.slice(1)) assert.equal((await wire.ended()).code, 1001);
    assert.equal((await left)[0], "transport close"); // and not "io server disconnect"
  });

  await t.test("what was missed is caught up with", async () => {
    await server.start();
    bob = await connect(t, server, "bob", ways.v1);
    const { id } = await bob.ask("room:message", { roomId: "hall", content: "meanwhile <&>", type: "file" });
    await bob.ask("reaction:add", { messageId: id, emoji: "🐟" });
    await bob.ask("message:edit", { messageId: id, content: "edited" });
    const live = [];
    for (const event of ["room:message", "reaction:added", "message:edited"]) live.push({ event, payload: await bob.next(event) });
    live[0].payload = live[2].payload.message; // as it is now

    devices = await gather();
    let first;
    for (const device of devices.filter((device) => !isGuide(device))) {
      const answer = await device.ask("sync", { conversations: { [conversationId]: seq } });
      const { events, readSeq, ...ends } = answer.conversations[conversationId];
      assert.deepEqual(ends, { firstSeq: 1, seq: seq + 3 });
      assert.deepEqual(events, live, `${device}`);
      assert.deepEqual(answer, (first ??= answer), `${device}`);
    }
  });

  await t.test("and they go on", async () => {
    const { id } = await bob.ask("room:message", { roomId: "hall", content: "after" });
    for (const device of devices) {
      const heard = await device.next(isGuide(device) ? "chat" : "room:message");
      assert.deepEqual([heard.id, heard.seq, heard.content], [id, seq + 4, "after"], `${device}`);
    }
  });
});
