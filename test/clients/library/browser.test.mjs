// In a real browser: the queue in IndexedDB survives a reload, tabs share it, and the network's return is noticed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { within } from "../harness.mjs";
import { Sockeye } from "../together/sockeye.mjs";
import { browse } from "./browser.mjs";
import { Person, history, transports } from "./library.mjs";

/** A page with a client of that token. */
async function openPage(context, server, token, timing) {
  const page = await context.newPage();
  await page.goto(`${server.url}/library/`);
  await start(page, token, timing);
  return page;
}

const start = (page, token, timing = { firstRetry: 10, slowestRetry: 200 }) =>
  page.evaluate(async ([token, timing]) => {
    const { SockeyeClient } = await import("/library/index.js");
    const client = (window.client = new SockeyeClient({ token, userId: "ada", timing }));
    window.told = [];
    for (const event of ["state", "sent", "refused", "reconnect_failed"]) client.on(event, (payload) => window.told.push({ event, payload }));
    client.connect();
  }, [token, timing]);

const online = (page) => page.waitForFunction(() => window.client.state === "online");
const sentOf = (page) => page.evaluate(() => window.told.filter(({ event }) => event === "sent").map(({ payload }) => payload.message.content));

test("in the browser", async (t) => {
  const server = await Sockeye.start(t);
  const context = await browse(t);
  const bob = await Person.online(t, server, "bob", transports[0]);
  await bob.client.room.create({ id: "hall", name: "Hall" });
  const stored = async () => (await history(bob.client, { roomId: "hall" })).map(({ content }) => content);
  const token = server.token("ada");

  await t.test("a queue survives the reload of its page, also when the server does not", async () => {
    const page = await openPage(context, server, token);
    await online(page);
    await page.evaluate(() => window.client.room.join({ roomId: "hall" }));
    await server.kill();
    await page.waitForFunction(() => window.client.state !== "online");
    await page.evaluate(async () => {
      for (const content of ["one", "two", "three"]) window.client.send({ roomId: "hall", content });
      await window.client.close(); // returns when all is written
    });
    await page.reload();
    await server.start();
    await start(page, token);
    await page.waitForFunction(() => window.told.filter(({ event }) => event === "sent").length === 3);
    assert.deepEqual(await sentOf(page), ["one", "two", "three"]);
    assert.deepEqual((await stored()).slice(-3), ["one", "two", "three"]);
    await page.close();
  });

  await t.test("what is written in the moment of a reload is kept", async () => {
    const page = await openPage(context, server, token);
    await online(page);
    await server.kill();
    await page.waitForFunction(() => window.client.state !== "online");
    const contents = ["four", "five", "six", "seven"];
    const isBack = page.waitForEvent("load");
    await page.evaluate((contents) => {
      for (const content of contents) window.client.send({ roomId: "hall", content });
      location.reload();
    }, contents);
    await isBack;
    await server.start();
    await start(page, token);
    await page.waitForFunction(() => window.told.filter(({ event }) => event === "sent").length === 4);
    assert.deepEqual((await stored()).slice(-4), contents);
    await page.close();
  });

  await t.test("tabs that share a queue send it once, in order", async () => {
    const page = await openPage(context, server, token);
    await page.evaluate(() => window.client.close());
    const contents = Array.from({ length: 30 }, (_, i) => `shared ${i}`);
    // Written while nobody is connected, by a client that is gone then.
    await page.evaluate(async (contents) => {
      const { SockeyeClient } = await import("/library/index.js");
      const writer = new SockeyeClient({ token: "", userId: "ada" });
      for (const content of contents) writer.send({ roomId: "hall", content });
      await writer.close();
    }, contents);
    const tabs = await Promise.all([1, 2, 3].map(() => openPage(context, server, token)));
    await Promise.all(tabs.map((tab) => tab.waitForFunction(() => window.client.state === "online" && window.client.queue.length === 0)));
    assert.deepEqual((await stored()).slice(-30), contents);
    const sent = (await Promise.all(tabs.map(sentOf))).flat();
    assert.ok(sent.length >= 30, "each was told of by one of them at least");
    await Promise.all([page, ...tabs].map((tab) => tab.close()));
  });

  await t.test("a tab that comes into view sends what another has left meanwhile", async () => {
    const [page, other] = [await openPage(context, server, token), await openPage(context, server, token)];
    await online(page);
    await other.evaluate(async () => {
      await window.client.close();
      const { SockeyeClient } = await import("/library/index.js");
      const writer = new SockeyeClient({ token: "", userId: "ada" });
      writer.send({ roomId: "hall", content: "left behind" });
      await writer.close();
    });
    await other.close();
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await within(page.waitForFunction(() => window.told.some(({ event }) => event === "sent")), () => "the message to be sent");
    assert.equal((await stored()).at(-1), "left behind");
    await page.close();
  });

  await t.test("a storage that could not be opened is opened later", async () => {
    const page = await context.newPage();
    await page.goto(`${server.url}/library/`);
    const outcome = await page.evaluate(async () => {
      const { indexedDBStorage } = await import("/library/index.js");
      const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
      (await done(indexedDB.open("broken", 2))).close(); // of a later version: ours cannot be opened
      const storage = indexedDBStorage("broken");
      const failure = await storage.load().catch(({ name }) => name);
      await done(indexedDB.deleteDatabase("broken"));
      return [failure, await storage.load().catch(({ name }) => name)];
    });
    assert.deepEqual(outcome, ["VersionError", []]);
    await page.close();
  });

  await t.test("it tries again at once when the network is back", async () => {
    const page = await openPage(context, server, token, { firstRetry: 10, slowestRetry: 3_600_000 });
    await online(page);
    await context.setOffline(true);
    await server.kill();
    await page.waitForFunction(() => window.told.some(({ event }) => event === "reconnect_failed"));
    assert.equal(await page.evaluate(() => window.client.state), "offline");
    await server.start();
    await context.setOffline(false); // by itself the next attempt comes in half an hour at the earliest
    await within(online(page), () => "the page to be online");
  });
});
