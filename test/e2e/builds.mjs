// A server whose web app is of one build or another: the real one behind a proxy that changes what a build would.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { loopback } from "./server.mjs";

const kept = ["content-type", "content-security-policy", "cache-control"];
const sum = (text) => createHash("sha256").update(text).digest("hex");

export class Builds {
  #target;
  #proxy;
  #port = 0;
  /** Of the page, and of its service worker; the page tells it in a `meta`. */
  page = "first";
  worker = "first";
  /** Nothing but faults comes out of the server, as while a proxy before it finds none. */
  isBroken = false;
  url = "";
  /** What was asked for, as paths. */
  asked = [];

  /** Stands before the server at that address. */
  static async before(target) {
    const builds = new Builds();
    builds.#target = target;
    await builds.start();
    return builds;
  }

  async start() {
    this.#proxy = createServer((request, response) => void this.#answer(request, response).catch(() => response.destroy()));
    await new Promise((resolve) => this.#proxy.listen(this.#port, loopback, resolve));
    this.#port = this.#proxy.address().port;
    this.url = `http://${loopback}:${this.#port}`;
  }

  /** Nobody answers any more. */
  async stop() {
    const isClosed = new Promise((resolve) => this.#proxy.close(resolve));
    this.#proxy.closeAllConnections();
    await isClosed;
  }

  async #answer(request, response) {
    const path = request.url;
    this.asked.push(path);
    if (this.isBroken) return response.writeHead(502).end("Bad Gateway");
    const page = await this.#ask("/");
    const built = await page.text();
    const { headers, ...answer } = await this.#ask(path);
    for (const name of kept) if (headers.has(name)) response.setHeader(name, headers.get(name));
    if (path === "/") response.end(this.#of(this.page, built));
    else if (path === "/worker.js") response.end((await answer.text()).replace(sum(built), sum(this.#of(this.worker, built))));
    else response.writeHead(answer.status).end(Buffer.from(await answer.bytes()));
  }

  async #ask(path) {
    const response = await fetch(new URL(path, this.#target), { headers: { Accept: "*/*" } });
    return { status: response.status, headers: response.headers, text: () => response.text(), bytes: () => response.arrayBuffer() };
  }

  #of(build, page) {
    return page.replace("</head>", `<meta name="build" content="${build}" /></head>`);
  }
}
