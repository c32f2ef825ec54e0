// Two people in two browser profiles talk through a running server started with --dev.
//
//   SOCKEYE_URL     where it listens
//   CHROMIUM        the browser; /usr/bin/chromium when unset
//   SCREENSHOT_DIR  where to put screenshots; none are made when unset

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";
import { Network } from "./network.mjs";
import { Person } from "./people.mjs";

const base = process.env.SOCKEYE_URL;
assert.ok(base, "SOCKEYE_URL is not set: start `sockeye serve --dev` and give its address");

// The server may be in use for longer than one run.
const room = `harbour-${randomBytes(3).toString("hex")}`;
const inRoom = ["Good morning! Is anybody at the pier yet?", "On my way, ten minutes.\nI bring the charts.", "Perfect, coffee is on me."];
const inPrivate = ["Between us: did you get the spare keys?", "Yes, they are with me."];

let browser, alice, bob;
let begun = 0;
let done = 0;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  alice = await Person.arrive(browser, base, "Alice");
  bob = await Person.arrive(browser, base, "Bob", { colorScheme: "dark" });
});

after(() => browser?.close());

// The tests are one story: after a broken step the next ones would only wait in vain.
beforeEach(() => {
  assert.equal(begun, done, "an earlier step failed");
  begun++;
});

afterEach((context) => {
  for (const person of [alice, bob]) assert.deepEqual(person.complaints, [], `${person.name}'s console`);
  if (context.passed) done++;
});

test("two people sign in", async () => {
  await alice.shoot("1-sign-in-light");
  await bob.shoot("1-sign-in-dark");
  await alice.signIn();
  await bob.signIn();
});

test("they talk in a room", async () => {
  await alice.createRoom(room);
  await alice.sees("Nothing has been said here yet.");
  await bob.joinRoom(room);
  await alice.sees("Bob joined");

  await alice.say(inRoom[0]);
  await bob.reads(inRoom[0]);
  await bob.say(inRoom[1]);
  await alice.say(inRoom[2]);
  for (const person of [alice, bob]) await person.reads(...inRoom);
  await alice.shoot("2-room-light");
  await bob.shoot("2-room-dark");
});

test("they talk privately", async () => {
  await alice.page.getByRole("button", { name: "Bob", exact: true }).click();
  await alice.say(inPrivate[0]);
  await bob.page.getByRole("navigation").getByRole("button", { name: /^Alice.*unread messages: 1$/ }).waitFor();
  await bob.shoot("3-unread-dark");
  await bob.open("Alice");
  await bob.reads(inPrivate[0]);
  await bob.say(inPrivate[1]);
  await alice.reads(...inPrivate);
  await alice.shoot("3-private-light");
});

test("after a reload they are still signed in and their history is there", async () => {
  for (const [person, other] of [[alice, "Bob"], [bob, "Alice"]]) {
    await person.page.reload();
    await person.sees("Connected");
    await person.reads(...inPrivate); // the conversation that was open
    await person.open(room);
    await person.reads(...inRoom);
    assert.deepEqual(await person.messages(), inRoom, "each message is there once");
    await person.open(other);
    await person.reads(...inPrivate);
  }
  await alice.shoot("4-after-reload-light");
});

test("a screen reader hears what arrives", async () => {
  await alice.open(room);
  await bob.open(room);
  await alice.say("The tide turns at noon.");
  await bob.page.getByTestId("announcement").getByText(`Alice in ${room}: The tide turns at noon.`).waitFor();
});

test("markup is text", async () => {
  const markup = `<img src="/nowhere.png" onerror="document.title='owned'"> <b>bold</b> &amp; {@html "x"}`;
  await bob.say(markup);
  await alice.reads(markup);
  assert.equal(await alice.page.locator("img, b").count(), 0);
});

test("a message over the limit is kept in the composer with a sentence", async () => {
  const text = "x".repeat(10_001);
  await alice.type(text);
  await alice.page.getByRole("alert").getByText("A message can have 10,000 characters; this one has 10,001.").waitFor();
  assert.equal(await alice.page.getByRole("textbox", { name: /^Message to/ }).inputValue(), text);
  await alice.shoot("5-over-the-limit-light");
  await alice.say("Shorter, then.");
  await bob.reads("Shorter, then.");
});

