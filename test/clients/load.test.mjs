// Many clients at once, and clients that take nothing.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { WebSocket } from "ws";
import { Inbox, Server, alive, ask, clients, connect, newest, next, patience, polling, ways, websocket, within } from "./harness.mjs";

describe("load", () => {
  test("200 clients talk in order", async (t) => {
    const server = await Server.start(t, { pingTimeout: patience }); // all clients share one process, which may be slow
    const kinds = clients.flatMap((client) => ways.map((way) => [client, way]));
    const sockets = [];
    while (sockets.length < 200) { // some at a time: each has to be through its handshake in time
      sockets.push(...(await Promise.all(Array.from({ length: 40 }, (_, i) => connect(t, ...kinds[i % kinds.length], server)))));
    }
    await Promise.all(sockets.map((socket, i) => ask(socket, "join", [`room ${Math.floor(i / 10)}`])));

    // Each sends 10 messages to the other nine of its room.
    const inboxes = sockets.map((socket) => new Inbox(socket, "passed on"));
    for (let n = 0; n < 10; n++) {
      sockets.forEach((socket, i) => socket.emit("pass on", { rooms: [`room ${Math.floor(i / 10)}`] }, i, n));
    }
    await Promise.all(inboxes.map((inbox) => inbox.has(90)));
    for (const [i, { received }] of inboxes.entries()) {
      const room = Math.floor(i / 10) * 10;
      for (let from = room; from < room + 10; from++) {
        const numbers = received.filter(([sender]) => sender === from).map(([, n]) => n);
        assert.deepEqual(numbers, from === i ? [] : [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], `what ${i} got of ${from}`);
      }
      assert.equal(received.length, 90);
    }
    // A broadcast reaches all, in one order.
    const news = sockets.map((socket) => new Inbox(socket, "news"));
    for (let n = 0; n < 5; n++) await server.emit("news", [n]);
    await Promise.all(news.map((inbox) => inbox.has(5)));
    news.forEach(({ firsts }) => assert.deepEqual(firsts, [0, 1, 2, 3, 4]));
  });

  test("a slow handler delays nobody else", async (t) => {
    const server = await Server.start(t);
    const [slow, quick] = await Promise.all([connect(t, newest, websocket, server), connect(t, newest, websocket, server)]);
    const blocked = ask(slow, "block", "done");
    await server.noticed({ kind: "event", id: slow.id, name: "block" });
    for (let i = 0; i < 20; i++) await alive(quick);
    await server.act("release", {});
    assert.deepEqual(await blocked, ["done"]);
  });
});

describe("bursts", () => {
  for (const way of [websocket, polling]) {
    for (const [count, size] of [[100_000, 100], [5_000, 1_000], [20, 900_000], [20, 1_000_000], [2, 8_000_000]]) {
      test(`${count} × ${size} bytes over ${way.name}`, async (t) => {
        const server = await Server.start(t);
        const socket = await connect(t, newest, way, server);
        let came = 0;
        socket.on("drop", (number, drop) => {
          if (number === came && drop.length === size) came++;
        });
        socket.once("disconnect", (reason) => assert.fail(`${reason} after ${came} of ${count}`));
        const poured = next(socket, "poured", `the end of the burst, after ${count}`);
        socket.emit("pour", { count, size });
        await poured;
        assert.equal(came, count);
        socket.off("disconnect");
      });
    }
  }
});

describe("slow consumers", { concurrency: true }, () => {
  for (const parked of [false, true]) {
    test(`over WebSocket, ${parked ? "parked" : "polled"}`, async (t) => {
      const server = await Server.start(t, { parked });
      const other = await connect(t, newest, websocket, server);
      const { ws, id } = await rawSocket(t, server);
      ws._socket.pause();
      ws.send(`42${JSON.stringify(["pour", { count: 100_000, size: 10_000 }])}`);
      assert.equal(await server.reasonOf(id), "slow consumer");
      await alive(other);
      // One that reads after all is told.
      const closed = new Promise((resolve) => ws.once("close", (code, reason) => resolve([code, String(reason)])));
      ws._socket.resume();
      assert.deepEqual(await within(closed, () => "the close frame"), [4008, "slow consumer"]);
    });
  }

  test("over WebSocket, without progress", async (t) => {
    const server = await Server.start(t, { writeStall: 300 });
    const { ws, id } = await rawSocket(t, server);
    ws._socket.pause();
    ws.send(`42${JSON.stringify(["pour", { count: 20, size: 1_000_000 }])}`);
    assert.equal(await server.reasonOf(id), "slow consumer");
  });

  test("over polling", async (t) => {
    const server = await Server.start(t);
    const other = await connect(t, newest, polling, server);
    const url = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    const session = `${url}&sid=${sid}`;
    await fetch(session, { method: "POST", body: "40" });
    const id = JSON.parse((await (await fetch(session)).text()).slice(2)).sid;
    await fetch(session, { method: "POST", body: `42${JSON.stringify(["pour", { count: 100_000, size: 10_000 }])}` });
    assert.equal(await server.reasonOf(id), "slow consumer");
    assert.equal((await fetch(session)).status, 400);
    await alive(other);
  });

  test("over polling, without a poll", async (t) => {
    const server = await Server.start(t, { writeStall: 300 });
    const url = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    const session = `${url}&sid=${sid}`;
    const poll = fetch(session); // is there before there is anything to say: a slow machine may not send it in time
    await server.act("polling", { session: sid });
    await fetch(session, { method: "POST", body: "40" });
    const id = JSON.parse((await (await poll).text()).slice(2)).sid;
    await fetch(session, { method: "POST", body: `42${JSON.stringify(["pour", { count: 1, size: 10 }])}` });
    assert.equal(await server.reasonOf(id), "slow consumer");
  });
});

/** A connection whose reading the test controls, joined to "/". */
async function rawSocket(t, server) {
  const ws = new WebSocket(`${server.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`, { handshakeTimeout: patience });
  t.after(() => ws.terminate());
  ws.on("error", () => {}); // close follows
  const id = new Promise((resolve) => {
    ws.on("message", (data) => {
      const text = String(data);
      if (text[0] === "0") ws.send("40");
      if (text.startsWith("40")) resolve(JSON.parse(text.slice(2)).sid);
    });
  });
  return { ws, id: await within(id, () => "the raw client to connect") };
}
