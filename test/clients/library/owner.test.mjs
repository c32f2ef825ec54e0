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
