// Node's socket.io with its default settings, to compare with: bench/server is the same with package socketio.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http);

io.on("connection", (socket) => {
  socket.on("join", ({ roomId }, ack) => {
    socket.join(roomId);
    ack({ roomId });
  });
  socket.on("room:message", ({ roomId, content }) => {
    io.to(roomId).emit("room:message", { roomId, content });
  });
  socket.on("echo", (argument, ack) => ack(argument));
});

http.listen(0, "127.0.0.1", 4096, () => console.log(`http://127.0.0.1:${http.address().port}`));
