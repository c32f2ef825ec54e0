// The server of the probe on Node. It prints its address, and ends when its standard input does. server.go does the same in Go,
// line by line where it can.

import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { Server } = createRequire(import.meta.url)("socket.io");

const http = createServer();
const server = new Server(http, { serveClient: false });
process.on("unhandledRejection", () => {}); // of a handler that fails: Node ends otherwise

server.of("/plain").use((socket, next) => next(new Error("closed for today")));
server.of("/data").use((socket, next) => next(Object.assign(new Error("too fast"), { data: { wait: 5 } })));

const early = server.of("/early");
early.use((socket, next) => {
  socket.data.id = socket.id;
  socket.join("early");
  next();
});
early.on("connection", (socket) => early.to("early").emit("early", socket.data.id === socket.id, socket.rooms.has("early")));

const root = server.of("/");
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
root.on("connection", (socket) => {
  socket.join(socket.handshake.auth.rooms ?? []);
  socket.use(([event], next) => (event === "filtered" ? next(new Error("not for you")) : next()));
  socket.on("error", () => {}); // of what was filtered
  for (const event of ["disconnecting", "disconnect"]) {
    socket.on(event, (reason) => server.of("/watch").emit("left", socket.handshake.auth.name, event, reason, socket.rooms.has("r1")));
  }

  socket.on("alive", (ack) => ack());
  socket.on("leave me", () => socket.disconnect());
  socket.on("hang up on me", () => socket.disconnect(true));

  socket.on("volatile", () => socket.volatile.emit("note"));
  socket.on("volatile to r1", () => socket.volatile.to("r1").emit("note"));
  socket.on("volatile broadcast", () => socket.volatile.broadcast.emit("note"));
  socket.on("volatile ask", async (ack) => ack([await socket.volatile.timeout(9000).emitWithAck("question")].flat()));
  socket.on("volatile disconnect", () => socket.volatile.disconnect());
  socket.on("to r1 and r2", () => root.to("r1").to("r2").emit("note"));
  socket.on("to r1 but r2", () => root.to("r1").except("r2").emit("note"));
  socket.on("to oneself by id", () => root.to(socket.id).emit("note"));
  socket.on("fetch r1", async (ack) => ack((await root.in("r1").fetchSockets()).length));

  socket.on("emit reserved", (ack) => {
    try {
      socket.emit("disconnect");
      ack("sent");
    } catch {
      ack("refused");
    }
  });

  socket.on("fail", async () => {
    throw new Error("a secret");
  });
  socket.on("twice", (ack) => {
    ack("first");
    ack("second");
  });
  socket.on("eleven", (ack) => ack(...Array.from({ length: 11 }, () => Buffer.from("x"))));
  let kept;
  socket.on("keep", (ack) => (kept = ack));
  socket.on("give", () => kept("kept"));

  socket.on("slow", async (ack) => {
    await sleep(300);
    ack();
  });
  socket.on("slow beside", async (ack) => {
    await sleep(300);
    ack();
  });

  socket.on("ask me", () => socket.timeout(9000).emit("question", (error, reply) => socket.emit("said", error ? "no answer" : reply)));
  socket.on("ask me in vain", () => socket.timeout(20).emit("silence", (error, reply) => socket.emit("said", error ? "no answer" : reply)));

  socket.on("bytes", (ack) => {
    ack({ name: "a", file: { data: Buffer.from("ab") }, list: [Buffer.from("cde"), 1], none: null, text: "aGk=" });
  });
  socket.on("upload", ({ file, list }, ack) => ack(file.data.length, list.map((data) => data.length)));
  socket.on("arguments", (...args) => args.pop()(...args));
  socket.on("order", (ack) => ack("first"));
  socket.on("order", () => socket.emit("second"));
});
server.of("/watch");

await once(http.listen(0, "127.0.0.1"), "listening");
console.log(`http://127.0.0.1:${http.address().port}`);
process.stdin.resume().on("end", () => process.exit());
