// An administrator looks at three servers of one database, one of which falls silent and one of which stops; people see on which
// they are. SOCKEYE_TEST_DATABASE is a PostgreSQL database for them; CHROMIUM, SCREENSHOT_DIR as in chat.test.mjs.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";
import { Server } from "./server.mjs";
import { Visitor } from "./visitor.mjs";

const database = process.env.SOCKEYE_TEST_DATABASE;
assert.ok(database, "SOCKEYE_TEST_DATABASE must be set");

let browser, page, servers;
let begun = 0;
let done = 0;
const complaints = [];

before(async () => {
  servers = [];
  for (let i = 0; i < 3; i++) servers.push(await Server.start("--database", database));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const context = await browser.newContext({ baseURL: servers[0].url, locale: "en-GB", viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(60_000);
  page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
});

after(async () => {
  await browser?.close();
  for (const server of servers) server.thaw(); // where a step has failed
  await Promise.all(servers.map((server) => server.stop()));
});

beforeEach(() => {
  assert.equal(begun, done, "an earlier step failed");
  begun++;
});

afterEach(async (context) => {
  if (context.passed) done++;
  else if (begun === done + 1) console.log(`The page says: ${await page.innerText("body")}`);
  assert.deepEqual(complaints, []);
});

/** The row of a server, in a condition if one is wanted. */
const row = (server, condition) =>
  page.locator(`[data-testid=node]${condition ? `[data-condition=${condition}]` : ""}`).filter({ hasText: `:${new URL(server.url).port}` });

async function isAccessible() {
  const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(`${source}; undefined`);
  const found = await page.evaluate(() => window.axe.run(document));
  assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`), []);
}

async function shoot(name) {
  const folder = process.env.SCREENSHOT_DIR;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `nodes-${name}.png`), fullPage: true });
}

test("all nodes are there and well, with what each does", async () => {
  for (const [i, server] of servers.entries()) {
    const visitor = await new Visitor(server.url, "203.0.113.7").arrive(`Vera ${i}`);
    await visitor.does("room:create", { id: `pier-${i}`, name: `Pier ${i}` });
  }
  // One whose requests come to another server than the session is on.
  const wanderer = await new Visitor(servers[0].url, "203.0.113.8", servers[1].url).arrive("Wanda");
  wanderer.hears("what nobody says").catch(() => {}); // until the servers stop
  await page.goto("/admin");
  await page.getByRole("button", { name: "Continue as the demo administrator" }).click();
  for (const server of servers) await row(server, "well").getByText("Ready", { exact: true }).waitFor();
  assert.equal(await page.getByTestId("node").count(), 3);
  assert.equal(await page.getByTestId("node").filter({ hasText: "this one" }).count(), 1);
  await row(servers[0]).getByText("this one").waitFor();
  for (const server of servers) {
    await row(server).getByText("NOTIFY, connected").waitFor();
    await row(server).getByText("in step", { exact: true }).waitFor();
  }
  await row(servers[1]).locator("[data-label='Passed on']").getByText("1", { exact: true }).waitFor();
  await row(servers[0]).locator("[data-label=Taken]").getByText("1", { exact: true }).waitFor();
  await isAccessible();
  await shoot("light");
  await page.getByText("Details", { exact: true }).click();
  for (const server of servers) {
    const log = page.getByTestId("logs").getByRole("row").filter({ has: page.getByRole("rowheader", { name: `:${new URL(server.url).port}` }) });
    await log.waitFor();
    assert.equal(await log.getByText("in step", { exact: true }).count(), 3);
  }
  const passed = page.getByTestId("passed").getByRole("row").filter({ has: page.getByRole("rowheader", { name: `:${new URL(servers[1].url).port}` }) });
  await passed.getByText(/^1 now; [0-9]+ requests, 0 WebSockets$/).waitFor();
  await isAccessible();
  await shoot("details");
});

test("one that does not answer is silent, until it does again", async () => {
  servers[2].freeze();
  await row(servers[2], "silent").getByText(/^Silent, heard of /).waitFor();
  await row(servers[1]).getByText(/^Ready/).waitFor(); // with a way to the silent one or without, as the case may be
  await isAccessible();
  await shoot("silent");
  servers[2].thaw();
  await row(servers[2], "well").waitFor();
});

test("it is usable in the dark, on a phone and in Chinese", async () => {
  await page.emulateMedia({ colorScheme: "dark" });
  await isAccessible();
  await shoot("dark");
  await page.setViewportSize({ width: 390, height: 844 });
  await isAccessible();
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= seen, `it is ${wide} wide on a screen of ${seen}`);
  await shoot("phone");
  await page.getByLabel("Language").selectOption("zh");
  for (const server of servers) await row(server, "well").getByText("就绪", { exact: true }).waitFor();
  const text = await page.getByTestId("nodes").innerText();
  const english = text.match(/\b(Node|State|Ready|Silent|Behind|News|Delivered|in step|connected|Memory|Processor|Users?|Connections?|ago|this one|Up)\b/g);
  assert.equal(english, null, `it says ${english} in: ${text}`);
  await isAccessible();
  await shoot("zh");
  await page.getByLabel("语言").selectOption("en");
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
});

test("one that stops is missed by nobody", async () => {
  const [stopped] = servers.splice(2, 1);
  await stopped.stop();
  await row(stopped).waitFor({ state: "detached" });
  assert.equal(await page.getByTestId("node").count(), 2);
});

test("people see on which node they are", async () => {
  const title = await row(servers[0]).getByRole("rowheader").getAttribute("title");
  await page.goto("/");
  await page.getByTestId("connection").getByText("Connected", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByTestId("diagnostics").getByText(`Connected to node ${title.slice(0, 8)}`).waitFor();
  await isAccessible();
  await shoot("settings");
});
