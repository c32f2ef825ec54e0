// A push service as Firefox uses one: browsers hold a WebSocket to it, register, and get what application servers post to their
// endpoints. It cannot read that.

import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { WebSocketServer } from "ws";
import { loopback } from "./server.mjs";

export class Autopush {
  #http;
  #sockets;
  /** Of the browsers, by the channels that they have registered. */
  #browsers = new Map();
  /** How many pushes were posted. */
  posted = 0;

  static async start() {
    const service = new Autopush();
    service.#http = createServer((request, response) => void service.#post(request, response).catch(() => response.destroy()));
    service.#sockets = new WebSocketServer({ server: service.#http, handleProtocols: (protocols) => [...protocols][0] ?? false });
    service.#sockets.on("connection", (socket) => socket.on("message", (text) => service.#hear(socket, JSON.parse(text))));
    await new Promise((resolve) => service.#http.listen(0, loopback, resolve));
    return service;
  }

  async stop() {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  /** What `dom.push.serverURL` is to be. */
  get url() {
    return `ws://${this.#address}/`;
  }

  get #address() {
    return `${loopback}:${this.#http.address().port}`;
  }

  #hear(socket, { messageType, channelID, uaid }) {
    const answer = (message) => socket.send(JSON.stringify(message));
    switch (messageType) {
      case "hello":
        return answer({ messageType, uaid: uaid || randomUUID().replaceAll("-", ""), status: 200, use_webpush: true, broadcasts: {} });
      case "register":
        this.#browsers.set(channelID, socket);
        return answer({ messageType, channelID, status: 200, pushEndpoint: `http://${this.#address}/push/${channelID}` });
      case "unregister":
        this.#browsers.delete(channelID);
        return answer({ messageType, channelID, status: 200 });
      case undefined: // a ping
        return answer({});
    }
  }

  async #post(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const channelID = request.url.slice("/push/".length);
    const socket = this.#browsers.get(channelID);
    if (!socket) return response.writeHead(410).end();
    const headers = { encoding: request.headers["content-encoding"] };
    socket.send(JSON.stringify({ messageType: "notification", channelID, version: randomUUID(), data: Buffer.concat(chunks).toString("base64url"), headers }));
    this.posted++;
    response.writeHead(201, { Location: `http://${this.#address}/message/${this.posted}` }).end();
  }
}
