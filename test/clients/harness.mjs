// What all tests share: the clients, servers to drive them against, and ways to wait that say what was awaited.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);

/** Long enough for a slow machine; nothing in these tests waits for it to pass. */
export const patience = 60_000; // ms

/** Where servers listen; nobody else does, so that one that has ended finds its port free when it comes back. */
export const loopback = process.env.LOOPBACK ?? "127.0.0.1";

/** The stock Socket.IO clients. `auth` tells whether their connect packets carry one. */
export const clients = [
  { name: "socket.io-client 4.8", io: require("sio4"), version: 4, auth: true },
  { name: "socket.io-client 3.1", io: require("sio3"), version: 3, auth: true },
  { name: "socket.io-client 2.5", io: require("sio2"), version: 2, auth: false },
];
export const newest = clients[0];

/** The ways to reach the server, and the transport that each settles on. */
export const ways = [
  { name: "polling", options: { transports: ["polling"], upgrade: false }, settles: "polling" },
  { name: "websocket", options: { transports: ["websocket"] }, settles: "websocket" },
  { name: "upgrade", options: { transports: ["polling", "websocket"] }, settles: "websocket" },
];
export const [polling, websocket, upgrade] = ways;

/** Runs `body` for every client over every way, or those given. */
export function everyClient(body, { among = clients, over = ways } = {}) {
  for (const client of among) {
    for (const way of over) {
      body(client, way, `${client.name} over ${way.name}`);
    }
  }
}

/** Rejects, saying what was awaited, when `promise` takes longer than a slow machine would. */
export async function within(promise, what, limit = patience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limit} ms in vain for ${what()}`)), limit);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The arguments of the emitter's next event of that name. */
export function next(emitter, event, what = `event ${JSON.stringify(event)}`) {
  return within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), () => what);
}

const ends = new WeakMap();

/** Has `undo` done when the test ends: what was set up last goes first. */
export function atEnd(t, undo) {
  if (!ends.has(t)) {
    ends.set(t, []);
    t.after(async () => {
      for (const undo of ends.get(t).reverse()) await undo();
    });
  }
  ends.get(t).push(undo);
}

/** Emits with a wish for an acknowledgement, and gives its arguments. Losing the connection ends the wait. */
export async function ask(socket, event, ...args) {
  let lost;
  const reply = new Promise((resolve, reject) => {
    lost = (reason) => reject(new Error(`disconnected before the acknowledgement of ${JSON.stringify(event)}: ${reason}`));
    socket.once("disconnect", lost);
    socket.emit(event, ...args, (...reply) => resolve(reply));
  });
  try {
    return await within(reply, () => `the acknowledgement of ${JSON.stringify(event)}`);
  } finally {
    socket.off("disconnect", lost);
  }
}

/** Collects events until there are enough of them, or one of another name ends it. */
export class Inbox {
  #waiting = new Set();

  constructor(emitter, event) {
    this.event = event;
    this.received = [];
    emitter.on(event, (...args) => {
      this.received.push(args);
      this.#waiting.forEach((check) => check());
    });
  }

  /** All received so far, once there are `count`. */
  has(count) {
    const enough = new Promise((resolve) => {
      const check = () => this.received.length >= count && this.#waiting.delete(check) | resolve(this.received);
      this.#waiting.add(check);
      check();
    });
    return within(enough, () => `${count} events ${JSON.stringify(this.event)}, got ${this.received.length}`);
  }

  /** The first arguments. */
  get firsts() {
    return this.received.map(([first]) => first);
  }
}

/** Bytes as every client version has them: Buffer, ArrayBuffer or Uint8Array. */
export function bytes(value) {
  assert.ok(value instanceof ArrayBuffer || ArrayBuffer.isView(value), `binary data expected, got ${JSON.stringify(value)}`);
  return value instanceof ArrayBuffer ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** A server of the fixture. */
export class Server {
  #seen = [];
  #waiting = new Set();
  #journalEnd;

  static async start(t, settings = {}) {
    const { id, url } = await request("POST", "/servers", { host: loopback, ...settings });
    const server = new Server(id, url, settings);
    await server.#follow();
    atEnd(t, () => server.stop());
    return server;
  }

  constructor(id, url, settings) {
    this.id = id;
    this.url = url;
    this.settings = settings;
    this.port = Number(new URL(url).port);
  }

  async #follow() {
    const [response] = await once(http.get(`${control()}/servers/${this.id}/journal`, { agent: false }), "response");
    assert.equal(response.statusCode, 200);
    this.#journalEnd = once(response, "end");
    createInterface({ input: response }).on("line", (line) => {
      this.#seen.push(JSON.parse(line));
      this.#waiting.forEach((check) => check());
    });
  }

  /** The first entry of the journal that has all the fields of `wanted`, past or to come. */
  noticed(wanted) {
    return this.#await(
      () => this.all(wanted)[0],
      () => `the server to notice ${JSON.stringify(wanted)}; it noticed ${JSON.stringify(this.#seen.slice(-20))}`,
    );
  }

  /** Returns when a poll of the client waits at the server, as it does unless there is something to say. */
  polling(socket) {
    return this.act("polling", { session: socket.io.engine.id });
  }

  #await(look, what) {
    const found = new Promise((resolve) => {
      const check = () => {
        const result = look();
        if (result) {
          this.#waiting.delete(check);
          resolve(result);
        }
      };
      this.#waiting.add(check);
      check();
    });
    return within(found, what);
  }

  /** How the server says that a socket has left. */
  async reasonOf(id, namespace = "/") {
    return (await this.noticed({ kind: "disconnect", id, namespace })).reason;
  }

  /** What the journal holds by now of the fields of `wanted`. */
  all(wanted) {
    return this.#seen.filter((entry) => Object.entries(wanted).every(([key, value]) => entry[key] === value));
  }

  emit(event, args = [], to = {}) {
    return this.act("emit", { event, args, ...to });
  }

  act(action, command) {
    return request("POST", `/servers/${this.id}/${action}`, command);
  }

  async stop() {
    if (this.stopped) return;
    this.stopped = true;
    await request("DELETE", `/servers/${this.id}`);
    await this.#journalEnd;
  }
}

