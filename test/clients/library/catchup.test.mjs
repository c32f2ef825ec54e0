// What a client missed it is told, in order and once; where that cannot be, it says so.

import assert from "node:assert/strict";
import { test } from "node:test";
import { atEnd } from "../harness.mjs";
import { Sockeye } from "../together/sockeye.mjs";
import { FaultProxy } from "./faultproxy.mjs";
import { Person, transports } from "./library.mjs";

/** A transport that loses events, as no network does: what is lost does not break the connection. */
const losing = (transport, isLost) => ({
  to(url) {
    const inner = transport.to(url);
    return {
      open: (token, receiver) =>
        inner.open(token, { ...receiver, event: (name, payload) => isLost(name, payload) || receiver.event(name, payload) }),
    };
  },
});

/** A server, a proxy before it, and bob, who talks in the hall. */
async function hall(t, transport, ...settings) {
  const server = await Sockeye.start(t, "--chat-dm-policy", "anyone", ...settings);
  const proxy = await new FaultProxy(new URL(server.url).host, 1).listen();
  proxy.calm();
  atEnd(t, () => proxy.stop());
  const bob = await Person.online(t, server, "bob", transport);
  const { room } = await bob.client.room.create({ id: "hall", name: "Hall" });
  return { server, proxy, bob, room, say: (content) => bob.client.send({ roomId: "hall", content }) };
}

for (const transport of transports) {
  test(`catching up over ${transport.name}`, async (t) => {
    const { server, proxy, bob, room, say } = await hall(t, transport);

    await t.test("a hole is found and filled", async (t) => {
      const isLost = (name, payload) => name === "room:message" && payload.content.startsWith("lost");
      const ada = await Person.online(t, server, "ada", losing(transport, isLost));
      await ada.client.room.join({ roomId: "hall" });
      for (const content of ["first", "lost 1", "lost 2", "second", "lost 3", "third"]) await say(content);
      await ada.until(() => ada.heard(room.conversationId).length === 6);
      assert.deepEqual(ada.heard(room.conversationId), ["first", "lost 1", "lost 2", "second", "lost 3", "third"]);
      ada.assertWhole(room.conversationId);
    });

    await t.test("a lost last event shows by the announced head", async (t) => {
      let announce;
      const ada = await Person.online(t, server, "ada", {
        to(url) {
          const inner = losing(transport, (name) => name === "room:message").to(url);
          return { open: (token, receiver) => inner.open(token, ((announce = receiver.event), receiver)) };
        },
      });
      const { seq } = await say("the last");
      assert.deepEqual(ada.heard(room.conversationId), []);
      announce("conversation:head", { conversationId: room.conversationId, seq }); // as a server does every 30 s
      await ada.until(() => ada.heard(room.conversationId).includes("the last"));
    });

    await t.test("what happened meanwhile, in old conversations and in new ones", async (t) => {
      const ada = await Person.online(t, server, "ada", transport, { url: proxy.url });
      const before = ada.told.length;
      proxy.close();
      await ada.until(() => ada.client.state !== "online");
      const { id } = await say("meanwhile");
      await bob.client.reaction.add({ messageId: id, emoji: "🐟" });
      for (const content of ["hello", "anybody there?"]) await bob.client.send({ recipientId: "ada", content });
      const { room: other } = await bob.client.room.create({ id: "other", name: "Other" });
      await bob.client.send({ roomId: "other", content: "history by then" });
      const eve = await Person.online(t, server, "ada", transport); // her other device
      await eve.client.room.join({ roomId: "other" });
      await bob.client.send({ roomId: "hall", content: "later" });
      proxy.open();
      await ada.until(() => ada.client.state === "online");
      await ada.until(() => ada.heard(room.conversationId).includes("later"));
      const told = ada.told.slice(before).filter(({ payload }) => payload.conversationId === room.conversationId);
      assert.deepEqual(told.map(({ event }) => event), ["room:message", "reaction:added", "room:message"]);
      const direct = await ada.next("message:received", ({ content }) => content === "anybody there?", 0);
      assert.deepEqual(ada.heard(direct.conversationId), ["hello", "anybody there?"]);
      const introduced = await ada.next("conversation", ({ conversationId }) => conversationId === other.conversationId, 0);
      assert.equal(introduced.room.id, "other");
      assert.deepEqual(ada.heard(other.conversationId), [], "that is its history");
      await bob.client.send({ roomId: "other", content: "news" });
      await ada.until(() => ada.heard(other.conversationId).includes("news"));
      assert.deepEqual(ada.heard(other.conversationId), ["news"]);
    });

    await t.test("a later client goes on where an earlier one was", async (t) => {
      const earlier = await Person.online(t, server, "ada", transport);
      const { positions } = earlier.client;
      await earlier.client.close();
      await say("between the two");
      const later = await Person.online(t, server, "ada", transport, { positions });
      await later.until(() => later.heard(room.conversationId).length > 0);
      assert.deepEqual(later.heard(room.conversationId), ["between the two"]);
    });

    await t.test("too much, and a room that one was thrown out of", async (t) => {
      // Recovery would bring all of it.
      const { server, proxy, bob, room, say } = await hall(t, transport, "--recovery", "0s");
      const ada = await Person.online(t, server, "ada", transport, { url: proxy.url });
      await ada.client.room.join({ roomId: "hall" });
      await bob.client.room.create({ id: "other", name: "Other" });
      await ada.client.room.join({ roomId: "other" });
      proxy.close();
      await ada.until(() => ada.client.state !== "online");
      const reaction = { messageId: (await say("discussed")).id, emoji: "🐟" };
      const { reaction: react } = bob.client;
      for (let batch = 0; batch < 26; batch++) {
        await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 ? react.remove : react.add)(reaction)));
      }
      await bob.client.room.kick({ roomId: "other", userId: "ada" });
      proxy.open();
      const reset = await ada.next("reset", () => true, 0);
      assert.deepEqual([reset.conversationId, reset.firstSeq, reset.isRestored], [room.conversationId, 1, false]);
      const gone = await ada.next("gone", () => true, 0);
      assert.equal((await bob.client.room.get({ roomId: "other" })).room.conversationId, gone.conversationId);
      const { seq } = await say("after that");
      await ada.until(() => ada.heard(room.conversationId).length > 0);
      assert.deepEqual([seq, ada.heard(room.conversationId)], [reset.seq + 1, ["after that"]]);
    });

    await t.test("one's own direct messages have their place among the other's", async (t) => {
      const [ada, dan] = [await Person.online(t, server, "ada", transport), await Person.online(t, server, "dan", transport)];
      const replies = [];
      for (let i = 0; i < 20; i++) {
        ada.client.send({ recipientId: "dan", content: `ada ${i}` });
        replies.push(dan.client.send({ recipientId: "ada", content: `dan ${i}` }));
      }
      const { id, conversationId } = await replies.at(-1);
      await ada.client.send({ recipientId: "dan", content: "a reply", replyTo: id });
      for (const person of [ada, dan]) {
        await person.until(() => person.heard(conversationId).length === 41);
        person.assertWhole(conversationId);
      }
      assert.deepEqual(ada.story(conversationId).map(withoutTime), dan.story(conversationId).map(withoutTime));
      assert.equal(ada.story(conversationId).at(-1).threadId, id);
    });
  });
}

const withoutTime = ({ clientMsgId, ...event }) => event;
