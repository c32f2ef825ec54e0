// A long history, read from its end to its beginning.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

const length = 5000;
const writers = 8;

let server, browser;

before(async () => {
  server = await Server.start("--limits", "off");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Fills a room by the HTTP API. */
async function write() {
  const { token } = await server.ask("POST", "/api/dev/login", { name: "Alice" });
  await server.ask("POST", "/api/v1/rooms", { id: "log", name: "Log" }, token);
  let next = 0;
  const writer = async () => {
    while (next < length) {
      const number = ++next;
      await server.ask("POST", "/api/v1/rooms/log/messages", { content: `Entry ${number}${"\nand more".repeat(number % 4)}` }, token);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
}

test("a history of 5,000 messages scrolls to its beginning without a jump, and back", async () => {
  await write();
  const alice = await Person.arrive(browser, server.url, "Alice");
  await alice.signIn();
  await alice.open("Log");
  await alice.page.waitForFunction(() => document.querySelectorAll("main [data-message-id]").length >= 50);
  const { seen, jumps, most } = await alice.page.evaluate(scrollToBeginning);
  assert.deepEqual(jumps, [], "nothing jumps");
  assert.equal(seen, length, "every message was there");
  assert.ok(most <= 260, `the page held ${most} messages at a time`);
  await alice.sees("This is the beginning of Log.");
  await alice.shoot("beginning-light");

  await alice.press("Newest messages");
  await alice.page.waitForFunction(() => {
    const list = document.querySelector("main [role=log]");
    return list.scrollHeight - list.scrollTop - list.clientHeight < 2;
  });
  await alice.say("The last word.");
  assert.deepEqual(alice.complaints, []);
});

// Runs in the page: scrolls as a reader does, and watches that what is in view stays in its place.
async function scrollToBeginning() {
  const list = document.querySelector("main [role=log]");
  const lines = () => [...list.querySelectorAll("[data-message-id]")];
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const isAtBeginning = () => list.scrollTop === 0 && list.textContent.includes("This is the beginning of Log.");
  const seen = new Set();
  const jumps = [];
  let most = 0;
  let still = 0; // frames in a row in which nothing came
  while (!isAtBeginning()) {
    const shown = lines();
    most = Math.max(most, shown.length);
    for (const line of shown) seen.add(line.dataset.messageId);
    const { top } = list.getBoundingClientRect();
    const first = shown.find((line) => line.getBoundingClientRect().bottom > top);
    const before = first.getBoundingClientRect().top;
    const step = Math.min(600, list.scrollTop);
    list.scrollTop -= step;
    await frame();
    still = step === 0 ? still + 1 : 0;
    if (still > 600) throw new Error(`nothing more comes above “${list.textContent.slice(0, 200)}”`);
    const by = first.isConnected ? first.getBoundingClientRect().top - before - step : 0;
    if (Math.abs(by) > 2) jumps.push(`${first.textContent.slice(0, 20)} by ${by} px`);
  }
  for (const line of lines()) seen.add(line.dataset.messageId);
  return { seen: seen.size, jumps, most };
}
