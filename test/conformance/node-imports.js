// What the public suites expect around them. They ask for one address and one path; here that is the server in SERVER, which is
// reached at the path of Socket.IO.

import chai from "chai";
import chaiString from "chai-string";
import fetch from "node-fetch";
import { WebSocket } from "ws";

const { SERVER } = process.env;

const there = (url) => url.replace("localhost:3000", SERVER).replace("/engine.io/", "/socket.io/");

chai.use(chaiString);

globalThis.fetch = (url, ...rest) => fetch(there(url), ...rest);
globalThis.WebSocket = class extends WebSocket {
  constructor(url, ...rest) {
    super(there(url), ...rest);
  }
};
globalThis.chai = chai;
