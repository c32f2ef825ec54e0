// The server under test: the real binary, killed and started again where a test says so.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const readyPrefix = "Sockeye is ready: ";
const offlineGrace = "10s"; // more than the default: a slow machine may need 5 s to reload a page

/** Where servers listen; nobody else does, so that one that has ended finds its port free when it comes back. */
export const loopback = process.env.LOOPBACK ?? "127.0.0.1";

export class Server {
  #flags;
  #data;
  #process;
  #listen = `${loopback}:0`;
  url = "";

  /** Starts `$SOCKEYE_BINARY serve --dev` with these flags, and with a folder of its own. */
  static async start(...flags) {
    const server = new Server();
    server.#flags = flags;
    server.#data = await mkdtemp(join(tmpdir(), "sockeye-e2e-"));
    await server.restart();
    return server;
  }

  /** Starts it at the address where it was. */
  async restart() {
    const binary = process.env.SOCKEYE_BINARY;
    assert.ok(binary, "SOCKEYE_BINARY is not set: build cmd/sockeye and name the file");
    const flags = ["serve", "--dev", "--listen", this.#listen, "--data", this.#data, "--chat-offline-grace", offlineGrace];
    const log = [];
    this.#process = spawn(binary, [...flags, ...this.#flags], { stdio: ["ignore", "pipe", "pipe"] });
    createInterface(this.#process.stderr).on("line", (line) => log.push(line));
    this.url = await new Promise((resolve, reject) => {
      createInterface(this.#process.stdout).on("line", (line) => {
        if (line.startsWith(readyPrefix)) resolve(line.slice(readyPrefix.length).trim());
      });
      this.#process.once("exit", (code) => reject(new Error(`the server ended with ${code} before it was ready:\n${log.join("\n")}`)));
    });
    this.#listen = new URL(this.url).host;
  }

  /** Asks the HTTP API, which has to do it, and returns its answer. */
  async ask(method, path, body, token) {
    const headers = { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(new URL(path, this.url), { method, headers, ...(body && { body: JSON.stringify(body) }) });
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    return response.status === 204 ? undefined : response.json();
  }

  /** Makes somebody an administrator. */
  async grant(userId) {
    await promisify(execFile)(process.env.SOCKEYE_BINARY, ["admin", "grant", "--data", this.#data, userId]);
  }

  /** An API key with that scope. */
  async apiKey(scope) {
    const { stdout } = await promisify(execFile)(process.env.SOCKEYE_BINARY, ["apikey", "create", "--data", this.#data, "--name", scope, "--scope", scope]);
    return stdout.trim();
  }

  /** A token for a user of another application. */
  async token(userId, name) {
    const { stdout } = await promisify(execFile)(process.env.SOCKEYE_BINARY, ["token", "--data", this.#data, "--user", userId, "--name", name]);
    return stdout.trim();
  }

  /** Makes a backup; what it returns puts that in the place of the data of a server that has ended. */
  async backUp() {
    const sockeye = (...args) => promisify(execFile)(process.env.SOCKEYE_BINARY, args);
    const file = `${this.#data}.backup`;
    await sockeye("backup", "--data", this.#data, file);
    return async () => {
      await rm(this.#data, { recursive: true });
      await sockeye("restore", "--data", this.#data, file);
      await rm(file);
    };
  }

  /** Has it keep everything in a PostgreSQL database from now on, with what is in its folder. */
  async moveTo(database) {
    assert.ok(database, "there is no database to move to");
    assert.equal(await this.#end("SIGTERM"), 0, "the server did not end cleanly");
    await promisify(execFile)(process.env.SOCKEYE_BINARY, ["migrate", "--data", this.#data, "--database", database]);
    this.#flags = [...this.#flags, "--database", database];
    await this.restart();
  }

  /** Ends it without a word to anybody. */
  async kill() {
    await this.#end("SIGKILL");
  }

  /** Stops it in the midst of everything, as a machine does that is overloaded, until thaw() lets it go on. */
  freeze() {
    this.#process.kill("SIGSTOP");
  }

  thaw() {
    this.#process.kill("SIGCONT");
  }

  /** Lets it finish, which it has to do without an error. */
  async stop() {
    const code = await this.#end("SIGTERM");
    await rm(this.#data, { recursive: true, force: true });
    assert.equal(code, 0, "the server did not end cleanly");
  }

  #end(signal) {
    return new Promise((resolve) => {
      this.#process.once("exit", resolve);
      this.#process.kill(signal);
    });
  }
}
