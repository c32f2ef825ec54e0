// The bare ws package, without Socket.IO: what comes on /send goes to all connections of /room, what comes on /echo goes
// back.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const http = createServer();
const server = new WebSocketServer({ server: http });
const room = new Set();

server.on("connection", (socket, request) => {
  switch (request.url) {
    case "/room":
      room.add(socket);
      socket.on("close", () => room.delete(socket));
      socket.send("joined");
      break;
    case "/send":
      socket.on("message", (data) => {
        for (const member of room) member.send(data, { binary: false });
      });
      socket.send("joined");
      break;
    default:
      socket.on("message", (data) => socket.send(data, { binary: false }));
  }
});

http.listen(0, "127.0.0.1", 4096, () => console.log(`http://127.0.0.1:${http.address().port}`));
