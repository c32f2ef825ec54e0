// PushClient in a real browser, with the service worker that the README shows and the real server. No browser reaches a push
// service here, so that what one answers is a stand-in's; all else is the browser's.

import assert from "node:assert/strict";
import { createECDH, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import { atEnd, loopback } from "../harness.mjs";
import { Sockeye } from "../together/sockeye.mjs";
import { browse } from "./browser.mjs";

const library = new URL("../../../web/client/", import.meta.url);

/** The service worker of the README. */
async function workerOfReadme() {
  const readme = await readFile(new URL("README.md", library), "utf8");
  return readme.match(/```js\n(self\.addEventListener\("push"[^`]*)```/)[1];
}

/** The server, with a page, the library and that worker below /page/. */
async function before(t, server) {
  const worker = await workerOfReadme();
  const answer = async (request, response) => {
    const { pathname } = new URL(request.url, server.url);
    const name = pathname.slice("/page/".length);
    if (!pathname.startsWith("/page/")) return forward(request, response, server.url);
    if (name === "") return response.setHeader("Content-Type", "text/html").end("<!doctype html><title>A page</title>");
    response.setHeader("Content-Type", "text/javascript");
    response.end(name === "worker.js" ? worker : await readFile(new URL(`dist/${name}`, library)));
  };
  const proxy = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  await new Promise((resolve) => proxy.listen(0, loopback, resolve));
  atEnd(t, () => {
    proxy.closeAllConnections();
    return new Promise((resolve) => proxy.close(resolve));
  });
  return `http://${loopback}:${proxy.address().port}/page/`;
}

async function forward(request, response, to) {
  const { method, url, headers: { authorization } } = request;
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = { ...(chunks.length && { "Content-Type": "application/json" }), ...(authorization && { authorization }) };
  const answer = await fetch(new URL(url, to), { method, headers, ...(chunks.length && { body: Buffer.concat(chunks) }) });
  response.writeHead(answer.status, { "Content-Type": "application/json" }).end(Buffer.from(await answer.arrayBuffer()));
}

/** What a push service would have given, as the page makes a subscription of it. */
function subscriptionAt(endpoint) {
  const ecdh = createECDH("prime256v1");
  ecdh.generateKeys();
  return { endpoint, keys: { p256dh: ecdh.getPublicKey("base64url"), auth: randomBytes(16).toString("base64url") } };
}

/** Has the page's push service give that subscription. Runs in the page. */
function standIn(given) {
  let current = null;
  window.asked = [];
  PushManager.prototype.getSubscription = async () => current;
  PushManager.prototype.subscribe = async (options) => {
    window.asked.push([...new Uint8Array(options.applicationServerKey)]);
    return (current = {
      endpoint: given.endpoint,
      options: { applicationServerKey: new Uint8Array(options.applicationServerKey).buffer },
      toJSON: () => given,
      unsubscribe: async () => ((current = null), true),
    });
  };
}

