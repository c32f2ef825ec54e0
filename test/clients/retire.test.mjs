// A server that has its clients go to others, one by one, before it ends: here to one that takes its port.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Server, alive, connect, everyClient, next } from "./harness.mjs";

describe("retire", { concurrency: true }, () => {
  everyClient((client, way, name) => {
    test(name, async (t) => {
      const old = await Server.start(t);
      const socket = await connect(t, client, way, old, { reconnection: true });
      const { id } = socket;
      const heard = [];
      const left = next(socket, "disconnect", "the end of the connection").then(([reason]) => heard.push(reason));
      socket.on("farewell", () => heard.push("farewell"));
      socket.emit("block", 1, (answer) => heard.push(answer));
      await old.noticed({ kind: "event", id, name: "block" });
      await old.act("retire", { socket: id });
      const refused = next(socket.io, "reconnect_error", "the old server to take nobody");
      await old.act("release", {});
      await left;
      assert.deepEqual(heard, [1, "farewell", "transport close"]); // it was answered first
      assert.equal(await old.reasonOf(id), "server shutting down");
      await refused;

      const back = next(socket, "connect", "the client to find the new server");
      await old.stop();
      const server = await Server.start(t, { port: old.port });
      await back;
      await server.noticed({ kind: "connect", id: socket.id });
      await alive(socket);
    });
  });
});
