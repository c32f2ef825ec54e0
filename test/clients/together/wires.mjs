// Plain WebSockets: of the npm package ws, and Chromium's own.

import { chromium } from "playwright-core";
import WebSocket from "ws";
import { atEnd, within } from "../harness.mjs";

/**
 * One WebSocket. `opened` gives its sub-protocol, `closed` code and reason of its end; `refused` status and body of an
 * answer that is no WebSocket, where the client shows it. Messages wait until `onmessage` is set.
 */
class Wire {
  #waiting = [];
  #listener;

  constructor() {
    for (const name of ["opened", "closed", "refused"]) {
      this[name] = new Promise((resolve) => (this[`_${name}`] = resolve));
    }
  }

  /** Fails at once when it ends instead of opening. */
  open() {
    const ended = this.closed.then(({ code }) => Promise.reject(new Error(`it ended with ${code} instead of opening`)));
    ended.catch(() => {}); // it may end later
    return within(Promise.race([this.opened, ended]), () => "the WebSocket to open");
  }

  ended() {
    return within(this.closed, () => "the WebSocket to close");
  }

  turnedAway() {
    return within(this.refused, () => "the WebSocket to be refused");
  }

  set onmessage(listener) {
    this.#listener = listener;
    this.#waiting.splice(0).forEach((text) => listener(text));
  }

  _message(text) {
    if (this.#listener) this.#listener(text);
    else this.#waiting.push(text);
  }
}

/** A WebSocket of the npm package. */
export class NpmWire extends Wire {
  constructor(t, url, protocols, options) {
    super();
    this.socket = new WebSocket(url, protocols, options);
    this.socket.on("open", () => this._opened(this.socket.protocol));
    this.socket.on("message", (data, binary) => this._message(binary ? data : String(data)));
    this.socket.on("close", (code, reason) => this._closed({ code, reason: String(reason) }));
    this.socket.on("error", () => {}); // close follows
    this.socket.on("unexpected-response", async (request, response) => {
      let body = "";
      for await (const chunk of response) body += chunk;
      this._refused({ status: response.statusCode, headers: response.headers, body: body.trim() });
      request.destroy();
    });
    atEnd(t, () => this.socket.terminate());
  }

  send(data) {
    this.socket.send(data);
  }

  close() {
    this.socket.close();
  }
}

/** A page in Chromium, and the WebSockets that it opens. */
export class Page {
  #wires = [];

  /** Opens a page; what stands on it does not matter, its origin does. */
  static async open(t, url) {
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
    atEnd(t, () => browser.close());
    const page = new Page(await browser.newPage());
    await page.#prepare();
    await page.page.goto(url);
    return page;
  }

  constructor(page) {
    this.page = page;
  }

  #prepare() {
    return this.page.exposeFunction("tell", (id, what, value) => this.#wires[id][`_${what}`](value));
  }

  socket(url, protocols) {
    const wire = new BrowserWire(this.page, this.#wires.length);
    this.#wires.push(wire);
    wire.begin(url, protocols);
    return wire;
  }
}

class BrowserWire extends Wire {
  constructor(page, id) {
    super();
    this.page = page;
    this.id = id;
  }

  begin(url, protocols) {
    const body = ({ id, url, protocols }) => {
      const socket = protocols ? new WebSocket(url, protocols) : new WebSocket(url);
      (window.sockets ??= [])[id] = socket;
      socket.onopen = () => window.tell(id, "opened", socket.protocol);
      socket.onmessage = ({ data }) => window.tell(id, "message", data);
      socket.onclose = ({ code, reason }) => window.tell(id, "closed", { code, reason });
    };
    this.begun = this.page.evaluate(body, { id: this.id, url, protocols });
  }

  /** Text, or bytes as a Buffer. */
  async send(data) {
    await this.begun;
    const [value, binary] = typeof data === "string" ? [data, false] : [[...data], true];
    const body = ({ id, value, binary }) => window.sockets[id].send(binary ? new Uint8Array(value) : value);
    await this.page.evaluate(body, { id: this.id, value, binary });
  }

  async close() {
    await this.page.evaluate((id) => window.sockets[id].close(), this.id);
  }
}
