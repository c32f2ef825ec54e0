// Namespaces, who gets in, and what they are told who do not.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Server, alive, ask, clients, connect, connected, everyClient, next, open } from "./harness.mjs";

describe("namespaces", { concurrency: true }, () => {
  everyClient((client, way, name) => {
    test(name, async (t) => {
      const server = await Server.start(t);
      await t.test("static", (t) => joins(t, client, way, server, "/static"));
      await t.test("by pattern", (t) => joins(t, client, way, server, "/dynamic-42"));
      await t.test("unknown", (t) => unknown(t, client, way, server));
      await t.test("several on one connection", (t) => several(t, client, way, server));
      await t.test("leaving one and coming back", (t) => leaves(t, client, way, server));
      await t.test("signs in", (t) => signsIn(t, client, way, server));
      await t.test("refused with data", (t) => refused(t, client, way, server));
      await t.test("refused without data", (t) => refusedCurtly(t, client, way, server));
      await t.test("refused by a fault", (t) => refusedByFault(t, client, way, server));
      await t.test("a refused client may try again", (t) => triesAgain(t, client, way, server));
      await t.test("query of the connection", (t) => query(t, client, way, server));
    });
  });
});

test("version 2 sends a query with the namespace", async (t) => {
  const server = await Server.start(t);
  const [, , client] = clients;
  for (const transports of [["polling"], ["websocket"]]) {
    const way = { options: { transports }, settles: transports[0] };
    const socket = await connect(t, client, way, server, { namespace: "/guarded?token=good&word=gr%C3%BC%C3%9Fe%20%F0%9F%90%9F" });
    const [me] = await ask(socket, "who am I");
    assert.equal(me.namespace, "/guarded");
    assert.deepEqual(me.auth, { token: "good", word: "grüße 🐟" });
    assert.equal(me.id, socket.id);
  }
});

/** The newer clients' error is an Error, that of version 2 the data or the message itself. */
async function refusal(socket, client) {
  const [error] = await next(socket, client.version === 2 ? "error" : "connect_error", "the client to be refused");
  assert.equal(socket.connected, false);
  return client.version === 2 ? error : { message: error.message, data: error.data };
}

async function joins(t, client, way, server, namespace) {
  const socket = await connect(t, client, way, server, { namespace });
  const [me] = await ask(socket, "who am I");
  assert.equal(me.namespace, namespace);
  assert.equal(me.id, socket.id);
  assert.equal(socket.nsp, namespace);
  const [data, { fish }] = await ask(socket, "ack", Buffer.from("in a namespace"), { fish: "🐟" });
  assert.equal(Buffer.from(data).toString(), "in a namespace");
  assert.equal(fish, "🐟");
}

async function unknown(t, client, way, server) {
  for (const namespace of ["/nowhere", "/dynamic-42x", "/dynamic-", "/x/dynamic-42"]) {
    const socket = open(t, client, way, server, { namespace });
    const error = await refusal(socket, client);
    assert.equal(client.version === 2 ? error : error.message, "Invalid namespace");
  }
}

async function several(t, client, way, server) {
  const root = await connect(t, client, way, server);
  const others = ["/static", "/dynamic-1", "/dynamic-2"].map((namespace) => root.io.socket(namespace));
  for (const socket of others) {
    await connected(socket);
  }
  const ids = await Promise.all([root, ...others].map(async (socket) => (await ask(socket, "who am I"))[0].id));
  assert.equal(new Set(ids).size, 4, `ids are not distinct: ${ids}`);
  await refusal(root.io.socket("/nowhere"), client);
  await Promise.all([root, ...others].map(alive));
  // Each event stays in its own namespace.
  others.slice(0, 2).forEach((socket) => socket.on("hello", () => assert.fail("heard in another namespace")));
  const heard = Promise.all([next(root, "hello"), next(others[2], "hello")]);
  await server.emit("hello", [2], { namespace: "/dynamic-2" });
  await server.emit("hello", [0], { namespace: "/" });
  assert.deepEqual(await heard, [[0], [2]]);
  await Promise.all(others.map(alive));
}

async function leaves(t, client, way, server) {
  const root = await connect(t, client, way, server);
  const other = root.io.socket("/static");
  await connected(other);
  const { id } = other;
  const left = next(other, "disconnect");
  other.disconnect();
  assert.equal((await left)[0], "io client disconnect");
  assert.equal(await server.reasonOf(id, "/static"), "client namespace disconnect");
  await alive(root);
  other.connect();
  await connected(other);
  await alive(other);
}

async function signsIn(t, client, way, server) {
  const extra = { number: 1.5, list: ["🐟"] };
  const options = client.auth ? { auth: { token: "good", ...extra } } : { query: { token: "good" } };
  const socket = await connect(t, client, way, server, { namespace: "/guarded", ...options });
  const [me] = await ask(socket, "who am I");
  assert.deepEqual(me.auth, { token: "good", ...(client.auth && extra) });
  assert.deepEqual(me.data, { token: "good" });
  if (client.auth) {
    // A function, as is usual for tokens that are renewed.
    const lazy = await connect(t, client, way, server, { namespace: "/guarded", auth: (give) => setImmediate(give, { token: "good" }) });
    await alive(lazy);
  }
}

async function refused(t, client, way, server) {
  const options = client.auth ? { auth: { token: "bad" } } : { query: { token: "bad" } };
  const error = await refusal(open(t, client, way, server, { namespace: "/guarded", ...options }), client);
  const data = { code: "E_TOKEN", retryAfter: 30, "grüße": "🐟" };
  assert.deepEqual(error, client.version === 2 ? data : { message: "not authorized", data });
}

async function refusedCurtly(t, client, way, server) {
  const error = await refusal(open(t, client, way, server, { namespace: "/curt" }), client);
  assert.deepEqual(error, client.version === 2 ? "no reason given" : { message: "no reason given", data: undefined });
}

/** The text of an error is for the client; a panic's stays on the server. */
async function refusedByFault(t, client, way, server) {
  for (const [namespace, text] of [["/broken", "closed for today"], ["/panicking", "Internal server error"]]) {
    const error = await refusal(open(t, client, way, server, { namespace }), client);
    assert.equal(client.version === 2 ? error : error.message, text);
    assert.doesNotMatch(JSON.stringify(error), /swordfish/);
  }
}

async function triesAgain(t, client, way, server) {
  if (!client.auth) return; // its query cannot be changed
  const socket = open(t, client, way, server, { namespace: "/guarded", auth: { token: "bad" } });
  await refusal(socket, client);
  socket.auth = { token: "good" };
  socket.connect();
  await connected(socket);
  await alive(socket);
}

async function query(t, client, way, server) {
  const socket = await connect(t, client, way, server, { query: { word: "grüße & 🐟", n: 1 } });
  const [me] = await ask(socket, "who am I");
  assert.deepEqual(me.query.word, ["grüße & 🐟"]);
  assert.deepEqual(me.query.n, ["1"]);
  assert.deepEqual(me.query.EIO, [client.version === 2 ? "3" : "4"]);
}
