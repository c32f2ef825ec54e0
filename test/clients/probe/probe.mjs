// Drives the server at the address given through a list of scenarios with the stock client, and prints what the clients saw:
// a line of JSON for each, [scenario, what was seen].

import { createRequire } from "node:module";

const { io } = createRequire(import.meta.url)("sio4");
const url = process.argv[2];

const opened = [];

/** A client, once it is connected, with a note of all that it gets. */
async function connect(name, rooms = [], namespace = "/") {
  const socket = open(name, rooms, namespace);
  const seen = [];
  socket.onAny((event, ...args) => seen.push([event, ...args.filter((arg) => typeof arg !== "function")]));
  socket.on("question", (ack) => ack(name));
  await new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject));
  return Object.assign(socket, { seen, called: name });
}

function open(name, rooms, namespace) {
  const socket = io(url + namespace, { forceNew: true, reconnection: false, transports: ["websocket"], auth: { name, rooms } });
  opened.push(socket);
  return socket;
}

const once = (socket, event) => new Promise((resolve) => socket.once(event, (...args) => resolve(args)));
const ask = (socket, event, ...args) => new Promise((resolve) => socket.emit(event, ...args, (...reply) => resolve(reply)));

/** The answers to an event and to one behind it, in the order in which they come; the second ends the wait for the first. */
async function answered(socket, event, ...args) {
  let answer = "no answer";
  socket.emit(event, ...args, (...reply) => (answer = reply));
  await ask(socket, "alive");
  return answer;
}

/** Who has got an event, each time, once all have got what was sent before. */
async function got(event, sockets) {
  await Promise.all(sockets.filter((s) => s.connected).map((s) => ask(s, "alive")));
  return sockets.flatMap((s) => s.seen.filter(([e]) => e === event).map(() => s.called));
}

/** Values as one can read them: bytes by their number. */
function plain(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, plain(v)]));
  return value;
}

const company = async () => [await connect("a", ["r1"]), await connect("b", ["r1", "r2"]), await connect("c", ["r2"])];

/** Whom an event that a sends brings a note to. */
const notes = (event) => async () => {
  const all = await company();
  all[0].emit(event);
  await ask(all[0], "alive");
  return got("note", all);
};

const refused = (namespace) => async () => {
  const [error] = await once(open("a", [], namespace), "connect_error");
  return { message: error.message, data: error.data };
};

let leavers = 0;

/** What is told of a socket that leaves: by itself, and by the server's handlers, with whether it is in its room. */
const end = (leave) => async () => {
  const watch = await connect("watch", [], "/watch");
  const name = `leaver ${++leavers}`;
  const socket = await connect(name, ["r1"]);
  const told = new Promise((resolve) => {
    const handlers = [];
    watch.on("left", (who, ...what) => who === name && handlers.push(what) === 2 && resolve(handlers));
  });
  const gone = once(socket, "disconnect");
  leave(socket);
  return { handlers: await told, client: (await gone)[0] };
};

const order = (slow) => async () => {
  const a = await connect("a");
  const answers = [];
  await Promise.all([slow, "alive"].map((event) => ask(a, event).then(() => answers.push(event))));
  return answers;
};

const single = (event, ...args) => async () => plain(await answered(await connect("a"), event, ...args));

const scenarios = {
  "volatile.emit reaches": notes("volatile"),
  "volatile.to(r1).emit reaches": notes("volatile to r1"),
  "volatile.broadcast.emit reaches": notes("volatile broadcast"),
  "volatile.emitWithAck asks": async () => (await ask((await company())[0], "volatile ask"))[0],
  "volatile.disconnect disconnects": async () => {
    const all = await company();
    all[0].emit("volatile disconnect");
    await once(all[0], "disconnect");
    await got("note", all);
    return all.filter((s) => !s.connected).map((s) => s.called);
  },
  "to(r1).to(r2) reaches, each once": notes("to r1 and r2"),
  "to(r1).except(r2) reaches": notes("to r1 but r2"),
  "to(id) reaches": notes("to oneself by id"),
  "in(r1).fetchSockets finds": async () => (await ask((await company())[0], "fetch r1"))[0],
  "a middleware sees the client's id, and joins a room": async () => {
    const [same, inRoom] = await once(open("a", [], "/early"), "early");
    return { same, inRoom };
  },
  "a middleware's error": refused("/plain"),
  "a middleware's error with data": refused("/data"),
  "a namespace that does not exist": refused("/nowhere"),
  "the client disconnects": end((a) => a.disconnect()),
  "the server disconnects": end((a) => a.emit("leave me")),
  "the server closes the connection": end((a) => a.emit("hang up on me")),
  "the connection breaks": end((a) => a.io.engine.transport.ws.close()),
  "emitting a reserved name": single("emit reserved"),
  "a handler fails": single("fail"),
  "socket.use refuses an event": single("filtered"),
  "an event that nobody handles": single("unknown"),
  "an acknowledgement is given twice": single("twice"),
  "an acknowledgement is kept and given later": async () => {
    const a = await connect("a");
    const answer = ask(a, "keep");
    a.emit("give");
    return answer;
  },
  "an acknowledgement with 11 attachments": async () => {
    const a = await connect("a");
    return Promise.race([ask(a, "eleven").then(plain), once(a, "disconnect").then(([reason]) => ({ disconnected: reason }))]);
  },
  "a client sends 11 attachments": async () => {
    const a = await connect("a");
    const gone = once(a, "disconnect").then(([reason]) => ({ disconnected: reason }));
    return Promise.race([ask(a, "arguments", ...Array.from({ length: 11 }, () => Buffer.from("x"))).then(plain), gone]);
  },
  "a slow handler and a quick one": order("slow"),
  "a slow handler that goes on beside": order("slow beside"),
  "the server asks with a callback": async () => {
    const a = await connect("a");
    a.emit("ask me");
    return once(a, "said");
  },
  "the server asks with a callback, in vain": async () => {
    const a = await connect("a");
    a.emit("ask me in vain");
    return once(a, "said");
  },
  "bytes inside of what the server sends": single("bytes"),
  "bytes inside of what the client sends": single("upload", { file: { data: Buffer.from("abc") }, list: [Buffer.from("d"), Buffer.from("")] }),
  "arguments come back": single("arguments", null, 1.5, "ü<&>", [true, {}], { b: 1, a: [] }),
  "an undefined argument": single("arguments", undefined),
  "two handlers of an event": async () => {
    const a = await connect("a");
    const second = once(a, "second").then(() => "second");
    return [...(await ask(a, "order")), await second];
  },
};

for (const [name, run] of Object.entries(scenarios)) {
  const saw = await run();
  console.log(JSON.stringify([name, saw]));
  for (const socket of opened.splice(0)) socket.disconnect();
}
process.exit(); // some of the clients may still be about to connect
