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

// The server may be in use for longer than one run: the room and Fay are new ones, and in the end Alice and
// Bob are no friends any more, as in the beginning.
const run = randomBytes(3).toString("hex");
const room = `harbour-${run}`;
const fayName = `Fay ${run}`;
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

test("they see each other type in the room, until the text is gone, sent or left", async () => {
  await alice.begin("Milk or");
  await bob.sees("Alice is typing…");
  await alice.begin("");
  await bob.seesNoMore("Alice is typing…");

  await alice.begin("Milk or sugar?");
  await bob.sees("Alice is typing…");
  await bob.begin("Both");
  await alice.sees("Bob is typing…");
  await bob.page.getByRole("textbox", { name: "Room id" }).focus();
  await alice.seesNoMore("Bob is typing…");
  await alice.say("Milk or sugar?");
  await bob.reads("Milk or sugar?");
  await bob.seesNoMore("Alice is typing…");
  await bob.say("Both, please.");
  inRoom.push("Milk or sugar?", "Both, please.");
});

test("a message to somebody who is no friend is kept, with the reason, and can be sent once they are friends", async () => {
  const tab = await alice.openTab();
  await alice.page.getByRole("button", { name: "Bob", exact: true }).first().click(); // the sender of a message
  await alice.type(inPrivate[0]);
  const reason = "Bob is not among your friends, and direct messages are for friends here.";
  await alice.message(reason, "failed").waitFor();
  await alice.shoot("3-not-friends-light");

  await alice.press("Add friend");
  await alice.sees("You have asked Bob to be friends.");
  await bob.row("Alice", "Friend requests").waitFor();
  await bob.shoot("3-request-dark");
  await bob.press("Accept Alice");
  for (const person of [alice, tab]) await person.seesFriend("Bob", "online");
  await bob.seesFriend("Alice", "online");
  await bob.row("Alice", "Friend requests").waitFor({ state: "hidden" });

  await alice.message("Bob and you were not friends when you wrote this.", "failed").waitFor();
  await alice.press("Try again");
  await alice.reads(inPrivate[0]);
  await tab.page.close();
});

test("they talk privately", async () => {
  await bob.page.getByRole("navigation").getByRole("button", { name: /^Alice.*unread messages: 1$/ }).waitFor();
  await bob.shoot("3-unread-dark");
  await bob.open("Alice");
  await bob.reads(inPrivate[0]);
  await bob.begin("Yes, ");
  await alice.sees("Bob is typing…");
  await alice.page.getByRole("main").getByText("Online", { exact: true }).waitFor();
  await alice.shoot("3-private-light");
  await alice.begin("Shall I");
  await bob.sees("Alice is typing…");
  await bob.shoot("3-private-dark");
  await alice.begin("");
  await bob.say(inPrivate[1]);
  await alice.reads(...inPrivate);
  await alice.seesNoMore("Bob is typing…");
});

