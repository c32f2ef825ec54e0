// An administrator looks at a running server and acts. The server was started with --dev, --trusted-proxies 127.0.0.1/32 and
// --webhook-allow 127.0.0.0/8.
//
//   SOCKEYE_URL     where it listens
//   SOCKEYE_BINARY  the program, and
//   SOCKEYE_DATA    its data folder, to say who is an administrator
//   SOCKEYE_COUNTED  two days of which it has counts
//   CHROMIUM, SCREENSHOT_DIR  as in chat.test.mjs

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";
import { Visitor } from "./visitor.mjs";

const { SOCKEYE_URL: base, SOCKEYE_BINARY: binary, SOCKEYE_DATA: data, SOCKEYE_COUNTED: counted } = process.env;
assert.ok(base && binary && data, "SOCKEYE_URL, SOCKEYE_BINARY and SOCKEYE_DATA must be set");

const run = randomBytes(3).toString("hex");
const operator = `Olga ${run}`;
const operatorID = `demo-olga-${run}`;
const address = "203.0.113.77";

/** The days that were counted, as the server calls them. */
const [yesterday, dayBefore] = (counted ?? "").split(" ");

let browser, page;
let begun = 0;
let done = 0;
const complaints = [];

const admin = (action, ...who) => execFileSync(binary, ["admin", action, "--data", data, ...who], { encoding: "utf8" });

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const context = await browser.newContext({ baseURL: base, locale: "en-GB", viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(60_000);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => console.error(`content policy: ${event.violatedDirective} refused ${event.blockedURI}`));
  });
  page = await context.newPage();
  // That somebody is no administrator is told by a 403, a block of no address by a 400, a room that is not there by a 404.
  page.on("console", (message) => message.type() === "error" && !/status of 40[034]/.test(message.text()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
});

after(() => browser?.close());

beforeEach(() => {
  assert.equal(begun, done, "an earlier step failed");
  begun++;
});

afterEach(async (context) => {
  if (context.passed) done++;
  else if (begun === done + 1) console.log(`The page says: ${await page.innerText("body")}`);
  assert.deepEqual(complaints, []);
});

const tile = (name) => page.getByTestId("tiles").getByRole("listitem").filter({ has: page.getByText(name, { exact: true }) });
const go = (tab) => page.getByRole("link", { name: tab, exact: true }).click();
const connection = (name) => page.getByTestId("connection").filter({ hasText: name });
const says = (text) => page.getByText(text, { exact: true }).waitFor();

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
  await page.screenshot({ path: join(folder, `admin-${name}.png`) });
}

