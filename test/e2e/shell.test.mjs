// What the service worker keeps of a build of the web app, what it leaves alone, and what becomes of it after the next build.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Builds } from "./builds.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

let server, builds, browser, grace, page;

before(async () => {
  server = await Server.start();
  builds = await Builds.before(server.url);
  browser = await launch();
  grace = await Person.arrive(browser, builds.url, "Grace", { mayReport: (text) => /ERR_|status of (401|404|502)/.test(text) });
  page = grace.page;
});

after(async () => {
  await browser?.close();
  await builds?.stop();
  await server?.stop();
});

afterEach((context) => {
  if (context.passed) assert.deepEqual(grace.complaints, []);
});

/** Waits until the page's worker is of that build, and all that is kept too. */
async function keeps(build) {
  await page.evaluate(async (build) => {
    const isKept = async () => {
      const names = await caches.keys();
      const registration = await navigator.serviceWorker.getRegistration();
      if (names.length !== 1 || registration?.active?.state !== "activated" || registration.installing || registration.waiting) return false;
      const kept = await (await caches.open(names[0])).match("/", { ignoreVary: true });
      return (await kept?.text())?.includes(`content="${build}"`);
    };
    while (!(await isKept())) await new Promise(requestAnimationFrame);
  }, build);
}

/** The build of the page that is shown. */
const shown = () => page.evaluate(() => document.querySelector("meta[name=build]").content);

async function reloadWithoutAServer() {
  await builds.stop();
  await page.reload();
  await page.getByLabel("Login name").fill("grace");
  await builds.start();
}

test("it keeps the page, its scripts and styles, and nothing else", async () => {
  await keeps("first");
  await page.reload(); // from here on the worker sees all requests
  await page.evaluate(() => Promise.all(["/api/v1/me", "/health", "/metrics", "/admin", "/nowhere"].map((path) => fetch(path))));
  const kept = await page.evaluate(async () => {
    const requests = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname);
  });
  assert.ok(kept.length >= 3, `${kept}`);
  assert.deepEqual(kept.filter((path) => path !== "/" && !/^\/assets\/[\w.-]+\.(js|css)$/.test(path)), []);
});

test("without a server it answers for the page, and for nothing else", async () => {
  await builds.stop();
  await page.reload();
  await page.getByLabel("Login name").fill("grace");
  assert.equal(await shown(), "first");
  const answers = await page.evaluate(() =>
    Promise.all(["/api/v1/me", "/health", "/socket.io/?EIO=4&transport=polling", "/admin"].map((path) => fetch(path).then(() => path, () => "none"))),
  );
  assert.deepEqual(answers, ["none", "none", "none", "none"]);
  const other = await grace.context.newPage();
  await assert.rejects(other.goto("/admin"), /ERR_CONNECTION_REFUSED/);
  await other.close();
  await builds.start();
});

test("a proxy that finds no server is no page", async () => {
  builds.isBroken = true;
  await page.reload();
  await page.getByLabel("Login name").fill("grace");
  assert.equal(await shown(), "first");
  builds.isBroken = false;
});

test("the page is the server's as soon as there is one; files come from what is kept", async () => {
  builds.asked.length = 0;
  await page.reload();
  await page.getByLabel("Login name").waitFor();
  assert.ok(builds.asked.includes("/"));
  assert.deepEqual(builds.asked.filter((path) => path.startsWith("/assets/")), []);
});

test("after an upgrade the next build is shown at once, and replaces what was kept", async () => {
  builds.page = builds.worker = "second";
  await page.reload();
  assert.equal(await shown(), "second");
  await keeps("second");
  await reloadWithoutAServer();
  assert.equal(await shown(), "second");
});

test("a worker that is not of the server's page keeps nothing: what was whole stays", async () => {
  builds.worker = "third"; // as in the middle of an upgrade
  const state = await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    const isFound = new Promise((resolve) => registration.addEventListener("updatefound", resolve));
    await registration.update();
    await isFound;
    const worker = registration.installing;
    if (worker?.state === "installing") await new Promise((resolve) => worker.addEventListener("statechange", resolve));
    return worker?.state ?? "redundant";
  });
  assert.equal(state, "redundant");
  await keeps("second");
  await reloadWithoutAServer();
  assert.equal(await shown(), "second");
  builds.page = "third";
  await page.reload();
  await keeps("third");
});

test("pages that are open go on while the build is replaced", async () => {
  const other = await grace.context.newPage();
  await other.goto("/");
  await other.getByLabel("Login name").fill("half a na");
  builds.page = builds.worker = "fourth";
  await page.reload();
  await keeps("fourth");
  await other.getByLabel("Login name").pressSequentially("me");
  assert.equal(await other.getByLabel("Login name").inputValue(), "half a name");
  await reloadWithoutAServer();
  assert.equal(await shown(), "fourth");
  await other.close();
});
