// Events and acknowledgements, text and binary, of every client over every transport.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Inbox, Server, alive, ask, bytes, connect, connected, everyClient, next, open, patience, settled, upgrade, websocket } from "./harness.mjs";

/** What a server may be set to that changes how messages travel. */
const settings = [
  { title: "plain", settings: {} },
  { title: "permessage-deflate", settings: { deflate: {} }, over: [websocket, upgrade], deflates: true },
  { title: "permessage-deflate with context takeover", settings: { deflate: { takeover: true } }, over: [websocket], deflates: true },
  { title: "parked goroutines", settings: { parked: true }, over: [websocket, upgrade] },
];

for (const { title, settings: chosen, over, deflates } of settings) {
  describe(title, { concurrency: true }, () => {
    everyClient((client, way, name) => {
      test(name, async (t) => {
        const server = await Server.start(t, chosen);
        const socket = await connect(t, client, way, server);
        await t.test("connects", () => connects(server, socket, client, way));
        if (deflates) await t.test("compresses", () => negotiated(socket));
        await t.test("text both ways", () => text(socket));
        await t.test("unicode", () => unicode(socket));
        await t.test("binary both ways", () => binary(socket));
        await t.test("acknowledges the client", () => acknowledges(socket));
        await t.test("asks the client", () => asks(socket));
        await t.test("decodes into Go types", () => types(socket));
        await t.test("reports errors of handlers", () => errors(socket));
        await t.test("keeps the order of many", () => order(socket));
        await t.test("keeps the order from the first moment", (t) => orderAtOnce(t, client, way, server));
      });
    }, { over });
  });
}

async function connects(server, socket, client, way) {
  const [me] = await ask(socket, "who am I");
  assert.equal(me.id, socket.id);
  assert.deepEqual(me.rooms, [socket.id]);
  assert.equal(me.transport, way.settles);
  assert.equal(me.protocol, client.version === 2 ? 3 : 4);
  assert.equal(me.recovered, false);
  await server.noticed({ kind: "connect", id: socket.id, namespace: "/" });
}

function negotiated(socket) {
  const { extensions } = socket.io.engine.transport.ws;
  assert.match(typeof extensions === "string" ? extensions : Object.keys(extensions).join(), /permessage-deflate/);
}

async function text(socket) {
  const values = [
    "plain", "", 0, -1.5, 1e21, true, false, null, [], {}, [1, [2, [3]]],
    { deep: { er: [{ est: "x" }] }, "": "empty key", "a.b": 1, __proto: 2 },
    'quotes " and \\ and \u0000 and \u001f and </script>', "-1,/[\"looks like a packet\"]", "42[\"so does this\"]",
  ];
  socket.emit("echo", ...values);
  assert.deepEqual(await next(socket, "echo"), values);
  socket.emit("echo");
  assert.deepEqual(await next(socket, "echo"), []);
  const long = "compress me ".repeat(5000);
  socket.emit("echo", long);
  assert.deepEqual(await next(socket, "echo"), [long]);
}

async function unicode(socket) {
  const words = ["Grüße", "日本語", "🐟🎣 sockeye", "👩‍👩‍👧‍👦", "\u2028\u2029", "\u{10FFFF}", "\u00e9 e\u0301", "\uFEFFmark", "\uFFFD"];
  for (const word of words) {
    socket.emit("echo", word, { [word]: word });
    assert.deepEqual(await next(socket, "echo"), [word, { [word]: word }]);
  }
}

async function binary(socket) {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  socket.emit("echo", all);
  assert.deepEqual(bytes((await next(socket, "echo"))[0]), all);

  socket.emit("echo", new Uint8Array([1, 2, 3]), "between", Uint8Array.of(9).buffer, Buffer.alloc(0));
  const [view, between, buffer, empty] = await next(socket, "echo");
  assert.deepEqual([...bytes(view)], [1, 2, 3]);
  assert.equal(between, "between");
  assert.deepEqual([...bytes(buffer)], [9]);
  assert.equal(bytes(empty).length, 0);

  // A view that shares its buffer: only its part may travel.
  socket.emit("echo", { list: [{ part: all.subarray(10, 12) }, "ä🐟"], also: Buffer.from("second"), n: 7 });
  const [nested] = await next(socket, "echo");
  assert.deepEqual([...bytes(nested.list[0].part)], [10, 11]);
  assert.equal(nested.list[1], "ä🐟");
  assert.equal(bytes(nested.also).toString(), "second");
  assert.equal(nested.n, 7);

  const ten = Array.from({ length: 10 }, (_, i) => Buffer.alloc(i * 100, i));
  socket.emit("echo", ten);
  assert.deepEqual((await next(socket, "echo"))[0].map(bytes), ten);
}

