// Two people become friends, and talk with each other alone, on devices of all protocols.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isGuide, ways } from "./devices.mjs";
import { Party, all, only, others } from "./party.mjs";
import { Sockeye, nameOf } from "./sockeye.mjs";
import { Page } from "./wires.mjs";

test("two friends", async (t) => {
  const server = await Sockeye.start(t, "--chat-typing-lifetime", "1m");
  const page = await Page.open(t, `${server.url}/health`);
  const party = await Party.gather(t, server, page, {
    ada: [ways.v1, ways.socketio, ways.guide, ways.v1Chromium],
    bob: [ways.v1ChromiumFrame, ways.guideChromium, ways.polling, ways.v1],
    eve: [ways.v1, ways.socketio, ways.guide], // who hears nothing of all this
  });
  const speakers = party.of("ada", "bob").filter((device) => !isGuide(device));
  const peer = ({ user }) => (user === "ada" ? "bob" : "ada");
  const deviceOf = (user, i) => speakers.filter((device) => device.user === user)[i % 3];

  /** What happens between the two: both are told who the other one is. */
  const between = (event, by, rest = {}) => {
    const [me, you] = [by.user, peer(by)];
    return {
      [me]: [others(event, { userId: you, username: nameOf(you), by: me }), ...(rest[me] ?? [])],
      [you]: [all(event, { userId: me, username: nameOf(me), by: me }), ...(rest[you] ?? [])],
    };
  };
  const nowOnline = {
    ada: [all("user:online", { userId: "bob", username: nameOf("bob") })],
    bob: [all("user:online", { userId: "ada", username: nameOf("ada") })],
  };

  await t.test("strangers cannot write", async () => {
    for (const by of party.of("ada", "bob")) {
      const answer = await by.ask("message:send", { recipientId: peer(by), content: "Hello?" });
      assert.deepEqual(answer, { ok: false, error: { code: "not_friends", message: "Can only send messages to friends" } });
    }
    await party.hears("nothing", {});
  });

  await t.test("they ask, decline, agree and part, by each protocol", async () => {
    for (const [i, by] of speakers.entries()) {
      const [asks, answers] = [{ userId: peer(by) }, { userId: by.user }];
      const other = deviceOf(peer(by), i);
      const relation = async (step, wanted) => assert.equal((await step).relation, wanted);
      await relation(party.step(by, "friend:request", asks, between("friend:requested", by)), "sent");
      await relation(party.step(by, "friend:request", asks), "sent");
      await relation(party.step(other, "friend:decline", answers, between("friend:declined", other)), "none");
      await relation(party.step(by, "friend:request", asks, between("friend:requested", by)), "sent");
      await relation(party.step(by, "friend:remove", asks, between("friend:cancelled", by)), "none");
      await relation(party.step(by, "friend:request", asks, between("friend:requested", by)), "sent");
      const accepted = between("friend:accepted", other, nowOnline);
      await relation(party.step(other, "friend:accept", answers, accepted, { beside: true }), "friends");
      await relation(party.step(by, "friend:remove", asks, between("friend:removed", by)), "none");
      const blocked = { [by.user]: [others("user:blocked", { userId: peer(by), by: by.user })] };
      const unblocked = { [by.user]: [others("user:unblocked", { userId: peer(by), by: by.user })] };
      await relation(party.step(by, "user:block", asks, blocked), "blocked");
      const unheard = { [other.user]: [others("friend:requested", { userId: by.user, by: other.user })] };
      await relation(party.step(other, "friend:request", answers, unheard), "sent"); // as if it had been
      await relation(party.step(by, "user:unblock", asks, unblocked), "received"); // now it is
      await relation(party.step(by, "friend:decline", asks, between("friend:declined", by)), "none");
    }
    await party.step(speakers[0], "friend:request", { userId: "bob" }, between("friend:requested", speakers[0]));
    const bob = deviceOf("bob", 0);
    await party.step(bob, "friend:accept", { userId: "ada" }, between("friend:accepted", bob, nowOnline), { beside: true });
  });

  /** One device is told that it is sent, all others of both what. */
  const told = (by, payload) => {
    const received = others("message:received", { ...payload, senderId: by.user, senderUsername: nameOf(by.user) });
    return { [peer(by)]: [received], [by.user]: [received, only("message:sent", { recipientId: peer(by) })] };
  };
  const send = async (by, payload) => {
    payload = { recipientId: peer(by), ...payload };
    return party.step(by, "message:send", payload, told(by, payload));
  };

  await t.test("they write to each other", async () => {
    for (const [i, by] of party.of("ada", "bob").entries()) {
      const { seq } = await send(by, { content: `${i} </script> 🐟`, type: "image", clientMsgId: `k${i}` });
      assert.equal(seq, i + 1);
    }
  });

  await t.test("what was said is changed", async () => {
    const both = (entry) => ({ ada: [entry], bob: [entry] });
    for (const by of speakers) {
      const { id } = await send(by, { content: "first" });
      const message = { id, senderId: by.user, recipientId: peer(by), content: "second" };
      await party.step(by, "message:edit", { messageId: id, content: "second" }, both(all("message:edited", { message, by: by.user })));
      await party.step(by, "reaction:add", { messageId: id, emoji: "❤️" }, both(all("reaction:added", { messageId: id, userId: by.user, emoji: "❤️" })));
      await party.step(by, "message:pin", { messageId: id }, both(all("message:pinned", { message, by: by.user })));
      await party.step(by, "message:unpin", { messageId: id }, both(all("message:unpinned", { message, by: by.user })));
      await party.step(by, "reaction:remove", { messageId: id, emoji: "❤️" }, both(all("reaction:removed", { messageId: id, emoji: "❤️" })));
      await party.step(by, "message:delete", { messageId: id }, both(all("message:deleted", { messageId: id, deletedBy: by.user })));
    }
  });

  await t.test("they see each other type and read", async () => {
    for (const by of speakers) {
      const to = { recipientId: peer(by) };
      await party.step(by, "typing:start", to, { [peer(by)]: [all("typing:start", { userId: by.user, username: nameOf(by.user) })] });
      await party.step(by, "typing:stop", to, { [peer(by)]: [all("typing:stop", { userId: by.user })] });
      const { id, conversationId, seq } = await send(party.of(peer(by))[2], { content: "read this" });
      await party.step(by, "message:read", { messageIds: [id] }, {
        [peer(by)]: [all("message:read", { messageId: id, conversationId, readBy: by.user })],
        [by.user]: [others("conversation:read", { conversationId, seq })],
      });
    }
  });

  await t.test("all see the same lists", async () => {
    for (const [command, payload] of [
      ["friend:list", {}], ["conversation:list", {}], ["history", { userId: "bob" }], ["presence:get", { userId: "bob" }],
      ["user:get", { userId: "bob" }], ["sync", { conversations: {} }], ["notification:subscribe", { topics: ["b", "a"] }],
    ]) {
      let first;
      for (const by of speakers.filter(({ user }) => user === "ada")) {
        const answer = await by.ask(command, payload);
        assert.ok(answer.ok, `${by}: ${command}: ${JSON.stringify(answer)}`);
        assert.deepEqual(answer, (first ??= answer), `${by}: ${command}`);
      }
    }
  });
});
