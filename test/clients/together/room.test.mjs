// Two people with devices of all protocols, and a third, in one room.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isGuide, ways } from "./devices.mjs";
import { Party, all, only, others } from "./party.mjs";
import { Sockeye, nameOf } from "./sockeye.mjs";
import { Page } from "./wires.mjs";

/** What JSON encoders, HTML pages and terminals have trouble with. */
const awkward = "grüße 🐟 <b>&amp;</b> \u2028 \"quoted\" \\ \t 会议 \u{1F468}\u200D\u{1F469}";

test("one room", async (t) => {
  const server = await Sockeye.start(t, "--chat-typing-lifetime", "1m");
  const page = await Page.open(t, `${server.url}/health`);
  const party = await Party.gather(t, server, page, {
    ada: [ways.socketio, ways.v1, ways.v1Chromium, ways.guide],
    bob: [ways.polling, ways.v1ChromiumFrame, ways.v1, ways.guideChromium],
    cyd: [ways.guide, ways.v1],
    eve: [ways.v1, ways.socketio, ways.guide], // who is in no room, and hears nothing
  });
  const [ada, bob, cyd] = [party.of("ada"), party.of("bob"), party.of("cyd")];
  const speakers = [...ada, ...bob].filter((device) => !isGuide(device));

  /** The same for all members. */
  const hall = (...entries) => ({ ada: entries, bob: entries, cyd: entries });
  const say = (by, payload) =>
    party.step(by, "room:message", { roomId: "hall", ...payload }, hall(all("room:message", { ...payload, senderId: by.user, roomId: "hall" })));

  await t.test("people join and leave, by each protocol", async () => {
    await party.step(ada[0], "room:create", { id: "hall", name: awkward }, { ada: [others("room:user_joined", { roomId: "hall", userId: "ada" })] });
    for (const device of bob) {
      const who = { roomId: "hall", userId: "bob", username: nameOf("bob") };
      const joined = others("room:user_joined", who);
      await party.step(device, "room:join", { roomId: "hall" }, { ada: [joined], bob: [joined, only("room:messages", [])] });
      const left = others("room:user_left", who);
      await party.step(device, "room:leave", { roomId: "hall" }, { ada: [left], bob: [left] });
    }
    for (const device of [bob[0], cyd[0]]) {
      const joined = others("room:user_joined", { roomId: "hall", userId: device.user });
      const members = device.user === "cyd" ? { ada: [joined], bob: [joined] } : { ada: [joined] };
      await party.step(device, "room:join", { roomId: "hall" }, { ...members, [device.user]: [joined, only("room:messages", [])] });
    }
  });

  await t.test("all talk", async () => {
    let replyTo;
    for (const [i, device] of [...ada, ...bob, ...cyd].entries()) {
      const rest = i % 2 ? { type: "file" } : { clientMsgId: `k ${i} <&>` };
      const { id, seq } = await say(device, { content: `${i} ${awkward}`, ...rest, ...(replyTo && { replyTo }) });
      assert.match(id, /./);
      assert.ok(Number.isInteger(seq));
      replyTo ??= id;
    }
  });

  await t.test("the same clientMsgId over another protocol is the same message, told once", async () => {
    const first = await say(ada[0], { content: "once", clientMsgId: "once" });
    for (const device of ada) {
      assert.deepEqual(await party.step(device, "room:message", { roomId: "hall", content: "once", clientMsgId: "once" }), first);
    }
  });

  await t.test("what was said is changed", async () => {
    await party.step(ada[0], "room:promote", { roomId: "hall", userId: "bob" }, hall(all("room:role", { roomId: "hall", userId: "bob", role: "admin" })));
    for (const by of speakers) {
      const { id, seq } = await say(by, { content: "first" });
      const message = { id, seq, senderId: by.user };
      const edited = { ...message, content: awkward, edited: true };
      await party.step(by, "message:edit", { messageId: id, content: awkward }, hall(all("message:edited", { message: edited, by: by.user })));
      await party.step(by, "reaction:add", { messageId: id, emoji: "👍🏽" }, hall(all("reaction:added", { messageId: id, userId: by.user, emoji: "👍🏽" })));
      await party.step(by, "message:pin", { messageId: id }, hall(all("message:pinned", { message: { ...edited, pinnedBy: by.user }, by: by.user })));
      await party.step(by, "message:unpin", { messageId: id }, hall(all("message:unpinned", { message: edited, by: by.user })));
      await party.step(by, "reaction:remove", { messageId: id, emoji: "👍🏽" }, hall(all("reaction:removed", { messageId: id, userId: by.user, emoji: "👍🏽" })));
      await party.step(by, "message:delete", { messageId: id }, hall(all("message:deleted", { messageId: id, deletedBy: by.user, roomId: "hall" })));
    }
  });

  await t.test("they see each other type", async () => {
    for (const by of speakers) {
      const to = by.user === "ada" ? ["bob", "cyd"] : ["ada", "cyd"];
      const tell = (entry) => Object.fromEntries(to.map((user) => [user, [entry]]));
      await party.step(by, "typing:start", { roomId: "hall" }, tell(all("typing:start", { roomId: "hall", userId: by.user, username: nameOf(by.user) })));
      await party.step(by, "typing:stop", { roomId: "hall" }, tell(all("typing:stop", { roomId: "hall", userId: by.user })));
    }
  });

  await t.test("senders see who has read", async () => {
    for (const by of speakers.filter(({ user }) => user === "bob")) {
      const [one, two] = [await say(ada[0], { content: "one" }), await say(ada[3], { content: "two" })];
      await party.step(by, "message:read", { messageIds: [one.id, two.id] }, {
        ada: [one, two].map(({ id, conversationId }) => all("message:read", { messageId: id, conversationId, readBy: "bob" })),
        bob: [others("conversation:read", { conversationId: two.conversationId, seq: two.seq })],
      });
      const { seq, conversationId } = await say(ada[1], { content: "three" });
      await party.step(by, "conversation:read", { conversationId, seq }, { bob: [others("conversation:read", { conversationId, seq })] });
    }
  });

  await t.test("all read the same history", async () => {
    let first;
    for (const by of speakers) {
      const { messages } = await party.step(by, "history", { roomId: "hall", limit: 100 });
      assert.ok(messages.length > 20);
      assert.deepEqual(messages, (first ??= messages));
    }
  });

  await t.test("an admin governs it", async () => {
    for (const by of speakers.filter(({ user }) => user === "ada")) {
      const mine = { roomId: "hall", by: "ada", userId: "cyd" };
      await party.step(by, "room:kick", { roomId: "hall", userId: "cyd" }, hall(all("room:user_left", { ...mine, reason: "kicked" })));
      await party.step(by, "room:update", { roomId: "hall", type: "private" }, {
        ...hall(all("room:updated", { room: { id: "hall", type: "private" }, by: "ada" })), cyd: [],
      });
      await party.step(by, "room:invite", { roomId: "hall", userId: "cyd" }, { cyd: [all("room:invited", mine)] });
      const joined = others("room:user_joined", { roomId: "hall", userId: "cyd" });
      await party.step(cyd[1], "room:join", { roomId: "hall" }, { ada: [joined], bob: [joined], cyd: [joined, only("room:messages", (list) => list.length > 10)] });
      await party.step(by, "room:update", { roomId: "hall", type: "public" }, hall(all("room:updated", { room: { type: "public" } })));
    }
    await party.step(bob[1], "room:delete", { roomId: "hall" }, hall(all("room:deleted", { roomId: "hall", deletedBy: "bob" })));
  });
});
