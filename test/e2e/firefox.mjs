// Firefox, driven by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), which it speaks itself.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";

const patience = 60_000; // ms: for a slow machine

export class Firefox {
  #process;
  #profile;
  #socket;
  #asked = new Map();
  #count = 0;

  /** Starts `$FIREFOX`, or the one of the system, with these preferences and a profile of its own. */
  static async launch(preferences) {
    const firefox = new Firefox();
    firefox.#profile = await mkdtemp(join(tmpdir(), "sockeye-firefox-"));
    const lines = Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
    await writeFile(join(firefox.#profile, "user.js"), lines.join("\n"));
    const flags = ["--headless", "--no-remote", "--profile", firefox.#profile, "--remote-debugging-port", "0", "--remote-allow-system-access", "about:blank"];
    firefox.#process = spawn(process.env.FIREFOX || "/usr/bin/firefox-esr", flags, { stdio: ["ignore", "ignore", "pipe"] });
    const log = [];
    const address = await new Promise((resolve, reject) => {
      createInterface(firefox.#process.stderr).on("line", (line) => {
        log.push(line);
        const [, found] = /WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? [];
        if (found) resolve(found);
      });
      firefox.#process.once("error", reject);
      firefox.#process.once("exit", (code) => reject(new Error(`Firefox ended with ${code}:\n${log.join("\n")}`)));
    });
    await firefox.#connect(`${address}/session`);
    await firefox.ask("session.new", { capabilities: {} });
    return firefox;
  }

  async stop() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL"); // its children end with it
    await ended;
    this.#socket.terminate();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  /** Asks for a command of BiDi, which has to do it. */
  ask(method, params) {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** The open pages, the first one first. */
  async pages() {
    const { contexts } = await this.ask("browsingContext.getTree", { maxDepth: 0 });
    return contexts.map(({ context, url }) => new Page(this, context, url));
  }

  /** Runs work in the browser's own window, where all of the browser can be reached. */
  async inBrowser(work, ...args) {
    const { contexts } = await this.ask("browsingContext.getTree", { maxDepth: 0, "moz:scope": "chrome" });
    return new Page(this, contexts[0].context).evaluate(work, ...args);
  }

  async #connect(address) {
    this.#socket = new WebSocket(address);
    this.#socket.on("message", (text) => {
      const { id, type, result, error, message } = JSON.parse(text);
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      if (type === "success") asked?.resolve(result);
      else if (type === "error") asked?.reject(new Error(`${error}: ${message}`));
    });
    await new Promise((resolve, reject) => this.#socket.once("open", resolve).once("error", reject));
  }
}

class Page {
  #firefox;
  #context;
  url;

  constructor(firefox, context, url) {
    this.#firefox = firefox;
    this.#context = context;
    this.url = url;
  }

  async go(url) {
    await this.#firefox.ask("browsingContext.navigate", { context: this.#context, url, wait: "complete" });
  }

  /** Runs a function in the page; its arguments and what it returns are JSON. */
  async evaluate(work, ...args) {
    const { type, result, exceptionDetails } = await this.#firefox.ask("script.callFunction", {
      functionDeclaration: `async (args) => JSON.stringify(await (${work})(...JSON.parse(args))) ?? "null"`,
      arguments: [{ type: "string", value: JSON.stringify(args) }],
      target: { context: this.#context },
      awaitPromise: true,
    });
    if (type === "exception") throw new Error(exceptionDetails.text);
    return JSON.parse(result.value);
  }

  /** Waits until a function of the page returns something true, and returns it. */
  async until(what, work, ...args) {
    const end = Date.now() + patience;
    for (;;) {
      const is = await this.evaluate(work, ...args).catch((error) => {
        if (Date.now() > end) throw error; // the page is on its way to another
      });
      if (is) return is;
      if (Date.now() > end) throw new Error(`not in ${patience} ms: ${what}`);
    }
  }

  /** Presses the button of that name, once there is one. */
  async press(name) {
    await this.until(`a button “${name}”`, (name) => {
      const button = [...document.querySelectorAll("button")].find((one) => (one.getAttribute("aria-label") ?? one.textContent).trim() === name && one.checkVisibility());
      button?.click();
      return button !== undefined;
    }, name);
  }
}
