// Two people in two browser profiles use all that the page can do.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

const room = "Harbour";
const inRoom = ["Good morning! Is anybody at the pier yet?", "On my way, ten minutes.\nI bring the charts.", "Perfect, coffee is on me."];

let server, browser, alice, bob;
let begun = 0;
let done = 0;

before(async () => {
  server = await Server.start();
  browser = await launch();
  alice = await Person.arrive(browser, server.url, "Alice");
  bob = await Person.arrive(browser, server.url, "Bob", { colorScheme: "dark" });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

// The tests are one story: after a broken step the next ones would only wait in vain.
beforeEach(() => {
  assert.equal(begun, done, "an earlier step failed");
  begun++;
});

afterEach(async (context) => {
  for (const person of [alice, bob]) {
    if (!context.passed) await person.shoot(`failed-${person.name}`);
    else assert.deepEqual(person.complaints, [], `${person.name}'s console`);
  }
  if (context.passed) done++;
});

test("an account is made, left and entered again, with its own password only", async () => {
  const grace = await Person.arrive(browser, server.url, "Grace", { mayReport: (text) => text.includes("401") });
  const { page } = grace;
  await grace.audit("signing in");
  await grace.shoot("sign-in-light");
  await grace.press("Create account");
  await page.getByLabel("Login name").fill("grace");
  await page.getByLabel("Name shown to others").fill("Grace Hopper");
  await page.getByLabel("Password").fill("correct horse battery");
  await page.locator("form").getByRole("button", { name: "Create account" }).click();
  await grace.is("Connected");
  await grace.press("Settings");
  await grace.press("Sign out");

  await page.getByLabel("Login name").fill("grace");
  await page.getByLabel("Password").fill("wrong horse battery");
  await page.getByLabel("Password").press("Enter");
  await grace.sees("Invalid login or password.");
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByLabel("Password").press("Enter");
  await grace.is("Connected");
  await grace.sees("Grace Hopper");
  await page.reload();
  await grace.is("Connected"); // stays signed in
  assert.deepEqual(grace.complaints, []);
  await grace.context.close();
});

test("a bad token is refused", async () => {
  const dave = await Person.arrive(browser, server.url, "Dave");
  const { page } = dave;
  await dave.press("Use a token");
  await page.getByLabel("Token").fill("nonsense");
  await page.getByLabel("Token").locator("xpath=ancestor::form").getByRole("button").click();
  await dave.sees("This is not a token: it has to be a JWT that names a user.");
  const claims = Buffer.from(JSON.stringify({ sub: "dave" })).toString("base64url");
  await page.getByLabel("Token").fill(`e30.${claims}.AAAA`);
  await page.getByLabel("Token").locator("xpath=ancestor::form").getByRole("button").click();
  await dave.sees("The server did not accept this sign-in. Please sign in again.");
  assert.deepEqual(dave.complaints, []);
  await dave.context.close();
});

test("they sign in and talk in a room", async () => {
  await bob.shoot("sign-in-dark");
  await alice.signIn();
  await bob.signIn();
  await alice.sees("You are in no room yet.");
  await alice.audit("an empty list");
  await alice.shoot("empty-light");
  await alice.createRoom(room, { id: "harbour" });
  await alice.sees("Nothing has been said here yet.");
  await bob.joinRoom(room);
  await alice.sees("Bob joined");

  await alice.say(inRoom[0]);
  await bob.reads(inRoom[0]);
  await bob.say(inRoom[1]);
  await alice.say(inRoom[2]);
  for (const person of [alice, bob]) await person.reads(...inRoom);
  await alice.sees("Today");
});

test("they see each other type, until the text is gone or sent", async () => {
  await alice.begin("Milk or");
  await bob.sees("Alice is typing…");
  await alice.begin("");
  await bob.seesNoMore("Alice is typing…");
  await bob.begin("Both");
  await alice.sees("Bob is typing…");
  await bob.say("Both, please.");
  await alice.seesNoMore("Bob is typing…");
});

test("reactions come and go", async () => {
  await alice.act("Both, please.", "React", "React with 🎉");
  const reaction = bob.message("Both, please.").getByTitle("🎉: Alice", { exact: true });
  await reaction.click();
  await alice.message("Both, please.").getByTitle("🎉: Alice, Bob", { exact: true }).click();
  await bob.message("Both, please.").getByTitle("🎉: Bob", { exact: true }).waitFor();
});

test("a reply shows what it replies to, and a thread holds its replies", async () => {
  await bob.act(inRoom[0], "Reply");
  await bob.sees("Replying to Alice");
  await bob.say("Since six, yes.");
  await alice.message("Since six, yes.").getByRole("button", { name: /^Alice Good morning!/ }).waitFor();

  await alice.message(inRoom[0]).getByRole("button", { name: "1 reply" }).click();
  const thread = alice.page.getByRole("complementary", { name: "Thread" });
  await thread.getByText("Since six, yes.").waitFor();
  await thread.getByRole("textbox", { name: "Reply in the thread" }).fill("Early bird!");
  await thread.getByRole("textbox", { name: "Reply in the thread" }).press("Enter");
  await thread.locator("[data-state=stored]").getByText("Early bird!").waitFor();
  await bob.message(inRoom[0]).getByRole("button", { name: "2 replies" }).waitFor();
  await alice.audit("a thread");
  await alice.shoot("thread-light");
  await alice.page.keyboard.press("Escape");
  await thread.waitFor({ state: "hidden" });
});

test("the arrow up edits the last message, Esc leaves it as it is", async () => {
  await alice.say("The tide turns at non.");
  await alice.composer.press("ArrowUp");
  await alice.sees("Editing your message");
  await alice.composer.press("Escape");
  await alice.seesNoMore("Editing your message");
  await alice.composer.press("ArrowUp");
  await alice.composer.fill("The tide turns at noon.");
  await alice.composer.press("Enter");
  await bob.message("The tide turns at noon.").getByText("(edited)").waitFor();
});

test("a deleted message is gone for all", async () => {
  await bob.say("Oops, wrong room");
  await bob.act("Oops, wrong room", "More", "Delete");
  await bob.page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  for (const person of [alice, bob]) await person.sees("This message was deleted.");
  await alice.seesNoMore("Oops, wrong room");
});

test("admins pin, and everybody finds it", async () => {
  await alice.act("The tide turns at noon.", "More", "Pin");
  await bob.message("The tide turns at noon.").getByText("Pinned").waitFor();
  await bob.press("Pinned messages");
  const pins = bob.page.getByRole("complementary", { name: "Pinned messages" });
  await pins.getByText("The tide turns at noon.").waitFor();
  await bob.shoot("pins-dark");
  await alice.act("The tide turns at noon.", "More", "Unpin");
  await pins.getByText(/^Nothing is pinned here/).waitFor();
  await bob.close();
});

test("who is mentioned sees it", async () => {
  await bob.createRoom("Bob's workshop", { id: "workshop" });
  await alice.composer.pressSequentially("Thanks @bo");
  await alice.page.getByRole("option", { name: /Bob/ }).waitFor();
  await alice.composer.press("Enter");
  await alice.composer.pressSequentially("for the charts");
  await alice.composer.press("Enter");
  await bob.row(room).getByText("mentions: ").waitFor({ state: "attached" });
  await bob.page.getByTestId("announcement").getByText(/Alice in Harbour: Thanks/).waitFor({ state: "attached" });
  await bob.shoot("mention-dark");
  await bob.open(room);
  await bob.reads("Thanks @Bob for the charts");
  await bob.row(room).getByText("mentions: ").waitFor({ state: "detached" });
  await alice.message("Thanks @Bob").getByText("Read by Bob").waitFor();
});

test("markup is text, links are safe, code stands apart, and there are emoji", async () => {
  const markup = `<img src="/nowhere.png" onerror="document.title='owned'"> <b>bold</b> &amp; {@html "x"}`;
  await bob.say(markup);
  await alice.reads(markup);
  assert.equal(await alice.page.getByRole("main").locator("img").count(), 0);

  await bob.type("See https://example.org/tides?day=1. Not javascript:alert(1) though.");
  const link = alice.page.getByRole("main").getByRole("link");
  await link.waitFor();
  assert.equal(await link.getAttribute("href"), "https://example.org/tides?day=1");
  assert.equal(await link.getAttribute("rel"), "noopener noreferrer nofollow");

  await bob.type("Run `make tide`:\n```sh\ncurl -s tides | head -1\n```");
  await alice.message("Run").locator("pre").getByText("curl -s tides | head -1", { exact: true }).waitFor();
  assert.equal(await alice.message("Run").locator("code.inline").textContent(), "make tide");

  await bob.begin("Off we go ");
  await bob.page.getByRole("main").getByRole("button", { name: "Emoji" }).click();
  await bob.press("🌊");
  await bob.composer.press("Enter");
  await alice.reads("Off we go 🌊");
  await alice.audit("a conversation");
  await bob.audit("a conversation in the dark");
  await alice.shoot("room-light");
  await bob.shoot("room-dark");
});

test("a message over the limit is kept in the composer with a sentence", async () => {
  const text = "x".repeat(10_001);
  await alice.type(text);
  await alice.page.getByRole("alert").getByText("A message can have 10,000 characters; this one has 10,001.").waitFor();
  assert.equal(await alice.composer.inputValue(), text);
  await alice.say("Shorter, then.");
});

test("what was said is found, and shown where it was said", async () => {
  await bob.open("Bob's workshop");
  await bob.page.keyboard.press("Control+k");
  await bob.page.getByRole("combobox", { name: "A room or a person" }).fill("charts");
  await bob.page.getByRole("option", { name: /^Search messages/ }).click();
  const found = bob.page.getByRole("complementary", { name: "Search messages" });
  await found.getByRole("button", { name: /I bring the charts/ }).click();
  await bob.isIn(room);
  await bob.page.waitForFunction((text) => document.querySelector("main .highlighted")?.textContent.includes(text), "I bring the charts");
  await bob.audit("a search");
  await bob.shoot("search-dark");
  await bob.close();
});

test("Ctrl+K goes to a room", async () => {
  await bob.page.keyboard.press("Control+k");
  await bob.page.getByRole("combobox").fill("work");
  await bob.page.getByRole("option", { name: "Bob's workshop" }).waitFor();
  await bob.audit("the switcher");
  await bob.page.keyboard.press("Enter");
  await bob.isIn("Bob's workshop");
});

test("friends are found, asked, and written to", async () => {
  await alice.message(inRoom[1]).locator("xpath=ancestor::article").getByRole("button", { name: "Bob" }).first().click();
  await alice.sees("Bob is not among your friends.");
  await alice.type("Did you get the spare keys?");
  await alice.message("Did you get the spare keys?", "failed").getByText(/Bob is not among your friends, and direct messages/).waitFor();
  await alice.shoot("not-friends-light");
  await alice.press("Add friend");
  await alice.sees("You have asked Bob to be friends.");
  await bob.press("Accept Alice");
  await alice.page.getByRole("main").getByText("Online", { exact: true }).waitFor();
  await alice.press("Try again");
  await alice.reads("Did you get the spare keys?");

  await bob.row("Alice").getByText("unread messages: ").waitFor({ state: "attached" });
  await bob.open("Alice");
  await bob.reads("Did you get the spare keys?");
  await alice.message("Did you get the spare keys?").getByTestId("read").waitFor();
  await bob.say("Yes, they are with me.");
  await alice.reads("Did you get the spare keys?", "Yes, they are with me.");
  await alice.shoot("direct-light");
});

test("a reload shows the same", async () => {
  for (const person of [alice, bob]) {
    await person.page.reload();
    await person.is("Connected");
    await person.reads("Did you get the spare keys?", "Yes, they are with me.");
    await person.open(room);
    await person.reads("Off we go 🌊", "Shorter, then.");
  }
});

test("admins run a room", async () => {
  await alice.press("Room details");
  const panel = alice.page.getByRole("complementary", { name: "About this room" });
  const menu = async (item) => {
    await panel.getByRole("button", { name: "More about Bob" }).click();
    await panel.getByRole("button", { name: item, exact: true }).click();
  };
  await alice.press("Edit room");
  await alice.page.getByLabel(/^Description/).fill("Boats and tides");
  await alice.press("Save");
  await bob.sees(/· Boats and tides$/);
  await alice.audit("the details of a room");

  await menu("Make admin");
  await bob.sees("Bob is now an admin");
  await menu("Remove as admin");
  await bob.sees("Bob is no longer an admin");
  await alice.shoot("details-light");
  await menu("Remove from room");
  await bob.sees("You were removed from Harbour.");
  await bob.joinRoom(room);
  await menu("Ban");
  await bob.sees("You were removed from Harbour.");
  await alice.press("Lift ban on Bob");
  await panel.getByRole("button", { name: "Lift ban on Bob" }).waitFor({ state: "hidden" });
  await bob.joinRoom(room);
  await alice.close();
});

test("a private room takes an invitation, and can be deleted", async () => {
  await alice.createRoom("Council", { id: "council", isPrivate: true });
  await alice.press("Room details");
  await alice.page.getByRole("searchbox", { name: "Invite somebody" }).fill("Bob");
  await alice.press("Invite Bob");
  await alice.sees("Bob was invited.");
  await bob.press("Browse rooms");
  const directory = bob.page.getByRole("dialog");
  await directory.getByRole("region", { name: "Invitations" }).getByRole("button", { name: "Join Council" }).waitFor();
  await bob.audit("the directory of rooms");
  await bob.shoot("directory-dark");
  await directory.getByRole("button", { name: "Join Council" }).click();
  await bob.isIn("Council");
  await alice.press("Delete room");
  await alice.page.getByRole("dialog").getByRole("button", { name: "Delete room" }).click();
  await bob.sees("Council was deleted.");
});

test("who leaves a room is out of it", async () => {
  await bob.open("Bob's workshop");
  await bob.press("Room details");
  await bob.press("Leave room");
  await bob.row("Bob's workshop").waitFor({ state: "hidden" });
});

test("who is blocked cannot write, and is not told", async () => {
  await bob.open("Alice");
  await bob.press("More about Alice");
  await bob.press("Block");
  await bob.sees("You have blocked Alice. Neither of you can write to the other.");
  await alice.open("Bob");
  await alice.type("Are you cross with me?");
  await alice.message("Are you cross with me?", "failed").waitFor();
  await alice.press("Discard");
  await alice.seesNoMore("Are you cross with me?");
  await bob.press("Find people");
  await bob.press("Unblock Alice");
  await bob.page.getByRole("searchbox", { name: "Find people" }).fill("Ali");
  await bob.press("Add Alice");
  await bob.audit("people");
  await bob.close();
  await alice.press("Accept Bob");
  await alice.page.getByRole("main").getByText("Online", { exact: true }).waitFor();
});

test("it speaks 中文 and keeps the looks that were chosen", async () => {
  const { page } = alice;
  await alice.press("Settings");
  await page.getByLabel("Appearance").selectOption("dark");
  await page.getByLabel("Language").selectOption("zh");
  await alice.sees("设置");
  await alice.audit("the settings");
  await page.keyboard.press("Escape");
  await page.reload();
  await page.getByRole("main").getByRole("textbox", { name: "发消息给 Bob" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang + getComputedStyle(document.documentElement).colorScheme), "zh-CNdark");
  await alice.shoot("chinese-dark");
  await page.getByRole("button", { name: "设置" }).click();
  await page.getByLabel("语言").selectOption("en");
  await page.getByLabel("Appearance").selectOption("system");
  await alice.close();

  const lin = await Person.arrive(browser, server.url, "Lin", { locale: "zh-CN" });
  await lin.page.getByRole("button", { name: "注册账号" }).waitFor(); // follows the browser
  await lin.context.close();
});

test("on a phone the list and the conversation take turns", async () => {
  for (const [person, scheme] of [[alice, "light"], [bob, "dark"]]) {
    await person.page.setViewportSize({ width: 375, height: 740 });
    await person.page.getByRole("button", { name: /^Back to the list/ }).click();
    await person.page.getByRole("heading", { name: "Direct messages" }).waitFor();
    await person.shoot(`phone-list-${scheme}`);
    await person.isAsWideAsTheScreen();
    await person.audit("the list on a phone");
    await person.open(room);
    await person.page.getByRole("heading", { name: "Direct messages" }).waitFor({ state: "hidden" });
    await person.isAsWideAsTheScreen();
    await person.audit("a conversation on a phone");
    await person.shoot(`phone-room-${scheme}`);
    await person.press("Room details");
    await person.sees("2 members");
    await person.isAsWideAsTheScreen();
    await person.shoot(`phone-details-${scheme}`);
    await person.close();
  }
});
