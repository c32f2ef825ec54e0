// The options by which a client connects and comes back, and what it says of its connection.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SockeyeClient, memoryStorage } from "../../../web/client/dist/index.js";
import { socketIO } from "../../../web/client/dist/socketio.js";
import { atEnd } from "../harness.mjs";
import { Sockeye } from "../together/sockeye.mjs";
import { FaultProxy } from "./faultproxy.mjs";
import { Person, transports } from "./library.mjs";

async function proxied(t, server) {
  const proxy = await new FaultProxy(new URL(server.url).host, 1).listen();
  proxy.calm();
  atEnd(t, () => proxy.stop());
  return proxy;
}

describe("options", { concurrency: true }, () => {
  for (const transport of transports) test(`over ${transport.name}`, async (t) => {
    const server = await Sockeye.start(t);

    await t.test("a client connects by itself, unless it is told not to", async (t) => {
      const ada = Person.of(t, server, "ada", transport, { autoConnect: undefined });
      assert.equal(ada.client.state, "offline"); // so that nothing happens before there are listeners
      await ada.until(() => ada.client.state === "online");
      assert.deepEqual(ada.all("state"), ["connecting", "online"]);

      const bob = Person.of(t, server, "bob", transport, { autoConnect: false });
      await ada.client.user.get({ userId: "ada" });
      assert.deepEqual([bob.client.state, bob.all("state")], ["offline", []]);
      await bob.connect();
    });

    await t.test("what it says of its connection", async (t) => {
      const proxy = await proxied(t, server);
      const ada = Person.of(t, server, "ada", transport, { url: proxy.url });
      assert.deepEqual(ada.client.connectionStatus, { connected: false, id: undefined, node: undefined, transport: undefined, attempts: 0 });
      await ada.connect();
      const { id, ...rest } = ada.client.connectionStatus;
      assert.deepEqual(rest, { connected: true, node: undefined, transport: "websocket", attempts: 0 });
      assert.match(id, /^\S{8,}$/);
      proxy.close();
      await ada.next("reconnect_failed", () => true, 0);
      const { attempts, ...lost } = ada.client.connectionStatus;
      assert.deepEqual(lost, { connected: false, id: undefined, node: undefined, transport: undefined });
      assert.ok(attempts >= 5, `${attempts} attempts`);
      proxy.open();
      await ada.until(() => ada.client.state === "online");
      const isKept = ada.client.connectionStatus.id === id;
      assert.equal(isKept, transport.name === "Socket.IO", "Socket.IO recovers a connection, which is the same then");
      assert.equal(ada.client.connectionStatus.attempts, 0);
    });

    await t.test("without reconnection it waits for connect()", async (t) => {
      const proxy = await proxied(t, server);
      const ada = await Person.online(t, server, "ada", transport, { url: proxy.url, reconnection: false });
      proxy.close();
      await ada.until(() => ada.client.state === "offline");
      await assert.rejects(ada.client.room.list(), { name: "Unanswered" });
      assert.deepEqual(ada.all("state"), ["connecting", "online", "offline"]);
      assert.deepEqual(ada.all("reconnect_failed"), []);
      proxy.open();
      const sent = ada.client.send({ recipientId: "bob", content: "when I am back" }).catch(({ name }) => name);
      await ada.connect();
      assert.equal(await sent, "Refused"); // they are no friends: it went out
    });
  });

  test("the transport is what carries the connection now", async (t) => {
    const server = await Sockeye.start(t);
    const client = new SockeyeClient({
      transport: socketIO(server.url, { transports: ["polling"] }), token: () => server.token("ada"), storage: memoryStorage(),
    });
    atEnd(t, () => client.close());
    await client.room.list();
    assert.equal(client.connectionStatus.transport, "polling");
  });
});
