// The code of docs/quickstart.md, as it stands there, against the real server and in a real browser.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Sockeye } from "../together/sockeye.mjs";
import { browse } from "./browser.mjs";

const guide = await readFile(new URL("../../../docs/quickstart.md", import.meta.url), "utf8");

/** The blocks of code by their names, which stand in the comment above each. */
const code = Object.fromEntries([...guide.matchAll(/<!-- (\w+) -->\n```\w+\n(.*?)```/gs)].map(([, name, text]) => [name, text]));

test("the quickstart", async (t) => {
  assert.deepEqual(Object.keys(code), ["token", "page", "chat"]);
  const lines = code.chat.split("\n").filter((line) => line.trim() !== "");
  assert.ok(lines.length <= 15, `the chat has ${lines.length} lines`);

  const server = await Sockeye.start(t);
  const tokenOf = await backend(server.secret);
  const context = await browse(t);
  context.setDefaultTimeout(90_000); // a client that has tried five times tries every 30 s
  const imports = `<script type="importmap">{"imports": {"@sockeye/client": "/library/index.js"}}</script>`;
  const files = {
    "/app/": ["text/html", `<!doctype html><meta charset="utf-8">${imports}${code.page}<script type="module" src="/app/chat.js"></script>`],
    "/app/chat.js": ["text/javascript", code.chat.replace("https://chat.example", server.url).replace('"/chat-token"', '"/app/chat-token"')],
  };
  const open = async (user) => {
    const page = await context.newPage();
    await page.route("**/app/**", (route) => {
      const token = ["text/plain", tokenOf({ id: user, name: user.toUpperCase() })];
      const [contentType, body] = files[new URL(route.request().url()).pathname] ?? token;
      return route.fulfill({ contentType, body });
    });
    page.on("pageerror", (error) => assert.fail(`${user}: ${error.stack}`));
    await page.goto(`${server.url}/app/`);
    await page.getByText("online", { exact: true }).waitFor();
    await page.waitForFunction(() => document.querySelector("form").onsubmit !== null); // it has joined
    return page;
  };
  const say = async (page, text) => {
    await page.locator("input").fill(text);
    await page.locator("input").press("Enter");
  };
  const shows = (page, text) => page.waitForFunction((text) => document.querySelector("#log").textContent === text, text);

  const ada = await open("ada");
  await say(ada, "Anybody there?");
  await shows(ada, "ADA: Anybody there?\n");
  const bob = await open("bob");
  await shows(bob, "ADA: Anybody there?\n");
  await server.kill();
  await say(bob, "Yes!"); // offline
  await server.start();
  for (const page of [ada, bob]) await shows(page, "ADA: Anybody there?\nBOB: Yes!\n");
});

/** The backend of the guide, with a stand-in for the package that it takes tokens from. */
async function backend(secret) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const jwt = {
    sign(claims, secret, { expiresIn }) {
      assert.equal(expiresIn, "1h");
      const now = Math.floor(Date.now() / 1000);
      const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ ...claims, iat: now, exp: now + 3600 })}`;
      return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
    },
  };
  const process = { env: { SOCKEYE_JWT_SECRET: secret } };
  const body = code.token.replace(/^import .*$/m, "").replace("export const chatToken =", "return");
  return new Function("jwt", "process", body)(jwt, process);
}
