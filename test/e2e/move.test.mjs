// A server's data moves from its folder to PostgreSQL: the page shows the same, one that was open all the while too.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

let server, browser, alice;

before(async () => {
  server = await Server.start();
  browser = await launch();
  // The server is away for a while, which the browser says.
  const mayReport = (text) => /WebSocket connection|ERR_CONNECTION|Failed to load resource/.test(text);
  alice = await Person.arrive(browser, server.url, "Alice", { mayReport });
  await alice.signIn();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** What somebody sees: all of every conversation, and then the list, in which nothing is unread. */
async function view(person) {
  const seen = {};
  for (const name of ["Harbour", "Bob"]) {
    await person.open(name);
    seen[name] = await lines(person.page.getByRole("main").locator("[data-testid=message]"));
  }
  await person.page.waitForFunction(() => !document.querySelector("nav").textContent.includes("unread messages"));
  return { ...seen, list: await lines(person.page.getByRole("navigation").getByRole("listitem")) };
}

async function lines(items) {
  await items.first().waitFor();
  return items.allInnerTexts();
}

test("after a move to PostgreSQL the page shows what it showed before", async () => {
  await alice.createRoom("Harbour", { id: "harbour" });
  for (const text of ["The ferry is late", "Tickets are sold out", "Never mind"]) await alice.say(text);
  const { token, user: bob } = await server.ask("POST", "/api/dev/login", { name: "Bob" });
  const { token: own, user } = await server.ask("POST", "/api/dev/login", { name: "Alice" });
  await server.ask("PUT", `/api/v1/friend-requests/${user.id}`, undefined, token);
  await server.ask("POST", `/api/v1/friend-requests/${bob.id}/accept`, undefined, own);
  await server.ask("POST", "/api/v1/rooms/harbour/join", undefined, token);
  const { messages } = await server.ask("GET", "/api/v1/rooms/harbour/messages", undefined, token);
  const late = messages.find(({ content }) => content === "The ferry is late");
  await server.ask("PUT", `/api/v1/messages/${late.id}/reactions/${encodeURIComponent("👍")}`, undefined, token);
  await server.ask("POST", `/api/v1/users/${user.id}/messages`, { content: "Shall we walk?" }, token);
  await alice.sees("Shall we walk?");
  await alice.open("Harbour");
  await alice.say("In the folder");

  const before = await view(alice);
  await server.moveTo(process.env.SOCKEYE_TEST_DATABASE);
  await alice.is("Connected");
  assert.deepEqual(await view(alice), before, "a page that was open");
  await alice.shoot("moved-light");
  const again = await Person.arrive(browser, server.url, "Alice");
  await again.signIn();
  assert.deepEqual(await view(again), before, "a page that was opened behind it");

  await again.open("Harbour");
  await again.say("In the database");
  await alice.open("Harbour");
  await alice.reads("In the folder", "In the database");
  for (const person of [alice, again]) assert.deepEqual(person.complaints, []);
});
