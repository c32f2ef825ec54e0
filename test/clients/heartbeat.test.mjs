// Connections that say nothing stay as long as their heart beats.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Proxy } from "./proxy.mjs";
import { Server, alive, connect, everyClient, next, patience, within } from "./harness.mjs";

const pingInterval = 150; // ms
const beats = 5;

describe("heartbeat", { concurrency: true }, () => {
  everyClient((client, way, name) => {
    test(`${name}: several intervals`, async (t) => {
      // Version 2 waits pingInterval before its first ping and is given the sum of both to send it.
      const server = await Server.start(t, { pingInterval, pingTimeout: patience });
      const socket = await connect(t, client, way, server);
      socket.on("disconnect", (reason) => assert.fail(`disconnected: ${reason}`));
      await within(new Promise((resolve) => {
        let heard = 0;
        const count = () => ++heard === beats && resolve();
        if (client.version === 2) socket.on("pong", count);
        if (client.version === 3) socket.io.engine.on("pong", count); // its own
        if (client.version === 4) socket.io.on("ping", count);
      }), () => `${beats} beats of the heart`);
      await alive(socket);
      assert.deepEqual(server.all({ kind: "disconnect", id: socket.id }), []);
      socket.off("disconnect");
    });

    test(`${name}: silence on both sides`, async (t) => {
      const server = await Server.start(t, { pingInterval, pingTimeout: 10_000 }); // enough for a slow machine to connect
      const proxy = await Proxy.start(t, server);
      const socket = await connect(t, client, way, proxy);
      const { id } = socket;
      const left = next(socket, "disconnect");
      proxy.freeze();
      assert.equal(await server.reasonOf(id), "ping timeout", "the server's reason");
      assert.equal((await left)[0], "ping timeout", "the client's reason");
    });
  });
});
