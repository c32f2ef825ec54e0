// After a restore from a backup: a client that had seen more starts afresh, also when others have said more since.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rename, rm } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { atEnd } from "../harness.mjs";
import { Sockeye } from "../together/sockeye.mjs";
import { Person, history, transports } from "./library.mjs";
import { CatchUp } from "../../../web/client/dist/catchup.js";
import { Logs } from "../../../web/client/dist/logs.js";

const run = promisify(execFile);
const sockeye = (...args) => run(process.env.SOCKEYE, args, { env: { PATH: process.env.PATH } });

for (const transport of transports) {
  test(`a restored server, over ${transport.name}`, async (t) => {
    const server = await Sockeye.start(t);
    const file = `${server.folder}.backup`;
    const away = `${server.folder}.away`;
    for (const path of [file, away]) atEnd(t, () => rm(path, { recursive: true, force: true }));
    const bob = await Person.online(t, server, "bob", transport);
    const say = (roomId, content) => bob.client.send({ roomId, content });
    const { room: hall } = await bob.client.room.create({ id: "hall", name: "Hall" });
    const ada = await Person.online(t, server, "ada", transport);
    await ada.client.room.join({ roomId: "hall" });
    await say("hall", "kept");
    await ada.until(() => ada.heard(hall.conversationId).includes("kept"));

    await sockeye("backup", "--data", server.folder, file);
    const { room: lost } = await bob.client.room.create({ id: "lost", name: "Lost" });
    await ada.client.room.join({ roomId: "lost" });
    await say("hall", "lost");
    await ada.until(() => ada.heard(hall.conversationId).includes("lost"));
    const { positions, epoch } = ada.client;
    assert.ok(epoch, "the first connection tells the epoch");
    await bob.client.close();
    await server.kill();

    await rename(server.folder, away);
    await sockeye("restore", "--data", server.folder, file);
    // Somebody says as much as was lost, and more, before ada is back.
    await server.start();
    const carl = await Person.online(t, server, "bob", transport);
    for (const content of ["other", "than", "before"]) await carl.client.send({ roomId: "hall", content });

    const reset = await ada.next("reset", ({ conversationId }) => conversationId === hall.conversationId, 0);
    assert.ok(reset.seq >= 3 && reset.isRestored, JSON.stringify(reset));
    assert.deepEqual(await ada.next("gone", () => true, 0), { conversationId: lost.conversationId });
    await ada.until(() => ada.client.state === "online");
    assert.notEqual(ada.client.epoch, epoch);
    await carl.client.send({ roomId: "hall", content: "live" });
    await ada.until(() => ada.heard(hall.conversationId).includes("live"));
    const stored = await history(ada.client, { roomId: "hall" });
    assert.deepEqual(stored.map(({ content }) => content).filter(Boolean), ["kept", "other", "than", "before", "live"]);

    // A page that was loaded anew comes with what an earlier one has kept.
    const later = await Person.online(t, server, "ada", transport, { positions, epoch });
    await later.next("reset", ({ conversationId }) => conversationId === hall.conversationId, 0);
    assert.equal(later.client.epoch, ada.client.epoch);
    const same = await Person.online(t, server, "ada", transport, { positions: ada.client.positions, epoch: ada.client.epoch });
    await carl.client.send({ roomId: "hall", content: "in step" });
    await same.until(() => same.heard(hall.conversationId).includes("in step"));
    assert.deepEqual(same.all("reset"), []);
  });
}

test("more conversations than one sync can name are all told of a restore, once", async () => {
  const logs = new Logs(() => {});
  for (let i = 0; i < 1500; i++) logs.follow(`c${i}`, 100);
  const [asked, told] = [[], new Map()];
  const catchUp = new CatchUp(logs, {
    ask: async (_, { conversations, epoch }) => {
      asked.push(epoch);
      // All are at 100 again: a number alone would tell nothing.
      const is = { firstSeq: 1, seq: 100, ...(epoch === "before" && { reset: true }) };
      return { epoch: "now", conversations: Object.fromEntries(Object.keys(conversations).map((id) => [id, is])), new: [], more: false };
    },
    introduced: assert.fail,
    gone: assert.fail,
    reset: ({ conversationId }) => told.set(conversationId, (told.get(conversationId) ?? 0) + 1),
  }, "before");
  await catchUp.now();
  assert.deepEqual([told.size, Math.max(...told.values()), asked], [1500, 1, ["before", "before", "now"]]);
  assert.equal(catchUp.epoch, "now");
});
