// A TCP relay between client and server that breaks connections in the ways that networks do.

import { once } from "node:events";
import net from "node:net";

import { atEnd } from "./harness.mjs";

export class Proxy {
  #pairs = new Set();
  #open = true;
  #frozen = false;

  /** A relay to `server` that lives as long as the test. */
  static async start(t, server) {
    const proxy = new Proxy(new URL(server.url));
    await proxy.listen();
    atEnd(t, () => proxy.stop());
    return proxy;
  }

  constructor(target) {
    this.target = target;
    this.listener = net.createServer((client) => this.#relay(client));
  }

  async listen() {
    this.listener.listen(0, "127.0.0.1");
    await once(this.listener, "listening");
    this.url = `http://127.0.0.1:${this.listener.address().port}`;
  }

  #relay(client) {
    if (!this.#open) {
      client.destroy();
      return;
    }
    const server = net.connect(Number(this.target.port), this.target.hostname);
    const pair = { client, server, severed: false };
    this.#pairs.add(pair);
    for (const [from, to] of [[client, server], [server, client]]) {
      from.on("data", (data) => this.#frozen || pair.severed || to.destroyed || to.write(data));
      from.on("error", () => {}); // close follows
      from.on("end", () => this.#frozen || pair.severed || to.end());
      from.on("close", () => {
        if (!this.#frozen && !pair.severed) to.destroy();
        if (client.destroyed && server.destroyed) this.#pairs.delete(pair);
      });
    }
  }

  /** Swallows everything from now on, both ways; no end is told. */
  freeze() {
    this.#frozen = true;
  }

  /** Ends all connections for the clients. The server is left to believe that they live. */
  sever() {
    for (const pair of this.#pairs) {
      pair.severed = true;
      pair.client.destroy();
    }
  }

  /** Ends all connections on both ends. */
  cut() {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  /** Takes connections again, or drops new ones. */
  set open(open) {
    this.#open = open;
    if (open) this.#frozen = false;
  }

  stop() {
    this.listener.close();
    this.cut();
  }
}
