// A TCP relay whose connections suffer what networks do to them, as a seed has it: bytes are late, connections break in the
// middle of something, or fall silent. Whatever one byte stream suffers it stays a byte stream: nothing is lost in between.
//
// Also a program of its own, for clients in other languages: `node faultproxy.mjs HOST:PORT SEED` prints its address.

import { once } from "node:events";
import net from "node:net";
import { fileURLToPath } from "node:url";

const latest = 2; // ms that a chunk of bytes is late at most
const lives = { shortest: 2000, longest: 300_000 }; // bytes that pass one way before something happens
const silences = 2; // connections that fall silent: each takes as long as its client is patient

/** Random numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class FaultProxy {
  #pairs = new Set();
  #random;
  #isOpen = true;
  #isCalm = false;
  #silences = 0;
  /** What has happened, by kind. */
  suffered = { connections: 0, cut: 0, abandoned: 0, silenced: 0 };

  constructor(target, seed) {
    const [, host, port] = /^(.*):(\d+)$/.exec(target);
    this.target = { host, port: Number(port) };
    this.#random = randomOf(seed);
    this.listener = net.createServer((client) => this.#relay(client));
  }

  async listen() {
    this.listener.listen(0, "127.0.0.1");
    await once(this.listener, "listening");
    this.url = `http://127.0.0.1:${this.listener.address().port}`;
    return this;
  }

  /** From now on nothing happens to connections. */
  calm() {
    this.#isCalm = true;
  }

  /** Drops connections, and takes no new ones until they are wanted again. */
  close() {
    this.#isOpen = false;
    this.cut();
  }

  open() {
    this.#isOpen = true;
  }

  /** Breaks all connections. */
  cut() {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  /** Nothing that the server says arrives from now on, on the connections that there are. */
  deafen() {
    for (const pair of this.#pairs) pair.isDeaf = true;
  }

  stop() {
    this.listener.close();
    this.cut();
  }

  #relay(client) {
    client.on("error", () => {}); // close follows
    if (!this.#isOpen) return client.destroy();
    this.suffered.connections++;
    const server = net.connect(this.target);
    server.on("error", () => {});
    const pair = { client, server, isSilent: false, isDeaf: false, left: { up: this.#life(), down: this.#life() }, fault: this.#fault() };
    this.#pairs.add(pair);
    this.#pass(pair, "up", client, server);
    this.#pass(pair, "down", server, client);
  }

  /** As likely from 3 kB to 30 kB as from 30 kB to 300 kB: what takes many bytes gets through at last. */
  #life() {
    return Math.floor(lives.shortest * (lives.longest / lives.shortest) ** this.#random());
  }

  #fault() {
    const fault = ["cut", "abandoned", "silenced"][Math.floor(this.#random() * 3)];
    return fault === "silenced" && this.#silences++ >= silences ? "cut" : fault;
  }

  #pass(pair, way, from, to) {
    let last = Promise.resolve();
    // Each chunk comes after the one before it, however late each is.
    const later = (act) => {
      const late = this.#isCalm ? 0 : this.#random() * latest;
      const time = late < 1 ? undefined : new Promise((resolve) => setTimeout(resolve, late));
      last = last.then(() => time).then(act);
    };
    from.on("data", (data) => {
      const passing = this.#isCalm ? data : data.subarray(0, pair.left[way]);
      pair.left[way] -= passing.length;
      const isOver = !this.#isCalm && pair.left[way] === 0;
      later(() => {
        if (pair.isSilent || to.destroyed || (pair.isDeaf && way === "down")) return;
        to.write(passing);
        if (isOver) this.#suffer(pair);
      });
    });
    from.on("close", () => {
      later(() => pair.isSilent || pair.isAbandoned || to.destroy());
      if (from === pair.client) later(() => pair.isSilent && pair.server.destroy());
      if (pair.client.destroyed && pair.server.destroyed) this.#pairs.delete(pair);
    });
  }

  #suffer(pair) {
    this.suffered[pair.fault]++;
    switch (pair.fault) {
      case "cut":
        pair.client.destroy();
        pair.server.destroy();
        break;
      case "abandoned": // the server believes that the client is still there
        pair.isAbandoned = pair.isDeaf = true;
        pair.client.destroy();
        break;
      case "silenced": // until the client gives up
        pair.isSilent = true;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [target, seed] = process.argv.slice(2);
  const proxy = await new FaultProxy(target, Number(seed)).listen();
  console.log(proxy.url);
}