test("what is written without a connection goes out once, in order, when it is back", async () => {
  const network = new Network();
  const carol = await Person.arrive(browser, base, "Carol", {
    prepare: (context) => network.attach(context),
    mayReport: (text) => text.includes("ERR_INTERNET_DISCONNECTED"),
  });
  try {
    await carol.signIn();
    await carol.joinRoom(room);
    await network.upgraded();

    // The server stores this one, but its answer is lost.
    network.deafen();
    await carol.type("Did this arrive?");
    await bob.reads("Did this arrive?");
    await network.cut();
    await carol.sees("Reconnecting");
    await carol.type("And this?");
    await carol.message("And this?", "pending").waitFor();
    await carol.shoot("6-reconnecting-light");
    await bob.say("Both, once you are back.");

    network.mend();
    await carol.sees("Connected");
    const all = ["Did this arrive?", "Both, once you are back.", "And this?"];
    for (const person of [carol, alice, bob]) {
      await person.reads(...all);
      const shown = (await person.messages()).filter((text) => all.includes(text));
      assert.deepEqual(shown, all, `${person.name} has each message once`);
    }
    assert.deepEqual(carol.complaints, []);
  } finally {
    await carol.context.close();
  }
});

test("without demo users a token signs in, and only a good one", async () => {
  const { token } = await alice.page.evaluate(() => JSON.parse(sessionStorage.getItem("sockeye:session")));
  const dave = await Person.arrive(browser, base, "Dave", {
    // What a server without --dev answers.
    prepare: (context) => context.route("**/api/dev/login", (route) => route.fulfill({ status: 404, body: "not found" })),
    mayReport: (text) => text.includes("404"),
  });
  try {
    const { page } = dave;
    await page.getByRole("button", { name: "Alice", exact: true }).click();
    const field = page.getByRole("textbox", { name: "Token" });
    await field.fill(token.slice(0, token.lastIndexOf(".")) + ".AAAA");
    await dave.shoot("7-token-light");
    await page.getByRole("button", { name: "Sign in" }).click();
    await dave.sees("The server did not accept this sign-in. Please sign in again.");

    await page.getByRole("button", { name: "Use a token" }).click();
    await field.fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await dave.sees("Connected");
    await dave.sees("demo-alice");
    assert.deepEqual(dave.complaints, []);
  } finally {
    await dave.context.close();
  }
});

test("a long history comes in pages", async () => {
  const said = Array.from({ length: 55 }, (_, i) => `Entry ${i + 1} of the log`);
  const erin = await Person.arrive(browser, base, "Erin");
  try {
    await erin.signIn();
    await erin.createRoom(`${room}.log`);
    for (const text of said) await erin.type(text);
    await erin.reads(...said);

    await erin.page.reload();
    await erin.reads(...said.slice(-50));
    assert.deepEqual(await erin.messages(), said.slice(-50), "the newest page");
    const earlier = erin.page.getByRole("button", { name: "Earlier messages" });
    await earlier.click();
    await erin.reads(...said);
    await earlier.waitFor({ state: "hidden" });

    const tab = await erin.context.newPage();
    await tab.goto("/");
    await tab.getByRole("heading", { name: "Continue as" }).waitFor(); // another tab may be another user
    assert.deepEqual(erin.complaints, []);
  } finally {
    await erin.context.close();
  }
});

test("on a phone the list and the conversation take turns", async () => {
  for (const [person, scheme] of [[alice, "light"], [bob, "dark"]]) {
    await person.page.setViewportSize({ width: 390, height: 780 });
    await person.page.getByRole("button", { name: "Back to the list" }).click();
    await person.page.getByRole("heading", { name: "Direct messages" }).waitFor();
    await person.shoot(`8-phone-list-${scheme}`);
    await person.open(room);
    await person.page.getByRole("heading", { name: "Direct messages" }).waitFor({ state: "hidden" });
    await person.shoot(`8-phone-room-${scheme}`);
    await person.page.getByRole("main").getByText("Connected", { exact: true }).waitFor();
    const overflow = await person.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`);
  }
});