test("a reload does not show as offline", async () => {
  const presence = await alice.page.getByRole("main").getByText("Online", { exact: true }).elementHandle();
  await presence.evaluate((element) => {
    window.shown = [];
    new MutationObserver(() => window.shown.push(element.textContent)).observe(element, { characterData: true, childList: true, subtree: true });
  });
  await bob.page.reload();
  await bob.sees("Connected");
  await bob.seesFriend("Alice", "online");
  await bob.say("Back again.");
  await alice.reads("Back again.");
  inPrivate.push("Back again.");
  assert.deepEqual(await alice.page.evaluate(() => window.shown), []);
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

test("people are found, asked, refused, and seen to come and go", async () => {
  const fay = await Person.arrive(browser, base, fayName);
  try {
    await fay.signIn();
    await alice.find(run);
    await alice.press(`Add ${fayName}`);
    await alice.row(fayName, "Requests sent").waitFor();
    await alice.shoot("5-found-light");
    await fay.press("Decline Alice");
    await alice.row(fayName, "Requests sent").waitFor({ state: "hidden" });

    await alice.find(`demo-fay-${run}`);
    await alice.press(`Add ${fayName}`);
    await fay.row("Alice", "Friend requests").waitFor();
    await alice.press(`Take back the request to ${fayName}`);
    await fay.row("Alice", "Friend requests").waitFor({ state: "hidden" });

    await fay.find("ALI");
    await fay.press("Add Alice");
    await alice.press(`Accept ${fayName}`);
    await fay.press("Write to Alice");
    await fay.say("Hello, Alice.");
    await alice.seesFriend(fayName, "online");
    await alice.open(fayName);
    await alice.reads("Hello, Alice.");
    assert.deepEqual(fay.complaints, []);
  } finally {
    await fay.context.close();
  }
  await alice.seesFriend(fayName, "offline");
  await alice.page.getByRole("main").getByText(/^Last seen today at \d\d:\d\d$/).waitFor();
  await alice.choose("Remove friend", fayName);
  await alice.row(fayName, "Other conversations").waitFor();
  await alice.find("nobody of this name");
  await alice.sees("Nobody of that name or id is here.");
  await alice.find("");
  await alice.open(room);
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

    await bob.begin("Where is");
    await carol.sees("Bob is typing…");

    network.deafen();
    await carol.seesNoMore("Bob is typing…"); // by itself: the end of it is lost
    // The server stores this one, but its answer is lost.
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
    await person.page.getByRole("heading", { name: "Friends" }).waitFor();
    await person.shoot(`8-phone-list-${scheme}`);
    await person.open(room);
    await person.page.getByRole("heading", { name: "Friends" }).waitFor({ state: "hidden" });
    await person.shoot(`8-phone-room-${scheme}`);
    await person.page.getByRole("main").getByText("Connected", { exact: true }).waitFor();
    const overflow = await person.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`);
  }
});

test("who is blocked cannot write, and is not told", async () => {
  const unheard = `Are you cross with me over ${room}?`;
  for (const person of [alice, bob]) await person.page.setViewportSize({ width: 1180, height: 760 });
  await bob.open("Alice");
  await bob.choose("Block", "Alice");
  await bob.sees("You have blocked Alice. Neither of you can write to the other.");
  await bob.shoot("9-blocked-dark");

  await alice.open("Bob");
  await alice.sees("Bob is not among your friends.");
  await alice.type(unheard);
  await alice.message("Not sent", "failed").waitFor();
  await alice.press("Add friend");
  await alice.sees("You have asked Bob to be friends.");
  await alice.shoot("9-refused-light");
  // What is said in the room comes after all of that.
  await alice.open(room);
  await alice.say("Lunch?");
  await bob.open(room);
  await bob.reads("Lunch?");
  assert.equal(await bob.page.getByRole("heading", { name: "Friend requests" }).count(), 0);

  await bob.page.getByText("Blocked (1)").click();
  await bob.press("Unblock Alice");
  await bob.press("Accept Alice"); // who was not told that she would not be heard
  await bob.open("Alice");
  assert.ok(!(await bob.messages()).includes(unheard));
  await alice.open("Bob");
  await alice.press("Try again");
  await bob.reads(unheard);
});

test("they part", async () => {
  // By keyboard: the menu is the next stop after its button, and the list keeps the focus when the row goes.
  await bob.row("Alice").getByRole("button", { name: "More about Alice" }).press("Enter");
  await bob.page.getByRole("button", { name: "Remove friend", exact: true }).waitFor();
  await bob.page.keyboard.press("Tab");
  await bob.page.keyboard.press("Enter");
  await bob.page.waitForFunction(() => document.activeElement.getAttribute("aria-label") === "Conversations");
  for (const [person, other] of [[alice, "Bob"], [bob, "Alice"]]) {
    await person.row(other, "Other conversations").waitFor();
    await person.sees(`${other} is not among your friends.`);
    await person.choose("Close conversation", other);
    await person.sees("No conversation is open");
  }
});
