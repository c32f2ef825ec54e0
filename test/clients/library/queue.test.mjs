// What waits to be sent survives, goes out in order, once, and as fast as the server allows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStorage } from "../../../web/client/dist/index.js";
import { atEnd, within } from "../harness.mjs";
import { Sockeye } from "../together/sockeye.mjs";
import { FaultProxy } from "./faultproxy.mjs";
import { Person, history, transports } from "./library.mjs";

const calm = async (t, server) => {
  const proxy = await new FaultProxy(new URL(server.url).host, 1).listen();
  proxy.calm();
  atEnd(t, () => proxy.stop());
  return proxy;
};

for (const transport of transports) {
  test(`the queue over ${transport.name}`, async (t) => {
    const server = await Sockeye.start(t);
    const proxy = await calm(t, server);
    const bob = await Person.online(t, server, "bob", transport);
    const { room } = await bob.client.room.create({ id: "hall", name: "Hall" });
    const stored = async () => (await history(bob.client, { roomId: "hall" })).map(({ content }) => content);

    await t.test("what was written offline is sent by the next page", async (t) => {
      const storage = memoryStorage();
      const page = await Person.online(t, server, "ada", transport, { url: proxy.url, storage });
      await page.client.room.join({ roomId: "hall" });
      proxy.close();
      await page.until(() => page.client.state !== "online");
      for (const content of ["one", "two", "three"]) page.client.send({ roomId: "hall", content });
      assert.deepEqual(page.client.queue.map(({ content }) => content), ["one", "two", "three"]);
      await page.client.close();

      const reloaded = Person.of(t, server, "ada", transport, { url: proxy.url, storage });
      const last = reloaded.client.send({ roomId: "hall", content: "four" });
      reloaded.client.connect();
      await reloaded.next("reconnect_failed");
      proxy.open();
      await reloaded.until(() => reloaded.all("sent").length === 4);
      assert.equal((await last).roomId, "hall");
      assert.deepEqual(reloaded.all("sent").map(({ message }) => message.content), ["one", "two", "three", "four"]);
      assert.deepEqual(await stored(), ["one", "two", "three", "four"]);
      assert.deepEqual([reloaded.client.queue, await storage.load()], [[], []]);
    });

    await t.test("what was stored without the page knowing is not stored again", async (t) => {
      const storage = memoryStorage();
      const page = await Person.online(t, server, "ada", transport, { url: proxy.url, storage });
      proxy.deafen();
      page.client.send({ roomId: "hall", content: "five" });
      await bob.next("room:message", ({ content }) => content === "five", 0);
      await page.client.close();
      assert.equal((await storage.load()).length, 1);
      const reloaded = await Person.online(t, server, "ada", transport, { storage });
      const { sent } = await reloaded.next("sent", () => true, 0);
      const messages = await history(bob.client, { roomId: "hall" });
      assert.deepEqual(messages.filter(({ content }) => content === "five").map(({ id }) => id), [sent.id]);
    });

    await t.test("two pages that share a queue send it once", async (t) => {
      const storage = memoryStorage();
      const page = Person.of(t, server, "ada", transport, { storage });
      for (let i = 0; i < 20; i++) page.client.send({ roomId: "hall", content: `shared ${i}` });
      const other = Person.of(t, server, "ada", transport, { storage });
      await Promise.all([page.connect(), other.connect()]);
      await page.until(() => page.client.queue.length === 0);
      await other.until(() => other.client.queue.length === 0);
      const shared = (await stored()).filter((content) => content.startsWith("shared"));
      assert.deepEqual(shared, Array.from({ length: 20 }, (_, i) => `shared ${i}`));
      assert.equal((await storage.load()).length, 0);
    });

    await t.test("a message that is refused is told of, and does not hold up those behind it", async (t) => {
      const storage = memoryStorage();
      const ada = await Person.online(t, server, "ada", transport, { storage });
      const nowhere = ada.client.send({ roomId: "nowhere", content: "lost" });
      const tooLong = ada.client.room.message({ roomId: "hall", content: "x".repeat(10_001) });
      const good = ada.client.send({ roomId: "hall", content: "six" });
      await assert.rejects(nowhere, { name: "Refused", code: "room_not_found", message: "Room not found" });
      await assert.rejects(tooLong, { name: "Refused", code: "limit_exceeded" });
      await assert.rejects(ada.client.send({ roomId: "hall", content: "🐟".repeat(250_000) }), RangeError);
      assert.equal((await good).conversationId, room.conversationId);
      assert.deepEqual(ada.all("refused").map(({ error }) => error.code), ["room_not_found", "limit_exceeded"]);
      assert.deepEqual([ada.client.queue, await storage.load()], [[], []]);
    });

    await t.test("the queue is bounded, and gives back what is taken out", async (t) => {
      const storage = memoryStorage();
      const ada = Person.of(t, server, "ada", transport, { storage, queueLimit: 2 });
      const discarded = ada.client.send({ roomId: "hall", content: "unsaid", clientMsgId: "unsaid" });
      const again = ada.client.send({ roomId: "hall", content: "unsaid", clientMsgId: "unsaid" });
      assert.equal(again, discarded);
      const kept = ada.client.send({ roomId: "hall", content: "seven" });
      await assert.rejects(ada.client.send({ roomId: "hall", content: "eight" }), RangeError);
      ada.client.discard("unsaid");
      await assert.rejects(discarded, { name: "Unanswered", transmitted: false });
      await ada.connect();
      await kept;
      const contents = await stored();
      assert.deepEqual([contents.at(-1), contents.includes("unsaid")], ["seven", false]);
    });
  });

  test(`a server that wants it slower, over ${transport.name}`, async (t) => {
    const server = await Sockeye.start(t, "--limits", "on", "--rate-events", "60/min");
    const ada = await Person.online(t, server, "ada", transport);
    await ada.client.room.create({ id: "hall", name: "Hall" });
    await exhaust(t, server, transport);
    const contents = ["one", "two", "three", "four"];
    await Promise.all(contents.map((content) => ada.client.send({ roomId: "hall", content })));
    const [delayed] = ada.all("delayed");
    assert.deepEqual([delayed.error.code, delayed.seconds], ["rate_limited", 1]);
    assert.deepEqual((await history(ada.client, { roomId: "hall" })).map(({ content }) => content).slice(-4), contents);
  });
}

/** Uses the minute's messages up at once, by a connection without a queue. */
async function exhaust(t, server, transport) {
  const refused = new Promise((resolve) => {
    const connection = transport.to(server.url).open(server.token("ada"), {
      opened() {
        const take = ({ ok }) => ok || resolve();
        for (let i = 0; i < 80; i++) connection.send("room:message", { roomId: "hall", content: `${i}` }, take);
      },
      event() {},
      heard() {},
      closed() {},
    });
    atEnd(t, () => connection.close());
  });
  await within(refused, () => "a refusal");
}
