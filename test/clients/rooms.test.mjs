// Rooms, broadcasts, and what they reach.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Inbox, Server, ask, bytes, clients, connect, everyClient, next, patience, polling, ways } from "./harness.mjs";

describe("rooms and broadcasts", { concurrency: true }, () => {
  everyClient((client, way, name) => {
    test(name, async (t) => {
      const server = await Server.start(t);
      await t.test("rooms", (t) => rooms(t, client, way, server));
      await t.test("to, except, volatile", (t) => passes(t, client, way, server));
      await t.test("from the server", (t) => broadcasts(t, client, way, server));
      await t.test("acknowledged broadcasts", (t) => acknowledged(t, client, way, server));
      await t.test("volatile is dropped, not queued", (t) => volatile(t, client, way, server));
    });
  });

  test("between clients of all versions and transports", mixed);
  test("catch-all listeners", catchAll);
});

/** Nothing else may come: what would have come before `last` is here once that is. */
async function exactly(inboxes, expected, last) {
  await last();
  assert.deepEqual(inboxes.map(({ firsts }) => firsts), expected);
}

/** What was sent to each before is there once each has got this. */
const fence = (server, sockets) => async () => {
  const passed = sockets.map((socket) => next(socket, "fence"));
  await server.emit("fence");
  await Promise.all(passed);
};

async function rooms(t, client, way, server) {
  const socket = await connect(t, client, way, server);
  const sorted = async (event, names) => (await ask(socket, event, names))[0].sort();
  assert.deepEqual(await sorted("join", ["red", "green 🐟", "red", ""]), [socket.id, "", "green 🐟", "red"].sort());
  assert.deepEqual(await sorted("leave", ["red", "never joined"]), [socket.id, "", "green 🐟"].sort());
  const [described] = await server.act("sockets", { rooms: ["green 🐟"] });
  assert.equal(described.ID, socket.id);
  socket.disconnect();
  await server.reasonOf(socket.id ?? described.ID);
  assert.deepEqual(await server.act("sockets", { rooms: ["green 🐟"] }), []);
}

async function trio(t, client, way, server) {
  const sockets = [];
  for (const names of [["red"], ["red", "green"], ["green"]]) {
    const socket = await connect(t, client, way, server);
    await ask(socket, "join", names);
    sockets.push(socket);
  }
  return sockets;
}

async function passes(t, client, way, server) {
  const sockets = await trio(t, client, way, server);
  const [red, both, green] = sockets;
  const inboxes = sockets.map((socket) => new Inbox(socket, "passed on"));
  await ask(red, "pass on", {}, "to the others");
  await ask(red, "pass on", { rooms: ["red"] }, "to red");
  await ask(both, "pass on", { rooms: ["red", "green"] }, "to red or green");
  await ask(both, "pass on", { rooms: ["red", "green"], except: ["green"] }, "to red, not green");
  await ask(green, "pass on", { rooms: [red.id] }, "to one");
  await ask(green, "pass on", { except: [red.id] }, "to all but one");
  await ask(green, "pass on", { rooms: ["nobody's"] }, "to nobody");
  await exactly(inboxes, [
    ["to red or green", "to red, not green", "to one"],
    ["to the others", "to red", "to all but one"],
    ["to the others", "to red or green"],
  ], fence(server, sockets));
}

async function broadcasts(t, client, way, server) {
  const sockets = await trio(t, client, way, server);
  const inboxes = sockets.map((socket) => new Inbox(socket, "news"));
  await server.emit("news", ["all"]);
  await server.emit("news", ["red"], { rooms: ["red"] });
  await server.emit("news", ["once"], { rooms: ["red", "green"] });
  await server.emit("news", ["only red"], { rooms: ["red"], except: ["green"] });
  await server.emit("news", ["one"], { socket: sockets[2].id });
  await exactly(inboxes, [
    ["all", "red", "once", "only red"],
    ["all", "red", "once"],
    ["all", "once", "one"],
  ], fence(server, sockets));
}

async function acknowledged(t, client, way, server) {
  const sockets = await trio(t, client, way, server);
  sockets.forEach((socket, i) => socket.on("poll", (question, answer) => answer(`${question} ${i}`)));
  const question = { event: "poll", rooms: ["red", "green"], timeout: patience };
  const [error, missing, ...replies] = await ask(sockets[0], "ask all", question, "it is");
  assert.equal(error, null);
  assert.equal(missing, 0);
  assert.deepEqual(replies.sort(), ["it is 0", "it is 1", "it is 2"]);

  // One keeps silent, another answers in binary.
  sockets[1].off("poll");
  sockets[2].off("poll").on("poll", (_, answer) => answer(Buffer.from("bin")));
  const [late, silent, ...some] = await ask(sockets[0], "ask all", { ...question, timeout: 10_000 }, "it is");
  assert.match(late, /1 acknowledgements missing: context deadline exceeded/);
  assert.equal(silent, 1);
  assert.equal(some.length, 2);
  assert.ok(some.includes("it is 0"));
  assert.equal(bytes(some.find((reply) => typeof reply !== "string")).toString(), "bin");

  // One leaves instead of answering.
  sockets[1].on("poll", () => sockets[1].disconnect());
  const [, gone] = await ask(sockets[0], "ask all", question, "it is");
  assert.equal(gone, 1);
  assert.deepEqual(await ask(sockets[0], "ask all", { ...question, rooms: ["nobody's"] }), [null, 0]);
}

/** A poll takes one event; until the client polls again there is nowhere to put the others. */
async function volatile(t, client, way, server) {
  const socket = await connect(t, client, way, server);
  const inbox = new Inbox(socket, "drop");
  const poured = next(socket, "poured");
  socket.emit("pour", { count: 200, size: 10, volatile: true });
  await poured;
  const numbers = inbox.firsts;
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b), "out of order");
  if (way === polling) {
    assert.ok(numbers.length < 200, "a session between two polls took all volatile events");
  } else {
    assert.equal(numbers.length, 200);
  }
}

async function mixed(t) {
  const server = await Server.start(t);
  const sockets = [];
  for (const client of clients) {
    for (const way of ways) sockets.push(await connect(t, client, way, server));
  }
  const inboxes = sockets.map((socket) => new Inbox(socket, "passed on"));
  const data = Buffer.from([1, 2, 3]);
  for (const [i, socket] of sockets.entries()) {
    await ask(socket, "pass on", {}, i, { text: "grüße 🐟", data });
  }
  await fence(server, sockets)();
  for (const [i, { received }] of inboxes.entries()) {
    assert.deepEqual(received.map(([from]) => from), sockets.map((_, from) => from).filter((from) => from !== i));
    for (const [, passed] of received) {
      assert.equal(passed.text, "grüße 🐟");
      assert.deepEqual(bytes(passed.data), data);
    }
  }
}

/** Only the newer clients have them. */
async function catchAll(t) {
  const server = await Server.start(t);
  for (const client of clients.slice(0, 2)) {
    const socket = await connect(t, client, ways[1], server);
    const heard = [];
    socket.onAny((...args) => heard.push(args));
    socket.emit("whatever", 1, 2, 3);
    const { arguments: count } = await server.noticed({ kind: "event", id: socket.id, name: "whatever" });
    assert.equal(count, 3);
    await server.emit("one thing", ["x"]);
    await server.emit("another", [1, 2]);
    await fence(server, [socket])();
    assert.deepEqual(heard, [["one thing", "x"], ["another", 1, 2], ["fence"]]);
    socket.disconnect();
  }
}
