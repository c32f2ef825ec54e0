// A queue is one user's: nobody else sends what waits in it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStorage } from "../../../web/client/dist/index.js";
import { Sockeye } from "../together/sockeye.mjs";
import { Person, transports } from "./library.mjs";

const [transport] = transports;

test("what one user has written is not sent as another", async (t) => {
  const server = await Sockeye.start(t);
  const eve = await Person.online(t, server, "eve", transport);
  await eve.client.room.create({ id: "hall", name: "Hall" });
  for (const user of ["ada", "bob"]) await (await Person.online(t, server, user, transport)).client.room.join({ roomId: "hall" });
  const storages = { ada: memoryStorage(), bob: memoryStorage() };
  const storage = (userId) => storages[userId];
  const earlier = Person.of(t, server, "ada", transport, { storage, userId: "ada" });
  earlier.client.send({ roomId: "hall", content: "ada's secret" });
  await earlier.client.close();

  let user = "bob"; // has signed in meanwhile, in another tab
  const page = Person.of(t, server, "ada", transport, { storage, userId: "ada", token: () => server.token(user) });
  page.client.connect();
  await page.until(() => page.all("unauthorized").length > 0 || page.all("sent").length > 0);
  assert.deepEqual([page.all("sent"), page.client.state], [[], "offline"]);
  user = "ada";
  await page.connect();
  await page.until(() => page.all("sent").length > 0);
  const heard = await eve.next("room:message", () => true, 0);
  assert.deepEqual([heard.senderId, heard.content, page.client.queue], ["ada", "ada's secret", []]);
});

for (const kind of ["a token", "a function that gets one"]) {
  test(`what is written before the first connection is kept, with ${kind} and no user id`, async (t) => {
    const server = await Sockeye.start(t);
    const ada = await Person.online(t, server, "ada", transport);
    await ada.client.room.create({ id: "hall", name: "Hall" });
    await server.kill();
    const [storages, storage] = storagesByUser();
    const given = server.token("ada");
    const token = kind === "a token" ? given : async () => given;
    const page = Person.of(t, server, "ada", transport, { storage, token });
    const unsent = page.client.send({ roomId: "hall", content: "kept" });
    page.client.connect();
    await page.next("reconnect_failed", () => true, 0);
    await page.client.close();
    await assert.rejects(unsent, { message: "The client was closed; the message stays in the queue" });
    assert.deepEqual(await contentsOf(storages.ada), ["kept"]);

    await server.start();
    const reloaded = await Person.online(t, server, "ada", transport, { storage });
    await reloaded.next("sent", () => true, 0);
    assert.deepEqual([Object.keys(storages), await contentsOf(storages.ada)], [["ada"], []]);
  });
}

test("whose queue it is stays as the first token said", async (t) => {
  const server = await Sockeye.start(t);
  const [storages, storage] = storagesByUser();
  const tokens = [server.token("ada", -60), server.token("bob")]; // ada's has ended
  const page = Person.of(t, server, "ada", transport, { storage, token: () => tokens.shift() });
  page.client.send({ roomId: "hall", content: "ada's" });
  page.client.connect();
  await page.until(() => page.client.state === "online" || page.all("unauthorized").length > 0);
  assert.deepEqual([page.client.state, Object.keys(storages)], ["offline", ["ada"]]);
});

test("who closes before it is known whose the message is loses it, and is told so", async (t) => {
  const server = await Sockeye.start(t);
  const page = Person.of(t, server, "ada", transport, { storage: () => assert.fail("of whom?"), token: () => server.token("ada") });
  const unsent = page.client.send({ roomId: "hall", content: "lost" });
  await page.client.close();
  await assert.rejects(unsent, { name: "Unanswered", transmitted: false, message: "The client was closed before it was known whose the message is" });
});

/** Storages of users as they are asked for, and what gives them. */
function storagesByUser() {
  const storages = {};
  return [storages, (userId) => (storages[userId] ??= memoryStorage())];
}

const contentsOf = async (storage) => (await storage?.load())?.map(({ content }) => content);