async function acknowledges(socket) {
  assert.deepEqual(await ask(socket, "ack"), []);
  assert.deepEqual(await ask(socket, "ack", 1, "🐟", { a: null }), [1, "🐟", { a: null }]);
  const [label, { data }] = await ask(socket, "ack", "with binary", { data: Buffer.from([0, 255]) });
  assert.equal(label, "with binary");
  assert.deepEqual([...bytes(data)], [0, 255]);
  assert.deepEqual(await ask(socket, "ack twice"), ["first"]);
  // Many at once: each gets its own.
  const numbers = Array.from({ length: 50 }, (_, i) => i);
  assert.deepEqual(await Promise.all(numbers.map(async (i) => (await ask(socket, "ack", i))[0])), numbers);
  if (typeof socket.timeout === "function") {
    const silence = new Promise((resolve) => socket.timeout(10).emit("silence", resolve));
    assert.match((await silence).message, /timed out/);
    assert.equal(await socket.timeout(patience).emitWithAck("ack", "in time"), "in time");
  }
}

async function asks(socket) {
  socket.once("question", (...args) => args.pop()(...args.reverse()));
  assert.deepEqual(await ask(socket, "ask me", { event: "question", timeout: patience }, 1, "two"), [null, "two", 1]);
  socket.once("question", (data, answer) => answer({ got: bytes(data).length, back: Buffer.from("ok") }));
  const [error, { got, back }] = await ask(socket, "ask me", { event: "question", timeout: patience }, Buffer.alloc(3));
  assert.equal(error, null);
  assert.equal(got, 3);
  assert.equal(bytes(back).toString(), "ok");
  assert.deepEqual(await ask(socket, "ask me", { event: "unheard", timeout: 10 }), ["context deadline exceeded"]);
}

async function types(socket) {
  const [parcel] = await ask(socket, "parcel", { label: "grüße", count: 41, bytes: Buffer.from([1]), unknown: true });
  assert.equal(parcel.label, "GRÜßE");
  assert.equal(parcel.count, 42);
  assert.deepEqual([...bytes(parcel.bytes)], [1, 255]);
  socket.emit("parcel", { label: 5 });
  const [event, reason] = await next(socket, "failed");
  assert.equal(event, "parcel");
  assert.match(reason, /argument 0.*label/);
}

async function errors(socket) {
  socket.emit("forbidden", 1);
  assert.deepEqual(await next(socket, "failed"), ["forbidden", "this event is forbidden"]);
  socket.emit("panic");
  const [event, reason] = await next(socket, "failed");
  assert.equal(event, "panic");
  assert.match(reason, /handler panicked: on demand/);
  await alive(socket);
}

async function order(socket) {
  const inbox = new Inbox(socket, "echo");
  for (let i = 0; i < 300; i++) {
    socket.emit("echo", i, i % 7 === 0 ? Buffer.from([i & 255]) : null);
  }
  await inbox.has(300);
  assert.deepEqual(inbox.firsts, inbox.firsts.map((_, i) => i));
  for (const [i, data] of inbox.received) {
    if (i % 7 === 0) assert.deepEqual([...bytes(data)], [i & 255]);
  }
}

/** Sends before the connection is there and while it is being upgraded. */
async function orderAtOnce(t, client, way, server) {
  const socket = open(t, client, way, server);
  const inbox = new Inbox(socket, "echo");
  let sent = 0;
  const send = () => socket.emit("echo", sent++);
  send();
  await connected(socket);
  const settling = settled(socket, way);
  for (let i = 0; i < 100; i++) {
    send();
    await new Promise(setImmediate);
  }
  await settling;
  send();
  await inbox.has(sent);
  assert.deepEqual(inbox.firsts, inbox.firsts.map((_, i) => i));
}