test("push", async (t) => {
  const server = await Sockeye.start(t, "--push-allow-private");
  const context = await browse(t);
  const url = await before(t, server);
  const token = server.token("ada");
  const page = await context.newPage();
  const open = async () => {
    await page.goto(url);
    await page.evaluate(async (token) => {
      window.library = await import("/page/push.js");
      window.push = new window.library.PushClient({ token });
    }, token);
  };
  const faultOf = (how) =>
    page.evaluate(async ([how, token]) => {
      const { PushClient } = window.library;
      const push = new PushClient({ token, timeout: 500 });
      return push[how]("A title").then(() => "none", ({ name, fault, code }) => `${name} ${fault ?? code}`);
    }, [how, token]);

  await t.test("who was refused the permission is told so, and asked nothing else", async () => {
    await open();
    await page.evaluate(() => Object.defineProperty(Notification, "permission", { get: () => "denied" }));
    assert.equal(await page.evaluate(() => window.push.permission), "denied");
    assert.equal(await faultOf("subscribe"), "PushError denied");
    assert.equal(await faultOf("notify"), "PushError denied");
    assert.equal(await page.evaluate(() => window.push.isSubscribed()), false);
  });

  await context.grantPermissions(["notifications"], { origin: new URL(url).origin });

  await t.test("without a service worker it gives up", async () => {
    await open();
    assert.equal(await faultOf("subscribe"), "PushError timeout");
    assert.equal(await page.evaluate(() => window.push.unsubscribe()), false);
  });

  await page.evaluate(async () => {
    await navigator.serviceWorker.register("/page/worker.js");
    await navigator.serviceWorker.ready;
  });

  await t.test("a push service that does not answer is given up", async () => {
    await open();
    await page.evaluate(() => (PushManager.prototype.subscribe = () => new Promise(() => {}))); // as Chromium without a network
    assert.equal(await faultOf("subscribe"), "PushError timeout");
  });

  await t.test("a device is subscribed at the server, once, and unsubscribed", async () => {
    await open();
    await page.evaluate(standIn, subscriptionAt("http://127.0.0.1:9/device"));
    assert.equal(await page.evaluate(() => window.push.isSubscribed()), false);
    assert.equal(await page.evaluate(async () => (await window.push.subscribe()).endpoint), "http://127.0.0.1:9/device");
    assert.equal(await page.evaluate(() => window.push.isSubscribed()), true);
    await page.evaluate(() => window.push.subscribe()); // mends what is there
    const { publicKey } = await (await fetch(new URL("/api/push/key", server.url))).json();
    const asked = await page.evaluate(() => window.asked);
    assert.deepEqual(asked.map((key) => Buffer.from(key).toString("base64url")), [publicKey]);
    assert.equal(await page.evaluate(() => window.push.unsubscribe()), true);
    assert.equal(await page.evaluate(() => window.push.isSubscribed()), false);
    const left = await fetch(new URL("/api/push/unsubscribe", server.url), { method: "POST", headers: { Authorization: `Bearer ${token}` } });
    assert.deepEqual(await left.json(), { removed: 0 });
  });

  await t.test("what the server refuses is not subscribed", async () => {
    await open();
    await page.evaluate(standIn, { ...subscriptionAt("http://127.0.0.1:9/device"), endpoint: "gopher://127.0.0.1/" });
    assert.match(await faultOf("subscribe"), /^Refused \w/);
    assert.equal(await page.evaluate(() => window.push.isSubscribed()), false);
  });

  await t.test("a notification of the page is shown with its actions, and taken away", async () => {
    await open();
    await page.evaluate(() => window.push.notify("Saved", { body: "All of it", tag: "saved", url: "/drafts", data: { id: 7 }, actions: [{ action: "undo", title: "Undo" }] }));
    const shown = () =>
      page.evaluate(async () => {
        const registration = await navigator.serviceWorker.ready;
        return (await registration.getNotifications()).map(({ title, body, tag, data, actions }) => ({ title, body, tag, data, actions: actions.map(({ action, title }) => ({ action, title })) }));
      });
    assert.deepEqual(await shown(), [
      { title: "Saved", body: "All of it", tag: "saved", data: { id: 7, url: "/drafts" }, actions: [{ action: "undo", title: "Undo" }] },
    ]);
    await page.evaluate(() => window.push.close("saved"));
    await page.waitForFunction(async () => (await (await navigator.serviceWorker.ready).getNotifications()).length === 0);
    await page.evaluate(() => window.push.notify("Gone soon", { autoClose: 1 }));
    await page.waitForFunction(async () => (await (await navigator.serviceWorker.ready).getNotifications()).length === 0);
  });

  await t.test("the page is told of a click", async () => {
    await open();
    await page.evaluate(() => {
      window.told = [];
      window.push.onClick((click) => window.told.push(click));
      return window.push.notify("Saved", { body: "All of it", tag: "saved", data: { id: 7 } });
    });
    const [worker] = context.serviceWorkers();
    await worker.evaluate(async () => {
      const [notification] = await self.registration.getNotifications({ tag: "saved" });
      self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action: "undo" }));
    });
    await page.waitForFunction(() => window.told.length > 0);
    const [{ action, notification }] = await page.evaluate(() => window.told);
    assert.deepEqual({ action, notification }, { action: "undo", notification: { title: "Saved", body: "All of it", tag: "saved", data: { id: 7 } } });
  });
});
