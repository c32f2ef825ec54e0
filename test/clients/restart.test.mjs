// A server that shuts down, and another that takes its port.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Server, alive, ask, connect, everyClient, next, polling } from "./harness.mjs";

describe("restart", { concurrency: true }, () => {
  everyClient((client, way, name) => {
    test(name, async (t) => {
      const old = await Server.start(t);
      const socket = await connect(t, client, way, old, { reconnection: true });
      const { id } = socket;
      await ask(socket, "join", ["room"]);
      const left = next(socket, "disconnect", "the client to notice that the server has gone");
      if (way === polling) await old.polling(socket); // between two polls it would find nobody
      await old.stop();
      assert.equal((await left)[0], "transport close");
      assert.equal(await old.reasonOf(id), "server shutting down");

      socket.emit("echo", "sent while there was no server");
      const echo = next(socket, "echo", "what was sent while there was no server");
      const back = next(socket, "connect", "the client to find the new server");
      const server = await Server.start(t, { port: old.port });
      await back;
      assert.deepEqual(await echo, ["sent while there was no server"]);
      assert.notEqual(socket.id, id);
      const [me] = await ask(socket, "who am I");
      assert.deepEqual(me.rooms, [socket.id]);
      await server.noticed({ kind: "connect", id: socket.id });
      await alive(socket);
    });
  });
});