function control() {
  const url = process.env.CONTROL_URL;
  assert.ok(url, "CONTROL_URL is not set: run these tests by `go test ./test/clients`");
  return url;
}

async function request(method, path, body) {
  const response = await fetch(control() + path, {
    method,
    headers: { "Content-Type": "application/json", Connection: "close" },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(patience),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** A socket that is not connected yet, and goes when the test ends. `at` is a Server or a Proxy. */
export function open(t, client, way, at, { namespace = "/", ...options } = {}) {
  const socket = client.io(at.url + namespace, {
    forceNew: true,
    reconnection: false,
    reconnectionDelay: 20,
    reconnectionDelayMax: 100,
    timeout: patience,
    ...way.options,
    ...options,
  });
  atEnd(t, () => {
    socket.io.reconnection(false);
    socket.disconnect();
    socket.io.engine?.close();
  });
  return socket;
}

/** A socket that is connected, and on the transport that its way settles on. */
export async function connect(t, client, way, at, options) {
  const socket = open(t, client, way, at, options);
  await connected(socket, `${client.name} to connect over ${way.name}`);
  await settled(socket, way);
  return socket;
}

/** Fails at once when the connection is refused. */
export async function connected(socket, what = "the client to connect") {
  if (socket.connected) return;
  const refused = new Promise((_, reject) => {
    for (const event of ["connect_error", "error"]) {
      socket.once(event, (error) => reject(new Error(`${what}: ${error?.message ?? error}`, { cause: error })));
    }
  });
  refused.catch(() => {}); // it may come later, when it is a test's own
  await Promise.race([next(socket, "connect", what), refused]);
}

export async function settled(socket, way) {
  const { engine } = socket.io;
  if (engine.transport.name !== way.settles) {
    await next(engine, "upgrade", `the upgrade to ${way.settles}`);
  }
}

/** Whether the client still gets answers. */
export async function alive(socket) {
  assert.deepEqual(await ask(socket, "ack", "alive"), ["alive"]);
}
