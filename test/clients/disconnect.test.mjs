// How connections end, in the words of both sides, and who comes back.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Proxy } from "./proxy.mjs";
import { Server, alive, connect, connected, everyClient, next, polling } from "./harness.mjs";

describe("disconnecting", { concurrency: true }, () => {
  everyClient((client, way, name) => {
    /** Ends a connection by `act` and checks the reasons that each side gives. */
    async function ends(t, server, at, act, { client: clients, server: servers }) {
      const socket = await connect(t, client, way, at);
      const { id } = socket;
      const left = next(socket, "disconnect", "the client to be disconnected");
      await act(socket, server);
      const [reason] = await left;
      assert.ok([clients].flat().includes(reason), `the client's reason is ${reason}, not ${clients}`);
      assert.equal(await server.reasonOf(id), servers, "the server's reason");
    }

    test(`${name}: deliberately`, async (t) => {
      const server = await Server.start(t);
      await t.test("by the client", (t) =>
        ends(t, server, server, (socket) => socket.disconnect(), { client: "io client disconnect", server: "client namespace disconnect" }));
      await t.test("by the client's engine", (t) =>
        ends(t, server, server, (socket) => socket.io.engine.close(), { client: "forced close", server: "transport close" }));
      for (const [what, event] of [["from the namespace", "send me away"], ["from all namespaces", "hang up"]]) {
        await t.test(`by the server, ${what}`, (t) =>
          ends(t, server, server, (socket) => socket.emit(event), { client: "io server disconnect", server: "server namespace disconnect" }));
      }
      await t.test("by the server, as if the network had failed", (t) =>
        ends(t, server, server, (socket) => socket.emit("drop"), { client: "transport close", server: "forced close" }));
      await t.test("by the server, everybody", (t) =>
        ends(t, server, server, () => server.act("disconnect", { close: true }), { client: "io server disconnect", server: "server namespace disconnect" }));
      await t.test("after nonsense", (t) =>
        ends(t, server, server, (socket) => socket.io.engine.send("9 is no packet"), { client: "transport close", server: "parse error" }));
      await t.test("after too many attachments", (t) =>
        ends(t, server, server, (socket) => socket.emit("echo", Array.from({ length: 11 }, () => Buffer.of(1))), {
          // The attachments travel in a second request, which may fail before the first one's end is heard of.
          client: way === polling ? ["transport close", "transport error"] : "transport close",
          server: "parse error",
        }));
    });

    test(`${name}: by the network`, async (t) => {
      const server = await Server.start(t);
      const proxy = await Proxy.start(t, server);
      // Where a request is under way it fails, unless it can be repeated; a WebSocket ends.
      const reason = way === polling ? "transport error" : "transport close";
      await ends(t, server, proxy, async (socket) => {
        await alive(socket); // so the upgrade is over for the server too
        if (way === polling) await server.polling(socket);
        proxy.open = false;
        proxy.cut();
      }, { client: reason, server: reason });
    });

    test(`${name}: by the server's end`, async (t) => {
      const server = await Server.start(t);
      await ends(t, server, server, async (socket) => {
        if (way === polling) await server.polling(socket); // between two polls it would find nobody
        await server.stop();
      }, { client: "transport close", server: "server shutting down" });
    });

    test(`${name}: coming back`, async (t) => {
      const server = await Server.start(t);
      await t.test("after a failure", (t) => comesBack(t, server));
      await t.test("not when sent away", (t) => staysAway(t, server));
    });

    async function comesBack(t, server) {
      const socket = await connect(t, client, way, server, { reconnection: true });
      const { id } = socket;
      const left = next(socket, "disconnect");
      const back = left.then(() => next(socket, "connect", "the client to come back"));
      socket.emit("drop");
      assert.equal((await left)[0], "transport close");
      await back;
      assert.notEqual(socket.id, id);
      await alive(socket);
    }

    async function staysAway(t, server) {
      const other = await connect(t, client, way, server);
      for (const event of ["send me away", "hang up"]) {
        const socket = await connect(t, client, way, server, { reconnection: true });
        const { id } = socket;
        const left = next(socket, "disconnect");
        socket.emit(event);
        await left;
        await server.reasonOf(id);
        assert.equal(socket.io._reconnecting ?? socket.io.reconnecting ?? false, false, `it is about to come back after ${event}`);
        // It can be told to.
        socket.connect();
        await connected(socket);
        assert.notEqual(socket.id, id);
        await alive(socket);
      }
      await alive(other);
    }
  });
});