test("who is no administrator sees nothing, and how to become one", async () => {
  const answer = await fetch(`${base}/api/dev/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: operator }),
  });
  const { token } = await answer.json();
  await page.goto("/admin");
  await isAccessible();
  await page.getByRole("button", { name: "Sign in with a token" }).click();
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "You are no administrator of this server" }).waitFor();
  await page.getByText(`sockeye admin grant ${operatorID}`).waitFor();
  assert.equal(await page.getByTestId("tiles").count(), 0);
  await isAccessible();
});

test("an administrator sees figures, which move", async () => {
  assert.equal(admin("grant", operatorID), `granted ${operatorID} (${operator})\n`);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await tile("Connections").getByText("0", { exact: true }).waitFor();
  const chart = page.getByRole("slider", { name: "Messages a second" });
  const before = await chart.getAttribute("aria-valuetext");

  const visitor = await new Visitor(base, address).arrive(`Vera ${run}`);
  await visitor.does("room:create", { id: `pier-${run}`, name: `Pier ${run}` });
  await tile("Connections").getByText("1", { exact: true }).waitFor();
  await tile("Users").getByText("1", { exact: true }).waitFor();
  assert.equal(await page.getByTestId("nodes").count(), 0, "of one node that is well there is nothing to show");
  await page.waitForFunction(
    ([element, text]) => element.getAttribute("aria-valuetext") !== text,
    [await chart.elementHandle(), before],
  );
  await shoot("overview");
  await isAccessible();

  // The keyboard looks back.
  await chart.focus();
  await page.keyboard.press("Home");
  assert.equal(await chart.getAttribute("aria-valuenow"), "0");
  await page.keyboard.press("End");
  assert.notEqual(await chart.getAttribute("aria-valuenow"), "0");
});

test("a connection is found and closed", async () => {
  await go("Connections");
  const name = `Wendy ${run}`;
  const visitor = await new Visitor(base, address).arrive(name);
  await page.getByRole("searchbox", { name: "Search" }).fill(name.toUpperCase());
  await connection(name).getByText("Socket.IO, polling").waitFor();
  await connection(name).getByText(address, { exact: true }).waitFor();
  await connection(`Vera ${run}`).waitFor({ state: "detached" }); // no sooner than the search is through
  assert.equal(await page.getByTestId("connection").count(), 1);
  await isAccessible();
  await shoot("connections");
  await page.getByRole("button", { name: `Disconnect ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Disconnect", exact: true }).click();
  await says(`${name} was disconnected.`);
  assert.match(await visitor.hears('42["error"'), /Disconnected by the server/);
  await says("No connection matches.");
  assert.equal(await visitor.status(), 200, "the token is good still");
});

test("a user is revoked", async () => {
  const name = `Xenia ${run}`;
  const visitor = await new Visitor(base, address).arrive(name);
  await page.getByRole("searchbox", { name: "Search" }).fill(name);
  await page.getByRole("button", { name: `Revoke ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke", exact: true }).click();
  await says(`All tokens of ${name} are revoked.`);
  assert.match(await visitor.hears('42["error"'), /Authentication failed/);
  assert.equal(await visitor.status(), 401);
});

test("an address is blocked and let in again, by hand and by itself", async () => {
  const name = `Yara ${run}`;
  const visitor = await new Visitor(base, address).arrive(name);
  await page.getByRole("searchbox", { name: "Search" }).fill(name);
  await page.getByRole("button", { name: `Block ${address}` }).click();
  const dialog = page.getByRole("dialog");
  await isAccessible();
  await dialog.getByLabel("Reason, for administrators").fill("floods");
  await dialog.getByRole("button", { name: "Block", exact: true }).click();
  await page.getByText(`${address} is blocked.`).waitFor();
  assert.match(await visitor.hears('42["error"'), /Address is blocked/);
  assert.equal(await visitor.mayKnock(), false);
  assert.equal(await visitor.status(), 403);
  await says("No connection matches.");

  await go("Blocked");
  await page.getByTestId("block").filter({ hasText: address }).getByText("floods").waitFor();
  await isAccessible();
  await page.getByRole("button", { name: `Unblock ${address}` }).click();
  await says("No address is blocked.");
  assert.equal(await visitor.status(), 200);

  await page.getByRole("button", { name: "Block an address" }).click();
  await dialog.getByLabel("IP address").fill("somewhere");
  await dialog.getByRole("button", { name: "Block", exact: true }).click();
  await dialog.getByText("address must be an IP address.").waitFor();
  await page.keyboard.press("Escape");

  const token = await page.evaluate(() => JSON.parse(sessionStorage.getItem("sockeye:session")).token);
  const blocked = await fetch(`${base}/api/v1/admin/blocks/${address}`, {
    method: "PUT",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({ seconds: 2 }),
  });
  assert.equal(blocked.status, 200);
  assert.equal(await visitor.status(), 403);
  while ((await visitor.status()) === 403); // until the time is over
  assert.equal(await visitor.mayKnock(), true);
});

test("rooms are listed, private ones too", async () => {
  await go("Rooms");
  await page.getByRole("searchbox", { name: "Search" }).fill(`pier-${run}`);
  await page.getByTestId("room").filter({ hasText: `Pier ${run}` }).getByText(/\(\d+ connections\)/).waitFor();
  await isAccessible();
});

test("jobs are seen, with those that have failed, retried, dropped and paused", async () => {
  const kind = page.getByTestId("job-kind").filter({ hasText: "Upkeep" });
  const dead = (task) => page.getByTestId("dead-job").filter({ hasText: `there is no upkeep called "${task}"` });
  await go("Jobs");
  await dead("tidy the harbour").waitFor(); // the test that runs this one has stored them
  await dead("paint the boats").waitFor();
  await kind.getByText("longest").waitFor(); // how long they took
  await page.getByTestId("job-figures").getByText(/waiting\. A node does up to \d+ at a time, and takes up to 100 of a kind, or 1 s of work/).waitFor();
  await page.getByLabel("Charts of").selectOption({ label: "Upkeep" });
  await page.getByRole("slider", { name: "Attempts a second" }).waitFor();
  await page.waitForFunction(() => /Waiting [1-9]/.test(document.querySelector('[role=slider][aria-label="Queue"]').getAttribute("aria-valuetext")));
  await shoot("jobs");
  await isAccessible();

  const dialog = page.getByRole("dialog");
  await dead("tidy the harbour").getByRole("button", { name: /^Details of Upkeep/ }).click();
  await dialog.getByText('"task": "tidy the harbour"').waitFor();
  await dialog.getByText("failed for good").waitFor();
  await shoot("job");
  await isAccessible();
  await dialog.getByRole("button", { name: "Close" }).click();

  await dead("tidy the harbour").getByRole("button", { name: /^Retry/ }).click();
  await says("The job is tried again.");
  await dead("tidy the harbour").waitFor({ state: "detached" });
  await dead("paint the boats").getByRole("button", { name: /^Drop/ }).click();
  await dialog.getByRole("button", { name: "Drop", exact: true }).click();
  await says("The job is removed.");
  await says("No job has failed for good.");

  await page.getByRole("button", { name: "Pause Upkeep" }).click();
  await dialog.getByRole("button", { name: "Pause", exact: true }).click();
  await says("Upkeep: paused.");
  await kind.getByText("Paused", { exact: true }).waitFor();
  await isAccessible();
  await page.getByRole("button", { name: "Resume Upkeep" }).click();
  await says("Upkeep: resumed.");
  await kind.getByText("Paused", { exact: true }).waitFor({ state: "detached" });
});

test("a job that waits is done now, or cancelled", async () => {
  const waiting = (what) => page.getByTestId("waiting-job").filter({ hasText: what });
  const dialog = page.getByRole("dialog");
  await page.getByLabel("Kind", { exact: true }).first().selectOption({ label: "Upkeep" });
  await waiting("it rained").waitFor(); // the test that runs this one has stored it, for tomorrow
  await isAccessible();
  await shoot("jobs-waiting");
  await waiting("it rained").getByRole("button", { name: /^Details of Upkeep/ }).click();
  await dialog.getByText('"task": "air the sails"').waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();
  await waiting("it rained").getByRole("button", { name: /^Do now: Upkeep/ }).click();
  await says("The job is done now.");
  await waiting("it rained").waitFor({ state: "detached" });
  await page.getByTestId("dead-job").filter({ hasText: 'there is no upkeep called "air the sails"' }).waitFor();

  await waiting("it snowed").getByRole("button", { name: /^Cancel Upkeep/ }).click();
  await dialog.getByText("What it should do is never done.").waitFor();
  await isAccessible();
  await dialog.getByRole("button", { name: "Cancel the job" }).click();
  await says("The job is cancelled.");
  await waiting("it snowed").waitFor({ state: "detached" });
});

test("webhooks are made, tried, changed, disabled and enabled again", async () => {
  const heard = [];
  let told = () => {};
  let answer = 204;
  const receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      heard.push({ signature: request.headers["webhook-signature"], ...JSON.parse(body) });
      response.writeHead(answer).end();
      told();
    });
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${receiver.address().port}/hook`;
    const hook = page.getByTestId("webhook");
    const dialog = page.getByRole("dialog");
    const act = (action) => hook.getByRole("button", { name: `${action} ${url}`, exact: true }).click();
    await go("Webhooks");
    await says("There is no webhook.");
    await isAccessible();

    await page.getByRole("button", { name: "Create a webhook" }).click();
    await dialog.getByLabel("Leads to").fill("http://169.254.169.254/latest/meta-data/");
    await dialog.getByRole("button", { name: "Create a webhook" }).click();
    await dialog.getByText(/^That did not work: url must not lead to 169\.254\.169\.254/).waitFor();
    await dialog.getByLabel("Leads to").fill(url);
    await dialog.getByLabel("Description").fill("The bot of the harbour");
    await dialog.getByLabel("Choose a room").selectOption({ label: `Pier ${run}` });
    assert.equal(await dialog.getByLabel("Rooms", { exact: true }).inputValue(), `pier-${run}`);
    await isAccessible();
    await shoot("webhook-form");
    await dialog.getByRole("button", { name: "Create a webhook" }).click();
    const secret = await dialog.getByLabel("Secret for signatures").inputValue();
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    await isAccessible();
    await dialog.getByRole("button", { name: "Close" }).click();
    await hook.getByText("message.created", { exact: true }).waitFor();
    await hook.getByText(`Pier ${run}`, { exact: true }).waitFor();

    await act("Test");
    await hook.getByText(/^The test was delivered: 204, in /).waitFor();
    assert.deepEqual(heard.map(({ type }) => type), ["webhook.test"]);
    assert.match(heard[0].signature, /^v1,\S+$/);
    answer = 500;
    await act("Test");
    await hook.getByText("The test was not delivered. The answer was 500 Internal Server Error").waitFor();
    answer = 204;

    await act("New secret for");
    await dialog.getByRole("button", { name: "New secret", exact: true }).click();
    assert.notEqual(await dialog.getByLabel("Secret for signatures").inputValue(), secret);
    await dialog.getByRole("button", { name: "Close" }).click();
    await hook.getByText(/^The secret before signs too until /).waitFor();

    await act("Edit");
    await dialog.getByRole("checkbox", { name: "All events" }).check();
    await dialog.getByRole("button", { name: "Save" }).click();
    await says(`${url} is changed.`);
    await hook.getByText("All events", { exact: true }).waitFor();

    await act("Switch off");
    await dialog.getByRole("button", { name: "Switch off", exact: true }).click();
    await hook.getByText("Switched off", { exact: true }).waitFor();
    assert.equal(await page.getByRole("link", { name: /^Webhooks \d/ }).count(), 0, "who switches it off knows");
    await act("Enable");
    await hook.getByText("Enabled", { exact: true }).waitFor();

    // The receiver wants nothing any more: the server disables it, which is seen wherever one is, also by who comes later.
    answer = 410;
    const author = await new Visitor(base, address).arrive(`Vera ${run}`);
    await author.does("room:join", { roomId: `pier-${run}` });
    await author.does("room:message", { roomId: `pier-${run}`, content: "Ahoy" });
    await hook.getByText("The answer was 410 Gone").waitFor();
    await go("Rooms");
    await page.reload();
    await page.getByRole("link", { name: "Webhooks 1 disabled" }).click();
    await hook.getByText("The answer was 410 Gone").waitFor();
    await isAccessible();
    await shoot("webhooks");
    await act("Deliveries to");
    await dialog.getByTestId("delivery").filter({ hasText: "webhook.test" }).first().waitFor();
    await dialog.locator("[data-outcome=given_up]").filter({ hasText: "410 Gone" }).first().waitFor();
    await dialog.locator("[data-outcome=delivered]").filter({ hasText: "Delivered (204)" }).first().waitFor();
    await isAccessible();
    await shoot("webhook-deliveries");
    await dialog.getByRole("button", { name: "Close" }).click();

    answer = 204;
    const before = heard.length;
    await act("Enable");
    await page.getByRole("link", { name: "Webhooks", exact: true }).waitFor();
    await author.does("room:message", { roomId: `pier-${run}`, content: "Ahoy again" });
    while (!heard.slice(before).some(({ data }) => data.content === "Ahoy again")) await new Promise((resolve) => (told = resolve));

    await act("Delete");
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await says("There is no webhook.");
  } finally {
    receiver.closeAllConnections();
    await new Promise((resolve) => receiver.close(resolve));
  }
});

test("what comes into a room from outside does so until its way is closed", async () => {
  const dialog = page.getByRole("dialog");
  const incoming = page.getByTestId("incoming");
  await page.getByRole("button", { name: "Create an incoming webhook" }).click();
  await dialog.getByLabel("Id of the room").fill("nowhere");
  await dialog.getByLabel("Name of the bot").fill("Weather");
  await dialog.getByRole("button", { name: "Create an incoming webhook" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByLabel("Choose a room").selectOption({ label: `Pier ${run}` });
  await isAccessible();
  await dialog.getByRole("button", { name: "Create an incoming webhook" }).click();
  const way = await dialog.getByLabel("Address to post to").inputValue();
  await dialog.getByRole("button", { name: "Close" }).click();
  await incoming.getByText("Weather", { exact: true }).waitFor();
  await incoming.getByText(`Pier ${run}`, { exact: true }).waitFor();
  const post = () => fetch(way, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text: "It will rain at noon." }) });
  assert.equal((await post()).status, 201);
  await incoming.getByRole("button", { name: `Delete Weather of Pier ${run}` }).click();
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await says("There is no incoming webhook.");
  assert.equal((await post()).status, 404);
});

test("what the server is used for is counted by day, week and month", async () => {
  const unit = (date) => page.getByTestId("usage-unit").filter({ has: page.locator(`time[datetime="${date}"]`) });
  const users = (date) => unit(date).locator("td").nth(1);
  await go("Usage");
  await page.getByTestId("usage-unit").nth(29).waitFor();
  await page.getByText(/^Messages are counted once they are a minute old/).waitFor();
  // The test that runs this one has stored counts of the last two days.
  for (const [by, shown] of [["Month", "month"], ["Week", "week"], ["Day", "day"]]) {
    await page.getByLabel("By", { exact: true }).selectOption({ label: by });
    await page.locator(`[data-testid=usage][data-by=${shown}]`).waitFor();
    await isAccessible();
  }
  for (const [day, messages, active] of [[yesterday, "120", "3"], [dayBefore, "80", "6"]]) {
    await unit(day).getByText(messages, { exact: true }).waitFor();
    assert.equal(await users(day).innerText(), active);
  }
  const chart = page.getByRole("slider", { name: "Messages" });
  await chart.focus();
  await page.keyboard.press("ArrowLeft");
  assert.match(await chart.getAttribute("aria-valuetext"), /: Messages 120$/);
  await shoot("usage");
});

test("it is usable in the dark and on a phone", async () => {
  const token = await page.evaluate(() => JSON.parse(sessionStorage.getItem("sockeye:session")).token);
  const made = await fetch(`${base}/api/v1/admin/webhooks`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({ url: "https://bot.example/a-long-address/that-goes-on-and-on-without-any-end-in-sight", events: ["*"], rooms: [`pier-${run}`] }),
  });
  assert.equal(made.status, 201);
  await new Visitor(base, "203.0.113.78").arrive(`Zoe ${run}`);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 844 });
  for (const [tab, shown] of [["Overview", "tiles"], ["Connections", "connection"], ["Rooms", "room"], ["Usage", "usage-unit"], ["Jobs", "job-kind"], ["Webhooks", "webhook"]]) {
    await go(tab);
    await page.getByTestId(shown).first().waitFor();
    await isAccessible();
    const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= seen, `${tab} is ${wide} wide on a screen of ${seen}`);
  }
  await go("Overview");
  await shoot("phone");
});

