// Two people write to each other over a bad network while the server is killed: nothing is lost, doubled or out of order.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { atEnd, within } from "../harness.mjs";
import { Sockeye } from "../together/sockeye.mjs";
import { FaultProxy } from "./faultproxy.mjs";
import { Person, hasty, history, insist, transports } from "./library.mjs";

const count = Number(process.env.SOCKEYE_MESSAGES ?? 1000);
const seed = Number(process.env.SOCKEYE_SEED ?? Date.now() % 1_000_000);
const patience = Number(process.env.PATIENCE ?? 60_000 + count * 60); // ms

const timing = { ...hasty, patience: 3000 };

describe("a bad network", { concurrency: true }, () => {
  for (const transport of transports) test(`${count} messages over ${transport.name}`, async (t) => {
    t.diagnostic(`SOCKEYE_SEED=${seed} repeats what happens to connections`);
    const server = await Sockeye.start(t, "--chat-dm-policy", "anyone");
    const proxy = await new FaultProxy(new URL(server.url).host, seed).listen();
    atEnd(t, () => proxy.stop());
    const ada = Person.of(t, server, "ada", transport, { url: proxy.url, timing, queueLimit: count });
    const bob = Person.of(t, server, "bob", transport, { url: proxy.url, timing, queueLimit: count });
    await Promise.all([ada.connect(), bob.connect()]);
    const eve = await Person.online(t, server, "eve", transport);
    const { room } = await eve.client.room.create({ name: "Hall", id: "hall" });
    for (const { client } of [ada, bob]) await insist(() => client.room.join({ roomId: "hall" }));

    const places = [{ roomId: "hall" }, { recipientId: "bob" }];
    const mostOfIt = Math.floor(count * 0.7);
    const sending = [
      ...Array.from({ length: mostOfIt }, (_, i) => ada.client.send({ ...places[i % 2], content: `ada ${i}` })),
      ...Array.from({ length: count - mostOfIt }, (_, i) => bob.client.send({ roomId: "hall", content: `bob ${i}` })),
    ];
    await bob.until(() => bob.heard(room.conversationId).length > count / 4, () => "to hear a quarter");
    await server.kill();
    await server.start();
    const sent = await within(Promise.all(sending), () => `all to be sent; ${ada.client.queue.length + bob.client.queue.length} wait`, patience);

    const direct = sent[1].conversationId;
    const keeper = await Person.online(t, server, "ada", transport);
    const stored = { hall: await history(keeper.client, { roomId: "hall" }), direct: await history(keeper.client, { userId: "bob" }) };
    assert.deepEqual(ids([...stored.hall, ...stored.direct]).sort(), sent.map(({ id }) => id).sort(), "what was acknowledged is stored, once");
    const numbers = (user) => Array.from({ length: user === "ada" ? mostOfIt : count - mostOfIt }, (_, i) => `${user} ${i}`);
    assert.deepEqual(contents(stored.direct), numbers("ada").filter((_, i) => i % 2 === 1));
    assert.deepEqual(contents(stored.hall).filter((text) => text.startsWith("ada")), numbers("ada").filter((_, i) => i % 2 === 0));
    assert.deepEqual(contents(stored.hall).filter((text) => text.startsWith("bob")), numbers("bob"));

    for (const person of [ada, bob]) {
      for (const [conversation, messages] of [[room.conversationId, stored.hall], [direct, stored.direct]]) {
        await person.until(
          () => person.heard(conversation).length >= messages.length,
          () => `to hear ${messages.length} messages, not ${person.heard(conversation).length}`,
        );
        assert.deepEqual(person.heard(conversation), contents(messages));
        person.assertWhole(conversation);
      }
      assert.deepEqual([person.all("refused"), person.all("reset"), person.all("gone")], [[], [], []]);
    }
    t.diagnostic(`the network: ${JSON.stringify(proxy.suffered)}`);
    assert.ok(proxy.suffered.connections > 4, "connections broke");
  });
});

const ids = (messages) => messages.map(({ id }) => id);
const contents = (messages) => messages.map(({ content }) => content);
