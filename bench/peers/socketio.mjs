// Node's socket.io with its default settings and no handler that keeps anything, to compare with.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
new Server(http);
http.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}`));