test("all of it is in Chinese too, without an id that was made, and stays so", async () => {
  const made = /\bu_[a-z0-9]{6,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
  const { token, user } = await (await fetch(new URL("/api/v1/accounts", base), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ login: `lin${run}`, username: `林 ${run}`, password: "correct horse battery" }),
  })).json();
  await fetch(new URL("/api/v1/rooms", base), {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({ name: `码头 ${run}` }),
  });
  assert.match(user.userId, made);
  await page.getByLabel("Language").selectOption("zh");
  await page.reload();
  for (const [tab, shown] of [["概览", page.getByTestId("tiles")], ["连接", page.getByTestId("connection")], ["房间", page.getByTestId("room")], ["用量", page.getByTestId("usage-unit")], ["任务", page.getByTestId("job-kind")], ["Webhook", page.getByTestId("webhook")], ["封锁", page.getByRole("button", { name: "封锁地址" })]]) {
    await page.getByRole("link", { name: tab, exact: true }).click();
    await shown.first().waitFor();
    if (tab === "房间") {
      await page.getByRole("searchbox", { name: "搜索" }).fill(run);
      await page.getByTestId("room").filter({ hasText: `码头 ${run}` }).getByText(`林 ${run}`).waitFor();
    }
    const text = await page.innerText("body");
    assert.doesNotMatch(text, made, tab);
    const english = text.match(/\b(Connections?|Users?|Memory|Processor|Queues?|Rooms?|Address|Search|Sort|Sign|Messages?|Delivered|Active|Blocked|limit|idle|ago|min)\b/g);
    assert.equal(english, null, `${tab} says ${english} in: ${text}`);
    await shoot(`admin-zh-${tab}`);
  }
  await page.getByRole("button", { name: "封锁地址" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("IP 地址").fill("somewhere");
  await dialog.getByRole("button", { name: "封锁", exact: true }).click();
  await dialog.getByText("操作失败：IP 地址不符合要求，请换一个。").waitFor();
  await dialog.getByRole("button", { name: "取消" }).click();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
  await page.getByLabel("语言").selectOption("en");
});

test("who is no administrator any more sees nothing within a second or two", async () => {
  await go("Overview");
  await page.getByTestId("tiles").waitFor();
  admin("revoke", operatorID);
  await page.getByRole("heading", { name: "You are no administrator of this server" }).waitFor();
});
