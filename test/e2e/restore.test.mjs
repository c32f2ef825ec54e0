// The server is restored from a backup while a page is open that has seen more: the page shows what there is.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

let server, browser, alice, bob, token;

before(async () => {
  server = await Server.start();
  browser = await launch();
  ({ token } = await server.ask("POST", "/api/dev/login", { name: "Alice" }));
  await server.ask("POST", "/api/v1/rooms", { id: "log", name: "Log" }, token);
  // The server is away for a while, which the browser says.
  const mayReport = (text) => /WebSocket connection|ERR_CONNECTION|Failed to load resource/.test(text);
  alice = await Person.arrive(browser, server.url, "Alice", { mayReport });
  bob = await Person.arrive(browser, server.url, "Bob", { mayReport });
  for (const person of [alice, bob]) await person.signIn();
  await bob.joinRoom("Log");
  await alice.open("Log");
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const say = (content) => server.ask("POST", "/api/v1/rooms/log/messages", { content }, token);

test("a page that was ahead of the backup shows what was restored, and what is said from then on", async () => {
  await say("Kept");
  await bob.reads("Kept");
  const restore = await server.backUp();
  await say("Lost with the disk");
  await say("And this too");
  for (const person of [alice, bob]) await person.reads("Lost with the disk", "And this too");
  await server.kill();
  await restore();
  await server.restart();
  for (const content of ["New one", "New two", "New three"]) await say(content);
  for (const person of [alice, bob]) {
    await person.is("Connected");
    await person.reads("Kept", "New one", "New two", "New three");
    assert.equal(await person.page.getByText("Lost with the disk").count(), 0);
  }
  await bob.say("In step again");
  await alice.reads("New three", "In step again");
  for (const person of [alice, bob]) assert.deepEqual(person.complaints, [], `${person.name}'s console`);
});
