// Connection state recovery: a client that lost its connection goes on as if nothing had happened.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Proxy } from "./proxy.mjs";
import { Inbox, Server, alive, ask, bytes, clients, connect, connected, everyClient, newest, next, websocket } from "./harness.mjs";

const recovery = { maxDisconnection: 60_000 };

/** A connected client behind a proxy that can fail it. */
async function reconnecting(t, way, settings, options = {}) {
  const server = await Server.start(t, { recovery, ...settings });
  const proxy = await Proxy.start(t, server);
  const socket = await connect(t, newest, way, proxy, { reconnection: true, ...options });
  return { server, proxy, socket };
}

/**
 * Loses the connection, has `meanwhile` happen, and lets the client come back by itself. With `unnoticed` the server
 * believes that the old connection lives.
 */
async function interrupt({ server, proxy, socket }, meanwhile, { unnoticed = false, namespace = "/" } = {}) {
  await alive(socket); // so the upgrade is over for the server too
  if (socket.io.engine.transport.name === "polling") await server.polling(socket);
  const { id } = socket;
  const left = next(socket, "disconnect", "the client to lose its connection");
  proxy.open = false;
  if (unnoticed) proxy.sever();
  else proxy.cut();
  await left;
  if (!unnoticed) await server.reasonOf(id, namespace);
  await meanwhile?.(id);
  const back = next(socket, "connect", "the client to come back");
  proxy.open = true;
  await back;
}

