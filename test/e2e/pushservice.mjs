// A push service for a browser that reaches none: it takes what the server sends to a device, and opens it with the device's keys as
// the browser would (RFC 8291).

import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { loopback } from "./server.mjs";

export class PushService {
  #device = createECDH("prime256v1");
  #auth = randomBytes(16);
  #server;
  #came = [];
  #waiting = [];

  static async start() {
    const service = new PushService();
    service.#device.generateKeys();
    service.#server = createServer((request, response) => void service.#take(request, response).catch(() => response.destroy()));
    await new Promise((resolve) => service.#server.listen(0, loopback, resolve));
    return service;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** What the browser would get for a page that subscribes. */
  get subscription() {
    const keys = { p256dh: this.#device.getPublicKey("base64url"), auth: this.#auth.toString("base64url") };
    return { endpoint: `http://${loopback}:${this.#server.address().port}/device`, keys };
  }

  /** The next push: its text. */
  next() {
    if (this.#came.length > 0) return this.#came.shift();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #take(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = this.#open(Buffer.concat(chunks));
    response.writeHead(201).end();
    const waiting = this.#waiting.shift();
    if (waiting) waiting(text);
    else this.#came.push(text);
  }

  #open(body) {
    const salt = body.subarray(0, 16);
    const keyEnd = 21 + body[20];
    const sender = body.subarray(21, keyEnd);
    const derive = (secret, salt, info, length) => Buffer.from(hkdfSync("sha256", secret, salt, info, length));
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), this.#device.getPublicKey(), sender]);
    const secret = derive(this.#device.computeSecret(sender), this.#auth, info, 32);
    const cipher = createDecipheriv("aes-128-gcm", derive(secret, salt, "Content-Encoding: aes128gcm\0", 16), derive(secret, salt, "Content-Encoding: nonce\0", 12));
    cipher.setAuthTag(body.subarray(-16));
    const padded = Buffer.concat([cipher.update(body.subarray(keyEnd, -16)), cipher.final()]);
    return padded.subarray(0, padded.lastIndexOf(2)).toString();
  }
}

/** Has a page subscribe at such a service instead of at the browser's own. Runs in the page. */
export function subscribeThere(given) {
  const key = "stand-in subscription"; // survives the page, as those of browsers do
  const of = (options) => ({
    endpoint: given.endpoint,
    options,
    toJSON: () => given,
    unsubscribe: async () => (localStorage.removeItem(key), true),
  });
  PushManager.prototype.getSubscription = async () => (localStorage.getItem(key) ? of({}) : null);
  PushManager.prototype.subscribe = async (options) => (localStorage.setItem(key, "yes"), of(options));
}
