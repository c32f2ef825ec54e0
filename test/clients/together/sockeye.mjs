// The server as it is shipped: the binary, as a process of its own. Tokens are signed here, as an application would.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { atEnd, loopback, within } from "../harness.mjs";

const binary = process.env.SOCKEYE;
const secret = "a secret that these tests and their server share";

/** A display name that every encoder of JSON has an opinion on. */
export const nameOf = (user) => `${user[0].toUpperCase()}${user.slice(1)} <&> 🐟`;

export class Sockeye {
  /** A server on a free port that ends with the test. */
  static async start(t, ...flags) {
    assert.ok(binary, "SOCKEYE is not set: run these tests by `go test ./test/clients`");
    const folder = await mkdtemp(join(tmpdir(), "sockeye-together-"));
    atEnd(t, () => rm(folder, { recursive: true, force: true }));
    const server = new Sockeye(folder, flags);
    await server.#launch(`${loopback}:0`);
    atEnd(t, () => server.stop());
    return server;
  }

  #process;
  #log = "";

  /** By which it takes tokens. */
  secret = secret;

  constructor(folder, flags) {
    this.folder = folder;
    this.flags = flags;
  }

  async #launch(listen) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("SOCKEYE")));
    this.#process = spawn(binary, ["serve", "--listen", listen, "--data", this.folder, ...this.flags], {
      env: { ...env, SOCKEYE_JWT_SECRET: secret, SOCKEYE_LIMITS: "off" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process.stderr.on("data", (chunk) => (this.#log += chunk));
    const ready = new Promise((resolve, reject) => {
      createInterface({ input: this.#process.stdout }).on("line", (line) => {
        const [, url] = /ready: (\S+)/.exec(line) ?? [];
        if (url) resolve(url);
      });
      this.#process.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${this.#log}`)));
    });
    this.url = new URL(await within(ready, () => "the server to be ready")).origin;
  }

  /** Where plain WebSockets connect. */
  get ws() {
    return `${this.url.replace("http", "ws")}/ws`;
  }

  token(user, seconds = 3600) {
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const signed = `${encode({ alg: "HS256" })}.${encode({ sub: user, username: nameOf(user), iat: now, exp: now + seconds })}`;
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  }

  /** Asks it to stop, and waits until it has, in good order. */
  async stop() {
    if (!this.#process) return;
    const child = this.#process;
    this.#process = undefined;
    const ended = child.exitCode === null ? once(child, "exit") : [child.exitCode];
    child.kill("SIGTERM");
    const [code] = await within(Promise.resolve(ended), () => "the server to end").catch((error) => {
      child.kill("SIGKILL");
      throw error;
    });
    assert.equal(code, 0, `the server ended with ${code}:\n${this.#log}`);
    assert.ok(!this.#log.includes("DATA RACE"), this.#log);
  }

  /** Ends it without a warning, and waits until it is gone. */
  async kill() {
    const child = this.#process;
    this.#process = undefined;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await within(ended, () => "the server to be gone");
  }

  /** Starts it again where it was. */
  start() {
    return this.#launch(new URL(this.url).host);
  }
}