describe("connection state recovery", { concurrency: true }, () => {
  everyClient((client, way, name) => {
    for (const auth of [undefined, { token: "some" }]) {
      test(`${name}, ${auth ? "signed in" : "anonymous"}`, async (t) => {
        const { server, proxy, socket } = await reconnecting(t, way, {}, { auth });
        const inbox = new Inbox(socket, "news");
        await ask(socket, "join", ["room", "ünï 🐟"]);
        await ask(socket, "remember", { name: "Ada", list: [1, "🐟"] });
        await server.emit("news", [0]);
        await server.emit("news", [1], { rooms: ["room"] });
        await inbox.has(2);
        assert.deepEqual(inbox.received.map(([, offset]) => typeof offset), ["string", "string"], "the offsets");

        await interrupt({ server, proxy, socket }, async (id) => {
          await server.emit("news", [2]);
          await server.emit("news", ["volatile"], { volatile: true });
          await server.emit("news", [3], { rooms: ["ünï 🐟", "room"] });
          await server.emit("news", ["not for it"], { rooms: ["elsewhere"] });
          await server.emit("news", ["not for its room"], { except: ["room"] });
          await server.emit("news", [4], { rooms: [id] });
        });
        assert.equal(socket.recovered, true);
        await server.emit("news", [5], { rooms: ["room"] });
        await inbox.has(6);
        assert.deepEqual(inbox.firsts, [0, 1, 2, 3, 4, 5]);
        const [me] = await ask(socket, "who am I");
        assert.equal(me.recovered, true);
        assert.deepEqual(me.data, { name: "Ada", list: [1, "🐟"] });
        assert.deepEqual(me.rooms.sort(), [socket.id, "room", "ünï 🐟"].sort());
        await server.noticed({ kind: "connect", id: socket.id, recovered: true });

        // And once more: what was recovered is not delivered again.
        await interrupt({ server, proxy, socket }, () => server.emit("news", [6]));
        assert.equal(socket.recovered, true);
        await inbox.has(7);
        assert.deepEqual(inbox.firsts, [0, 1, 2, 3, 4, 5, 6]);
      });
    }

    test(`${name}: without any event before`, async (t) => {
      const it = await reconnecting(t, way);
      const inbox = new Inbox(it.socket, "news");
      const { id } = it.socket;
      await interrupt(it, () => it.server.emit("news", ["missed"]));
      assert.equal(it.socket.recovered, true);
      assert.equal(it.socket.id, id);
      await inbox.has(1);
      assert.deepEqual(inbox.firsts, ["missed"]);
    });

    test(`${name}: without any event at all`, async (t) => {
      const it = await reconnecting(t, way);
      const { id } = it.socket;
      await interrupt(it);
      assert.equal(it.socket.recovered, true);
      assert.equal(it.socket.id, id);
    });

    test(`${name}: binary from another client`, async (t) => {
      const it = await reconnecting(t, way);
      const inbox = new Inbox(it.socket, "passed on");
      const other = await connect(t, client, way, it.server);
      await ask(other, "pass on", {}, Buffer.from("before"));
      await inbox.has(1);
      await interrupt(it, () => ask(other, "pass on", {}, { deep: Buffer.from("missed"), text: "🐟" }, Buffer.of()));
      assert.equal(it.socket.recovered, true);
      await inbox.has(2);
      const [{ deep, text }, empty, offset, ...more] = inbox.received[1];
      assert.equal(bytes(deep).toString(), "missed");
      assert.equal(text, "🐟");
      assert.equal(bytes(empty).length, 0);
      assert.equal(typeof offset, "string");
      assert.deepEqual(more, []);
    });

    test(`${name}: before the server notices`, async (t) => {
      const it = await reconnecting(t, way);
      const inbox = new Inbox(it.socket, "news");
      await it.server.emit("news", [0]);
      await inbox.has(1);
      const { id } = it.socket;
      const numbers = [1, 2, 3];
      await interrupt(it, async () => {
        for (const n of numbers) await it.server.emit("news", [n]);
      }, { unnoticed: true });
      assert.equal(it.socket.recovered, true);
      assert.equal(it.socket.id, id);
      assert.equal(await it.server.reasonOf(id), "transport close");
      await it.server.emit("news", [4]);
      await inbox.has(5);
      assert.deepEqual(inbox.firsts, [0, 1, 2, 3, 4]);
    });

    test(`${name}: middlewares are asked again`, async (t) => {
      const namespace = "/members";
      const it = await reconnecting(t, way, {}, { namespace, auth: { token: name } });
      const { server, socket } = it;
      const { id } = socket;
      await interrupt(it, undefined, { namespace });
      assert.equal(socket.recovered, true);
      await server.noticed({ kind: "connect", recovered: true });
      assert.deepEqual(server.all({ kind: "middleware" }).map(({ recovered }) => recovered), [false, true]);

      await t.test("and may have it start afresh", async () => {
        const inbox = new Inbox(socket, "news");
        await ask(socket, "remember", "old data");
        socket.auth = { ...socket.auth, fresh: true };
        await interrupt(it, () => server.emit("news", ["missed"], { namespace }), { namespace });
        assert.equal(socket.recovered, false);
        assert.notEqual(socket.id, id);
        const [me] = await ask(socket, "who am I");
        assert.equal(me.data, null);
        assert.deepEqual(me.rooms, [socket.id]);
        assert.deepEqual(inbox.received, []);
        socket.auth = { token: name };
      });

      await t.test("and may refuse", async () => {
        await alive(socket);
        const refused = next(socket, "connect_error", "the revoked client to be refused");
        await server.act("revoke", { token: name });
        await server.act("drop", { namespace, socket: socket.id });
        const [error] = await refused;
        assert.equal(error.message, "token revoked");
        assert.equal(socket.connected, false);
      });
    });
  }, { among: [newest] });

  test("too many packets were missed", async (t) => {
    const it = await reconnecting(t, websocket, { recovery: { ...recovery, maxPackets: 3 } });
    const inbox = new Inbox(it.socket, "news");
    await it.server.emit("news", [0]);
    await inbox.has(1);
    const { id } = it.socket;
    await interrupt(it, async () => {
      for (const n of [1, 2, 3, 4, 5]) await it.server.emit("news", [n]);
    });
    assert.equal(it.socket.recovered, false);
    assert.notEqual(it.socket.id, id);
    await it.server.emit("news", [6]);
    await inbox.has(2);
    assert.deepEqual(inbox.firsts, [0, 6]);
  });

  test("a server that has it off", async (t) => {
    const it = await reconnecting(t, websocket, { recovery: undefined });
    const { id } = it.socket;
    await interrupt(it, () => it.server.emit("news", ["missed"]));
    assert.ok(!it.socket.recovered);
    assert.notEqual(it.socket.id, id);
  });

  test("not for those who left or were sent away", async (t) => {
    const server = await Server.start(t, { recovery });
    for (const leave of [(socket) => socket.disconnect(), (socket) => socket.emit("send me away"), (socket) => socket.emit("hang up")]) {
      const socket = await connect(t, newest, websocket, server);
      const { id } = socket;
      await ask(socket, "join", ["room"]);
      const left = next(socket, "disconnect");
      leave(socket);
      await left;
      await server.reasonOf(id);
      socket.connect();
      await connected(socket);
      assert.equal(socket.recovered, false);
      assert.notEqual(socket.id, id);
      assert.deepEqual((await ask(socket, "who am I"))[0].rooms, [socket.id]);
    }
  });

  test("an id that is not the client's", async (t) => {
    const server = await Server.start(t, { recovery });
    const other = await Server.start(t, { recovery });
    const issued = async (at, namespace) => {
      const socket = await connect(t, newest, websocket, at, { namespace });
      const { id, _pid: pid } = socket; // as the client keeps it
      assert.equal(typeof pid, "string");
      const left = next(socket, "disconnect");
      socket.emit("drop"); // so that its session is kept
      await left;
      await at.reasonOf(id, namespace);
      return { id, pid };
    };
    const own = await issued(server, "/");
    const wrong = {
      "of another server": (await issued(other, "/")).pid,
      "of another namespace": (await issued(server, "/static")).pid,
      "made up": "x".repeat(own.pid.length),
      "the public one": own.id,
      "changed": own.pid.slice(0, -1) + (own.pid.endsWith("A") ? "B" : "A"),
      "empty": "",
      "long": "y".repeat(10_000),
      "a number": 42,
      "an object": { pid: own.pid },
    };
    for (const [what, pid] of Object.entries(wrong)) {
      const socket = await connect(t, newest, websocket, server, { auth: { pid, offset: "1" } });
      const [me] = await ask(socket, "who am I");
      assert.equal(me.recovered, false, what);
      assert.notEqual(socket.id, own.id, what);
      await alive(socket);
    }
    for (const offset of ["never handed out", "ZZZZZZZZZZZZZZZZZZZZZZ", 7, null]) {
      const { id, pid } = await issued(server, "/");
      const socket = await connect(t, newest, websocket, server, { auth: { pid, offset } });
      const [me] = await ask(socket, "who am I");
      assert.equal(me.recovered, offset === null, `offset ${offset}`); // null is none
      assert.equal(socket.id === id, offset === null, `offset ${offset}`);
    }
    // The right one works so, and once: who comes second with it takes over.
    const first = await connect(t, newest, websocket, server, { auth: { pid: own.pid } });
    assert.equal(first.id, own.id);
    const replaced = next(first, "disconnect");
    const second = await connect(t, newest, websocket, server, { auth: { pid: own.pid } });
    assert.equal(second.id, own.id);
    assert.deepEqual((await replaced)[0], "transport close");
    await alive(second);
  });

  everyClient((client, way, name) => {
    test(`${name} does not take part`, async (t) => {
      const server = await Server.start(t, { recovery });
      const socket = await connect(t, client, way, server, { reconnection: true });
      const inbox = new Inbox(socket, "news");
      await server.emit("news", [1]);
      await server.emit("news");
      await inbox.has(2);
      if (client.version === 2) {
        assert.deepEqual(inbox.received, [[1], []]);
      } else {
        // On the wire it is the same as version 4 until it loses its connection.
        assert.deepEqual(inbox.received.map((args) => args.slice(0, -1)), [[1], []]);
        assert.deepEqual(inbox.received.map((args) => typeof args.at(-1)), ["string", "string"]);
      }
      const { id } = socket;
      const back = next(socket, "disconnect").then(() => next(socket, "connect"));
      socket.emit("drop");
      await back;
      assert.notEqual(socket.id, id);
      const [me] = await ask(socket, "who am I");
      assert.equal(me.recovered, false);
    });
  }, { among: clients.filter(({ version }) => version < 4) });
});
