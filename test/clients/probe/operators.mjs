// Prints whom each chain of operators of Node's socket.io means, as JSON: all chains of up to three steps, begun at a socket
// and at its namespace. Six actions are tried on each, and have to agree. socketio/testdata/operators.json is what it
// printed; the Go package is held to it.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Server } = require("socket.io");
const { io: connect } = require("sio4");

const rooms = { a: ["r1"], b: ["r1", "r2"], c: ["r2"], d: ["r3"], e: [] };
const names = Object.keys(rooms);

/** What a chain is made of: how it is written, and how Node does it. */
const steps = {
  "to(r1)": (o) => o.to("r1"),
  "in(r2)": (o) => o.in("r2"),
  "to(r1,r3)": (o) => o.to(["r1", "r3"]),
  "except(r2)": (o) => o.except("r2"),
  local: (o) => o.local,
  volatile: (o) => o.volatile,
  broadcast: (o) => o.broadcast,
  "compress(false)": (o) => o.compress(false),
  "timeout(9s)": (o) => o.timeout(9000),
};

const http = createServer();
const server = new Server(http);
const sockets = {}; // by name, on the server
server.on("connection", (socket) => {
  const { name } = socket.handshake.auth;
  sockets[name] = socket;
  socket.join(rooms[name]);
});
await once(http.listen(0, "127.0.0.1"), "listening");

const got = []; // names, as their events come
const clients = {};
for (const name of names) {
  const client = connect(`http://127.0.0.1:${http.address().port}`, { forceNew: true, transports: ["websocket"], auth: { name } });
  client.on("probe", (reply) => (reply ? reply(name) : got.push(name)));
  client.on("ping", (reply) => reply());
  await once(client, "connect");
  clients[name] = client;
}

/** Returns when all that was sent to the clients has come, and been answered. */
const settle = () => Promise.all(names.map((name) => sockets[name].emitWithAck("ping")));
const members = (room) => names.filter((name) => sockets[name].rooms.has(room));

const actions = {
  async emit(o) {
    got.length = 0;
    o.emit("probe");
    await settle();
    return [...got];
  },
  async ack(o) {
    return [await o.timeout(9000).emitWithAck("probe")].flat();
  },
  async fetch(o) {
    return o.fetchSockets ? (await o.fetchSockets()).map((socket) => socket.handshake.auth.name) : [nameOf(o)];
  },
  async join(o) {
    (o.socketsJoin ?? o.join).call(o, "mark");
    const marked = members("mark");
    server.socketsLeave("mark");
    return marked;
  },
  async leave(o) {
    server.socketsJoin("mark");
    (o.socketsLeave ?? o.leave).call(o, "mark");
    const left = names.filter((name) => !sockets[name].rooms.has("mark"));
    server.socketsLeave("mark");
    return left;
  },
  async disconnect(o) {
    (o.disconnectSockets ?? o.disconnect).call(o);
    const gone = names.filter((name) => !sockets[name].connected);
    await Promise.all(
      gone.map(async (name) => {
        if (clients[name].connected) await once(clients[name], "disconnect");
        clients[name].connect();
        await once(clients[name], "connect");
      }),
    );
    return gone;
  },
};

const nameOf = (socket) => names.find((name) => sockets[name] === socket);

/** All chains of up to `length` steps. */
function* chains(length, chain = []) {
  yield chain;
  if (length === 0) return;
  for (const step of Object.keys(steps)) yield* chains(length - 1, [...chain, step]);
}

const starts = { socket: () => sockets.a, namespace: () => server.of("/") };
const build = (start, chain) => chain.reduce((o, step) => o && steps[step](o), starts[start]());

const table = {};
for (const start of Object.keys(starts)) {
  for (const chain of chains(3)) {
    sockets.a.flags = {};
    if (build(start, chain) === undefined) continue; // Node has no such step there
    const results = {};
    for (const [action, run] of Object.entries(actions)) {
      sockets.a.flags = {}; // what the step before has left there
      results[action] = (await run(build(start, chain))).sort().join("");
    }
    const text = [start, ...chain].join(".");
    assert.equal(new Set(Object.values(results)).size, 1, `${text}: ${JSON.stringify(results)}`);
    table[text] = results.emit;
  }
}
console.log(JSON.stringify(table, null, 1));

for (const client of Object.values(clients)) client.disconnect();
await server.close();
