// What becomes of messages when the network or the server goes.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

const room = "Weather";
const outage = 20_000; // ms
const isNetworkError = (text) => /ERR_|WebSocket connection/.test(text);

let server, browser, alice, bob;
/** While the page may not have a WebSocket, though the server is there. */
let isBarred = false;

before(async () => {
  server = await Server.start();
  browser = await launch();
  alice = await Person.arrive(browser, server.url, "Alice", {
    mayReport: isNetworkError,
    prepare: (context) => context.routeWebSocket(/\/ws$/, (socket) => (isBarred ? socket.close({ code: 1001 }) : socket.connectToServer())),
  });
  bob = await Person.arrive(browser, server.url, "Bob", { mayReport: isNetworkError });
  for (const person of [alice, bob]) await person.signIn();
  await alice.createRoom(room, { id: "weather" });
  await bob.joinRoom(room);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(async (context) => {
  for (const person of [alice, bob]) {
    if (!context.passed) await person.shoot(`failed-network-${person.name}`);
    else assert.deepEqual(person.complaints, [], `${person.name}'s console`);
  }
});

/** Everybody has these once, in this order, at the end. */
async function haveAll(texts) {
  for (const person of [alice, bob]) {
    await person.reads(...texts);
    const shown = (await person.messages()).filter((text) => texts.includes(text));
    assert.deepEqual(shown, texts, `${person.name} has each once`);
  }
}

test("what is written in 20 s without a network arrives once and in order when it is back", async () => {
  await bob.say("Wind from the west.");
  await bob.context.setOffline(true);
  const isBack = sleep(outage); // the promise is about a time, so this one waits for time
  await bob.is("Offline");
  const written = ["Rain at nine.", "Sun at ten.", "Fog at night."];
  for (const text of written) {
    await bob.type(text);
    await bob.message(text, "pending").waitFor();
  }
  await bob.shoot("offline-light");
  await bob.audit("a conversation without a network");
  await alice.say("Bob? Are you there?");
  await isBack;
  await bob.is("Offline");
  for (const text of written) await bob.message(text, "pending").waitFor();
  await alice.reads("Wind from the west.", "Bob? Are you there?");
  await bob.context.setOffline(false);
  await bob.is("Connected");
  await haveAll(["Bob? Are you there?", ...written]);
});

test("a killed server that comes back finds both, and loses nothing", async () => {
  await alice.say("Before the storm.");
  await bob.reads("Before the storm.");
  await server.kill();
  for (const person of [alice, bob]) await person.is("(Reconnecting|Offline)");
  await alice.type("During the storm.");
  await alice.message("During the storm.", "pending").waitFor();
  await server.restart();
  for (const person of [alice, bob]) await person.is("Connected");
  await haveAll(["Before the storm.", "During the storm."]);
  await bob.say("After it.");
  await haveAll(["Before the storm.", "During the storm.", "After it."]);
});

test("a reload keeps what waits", async () => {
  isBarred = true;
  await alice.page.reload();
  const written = ["One, from before.", "Two, from before."];
  for (const text of written) {
    await alice.type(text);
    await alice.message(text, "pending").waitFor();
  }
  await alice.page.reload();
  for (const text of written) await alice.message(text, "pending").waitFor();
  isBarred = false;
  await alice.page.reload();
  await alice.is("Connected");
  await haveAll(written);
});

test("a reload without a network shows what waits, and goes on when it is back", async () => {
  await bob.page.evaluate(() => navigator.serviceWorker.ready);
  await bob.context.setOffline(true);
  await bob.is("Offline");
  const written = ["Three, from nowhere.", "Four, from nowhere."];
  for (const text of written) {
    await bob.type(text);
    await bob.message(text, "pending").waitFor();
  }
  await bob.page.reload();
  await bob.is("Offline");
  await bob.isIn(room);
  for (const text of written) await bob.message(text, "pending").waitFor();
  await bob.audit("a page without a network");
  await bob.shoot("opened-offline-light");
  written.push("Five, after the reload.");
  await bob.type(written[2]);
  await bob.message(written[2], "pending").waitFor();
  await bob.context.setOffline(false);
  await bob.is("Connected");
  await haveAll(written);
});

test("a room that was just joined has its name without a network too", async () => {
  await alice.createRoom("Harvest", { id: "harvest" });
  await bob.joinRoom("Harvest");
  await bob.context.setOffline(true);
  await bob.is("Offline");
  await bob.page.reload();
  await bob.isIn("Harvest");
  await bob.context.setOffline(false);
  for (const person of [alice, bob]) {
    await person.is("Connected");
    await person.open(room);
  }
});

test("a page that is opened while the server is away finds what waits by itself", async () => {
  await server.kill();
  await alice.is("(Reconnecting|Offline)");
  await alice.type("Written to nobody.");
  await alice.message("Written to nobody.", "pending").waitFor();
  await alice.page.evaluate(() => sessionStorage.removeItem("sockeye:current:demo-alice"));
  await alice.page.reload();
  await alice.open(room);
  await alice.message("Written to nobody.", "pending").waitFor();
  await server.restart();
  for (const person of [alice, bob]) await person.is("Connected");
  await bob.reads("Written to nobody.");
  await alice.reads("Written to nobody.");
});
