// Answers and events that overtake each other: nothing is lost, and nothing goes astray.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";
import { Wire } from "./wire.mjs";

const length = 400;

let server, browser, alice, bob, token;
const wire = new Wire();
const ids = []; // of the entries, the first one's at 1

before(async () => {
  server = await Server.start("--limits", "off");
  browser = await launch();
  ({ token } = await demo("Alice"));
  await server.ask("POST", "/api/v1/rooms", { id: "log", name: "Log" }, token);
  for (let number = 1; number <= length; number++) ids[number] = await say(`Entry ${number}\nand more\nand more`);
  alice = await Person.arrive(browser, server.url, "Alice", { prepare: (context) => wire.attach(context) });
  bob = await Person.arrive(browser, server.url, "Bob");
  for (const person of [alice, bob]) await person.signIn();
  await bob.joinRoom("Log");
  await alice.open("Log");
  await alice.reads(`Entry ${length}\nand more\nand more`);
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(async (context) => {
  for (const person of [alice, bob]) {
    if (!context.passed) await person.shoot(`failed-overtaking-${person.name}`);
    else assert.deepEqual(person.complaints, [], `${person.name}'s console`);
  }
});

const demo = (name) => server.ask("POST", "/api/dev/login", { name });

/** Says something by the HTTP API, as Alice unless by another's token; returns its id. */
async function say(content, replyTo, by = token) {
  return (await server.ask("POST", "/api/v1/rooms/log/messages", { content, ...(replyTo && { replyTo }) }, by)).id;
}

const thread = () => alice.page.getByRole("complementary", { name: "Thread" });
const replyBox = () => thread().getByRole("textbox", { name: "Reply in the thread" });

test("what somebody has said before one's own message is read, also when that is acknowledged first", async () => {
  const events = wire.hold(({ type }, asked) => type === "room:message" && !asked);
  await bob.say("Anchors aweigh?");
  await events.seen;
  await alice.say("Anchors aweigh!");
  events.release();
  await alice.reads("Anchors aweigh?", "Anchors aweigh!");
  await bob.message("Anchors aweigh?").getByText("Read by Alice").waitFor();
});

test("a reply stays in its thread before the thread is there", async () => {
  await say("A late answer", ids[1]);
  await alice.reads("A late answer");
  const answer = wire.hold((_, asked) => asked?.type === "thread");
  await alice.act("A late answer", "Open thread");
  await answer.seen;
  await replyBox().fill("A later one");
  await replyBox().press("Enter");
  await thread().locator("[data-state=stored]").getByText("A later one").waitFor();
  answer.release();
  await thread().getByText("2 replies").waitFor();
  await thread().getByText("Entry 1", { exact: false }).first().waitFor();
  await alice.close();
});

test("a thread stays where its reader is", async () => {
  const root = await say("Who is coming?");
  for (let number = 1; number <= 30; number++) await say(`Hand ${number}\nand more`, root);
  await alice.reads("Hand 30\nand more");
  await alice.act("Hand 30", "Open thread");
  await thread().getByText("30 replies").waitFor();
  const list = thread().locator(".list");
  await list.evaluate((list) => {
    list.scrollTop = 0;
    return new Promise((resolve) => list.addEventListener("scroll", resolve, { once: true }));
  });
  await bob.act("Hand 30", "React", "React with 🎉");
  await alice.page.getByRole("main").getByTitle("🎉: Bob", { exact: true }).waitFor();
  assert.equal(await list.evaluate(({ scrollTop }) => scrollTop), 0);

  await replyBox().fill("Me, too");
  await replyBox().press("Enter");
  await thread().locator("[data-state=stored]").getByText("Me, too").waitFor();
  await alice.page.waitForFunction(() => {
    const list = document.querySelector("aside .list");
    return list.scrollHeight - list.scrollTop - list.clientHeight < 2;
  });
  await alice.close();
});

test("a receipt for a message that is not loaded is not lost", async () => {
  await bob.createRoom("Bob's cabin", { id: "cabin" });
  const carol = await demo("Carol");
  await server.ask("POST", "/api/v1/rooms/log/join", {}, carol.token);
  const id = await say("Has anybody read this?");
  await say("Or this?", undefined, carol.token);
  await alice.createRoom("Alice's cabin", { id: "berth" });
  await alice.page.reload();
  await alice.is("Connected");
  await alice.row("Log").waitFor();
  const receipt = wire.hold(({ type, messageId }, asked) => type === "message:read" && messageId === id && !asked);
  await bob.open("Log");
  await receipt.seen;
  receipt.release();
  await alice.open("Log");
  await alice.message("Has anybody read this?").getByTestId("read").waitFor();
});

test("a jump leaves no hole, whatever was being read meanwhile", async () => {
  const { page } = alice;
  const hit = ids[100];
  const isOfJump = ({ before, after }) => before === hit || after === hit;
  await alice.press("Search messages");
  await page.getByRole("searchbox", { name: "Search messages" }).fill("Entry 100");
  const jump = wire.hold((_, asked) => asked?.type === "history" && isOfJump(asked));
  const earlier = wire.hold((_, asked) => asked?.type === "history" && !isOfJump(asked));
  await page.getByRole("complementary", { name: "Search messages" }).getByRole("button", { name: /Entry 100/ }).click();
  await jump.seen;
  await page.evaluate(() => (document.querySelector("main [role=log]").scrollTop = 0));
  await earlier.seen;
  jump.release();
  await page.waitForFunction(() => document.querySelector("main .highlighted")?.textContent.includes("Entry 100"));
  earlier.release();
  assert.deepEqual(await page.evaluate(holesBefore, length), []);
});

// Runs in the page: scrolls down to an entry, and returns what is missing above it.
async function holesBefore(last) {
  const list = document.querySelector("main [role=log]");
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const holes = new Set();
  for (;;) {
    const numbers = [...list.querySelectorAll("[data-message-id] .content")].flatMap(({ textContent }) => {
      const number = /^Entry (\d+)/.exec(textContent)?.[1];
      return number ? [Number(number)] : [];
    });
    numbers.slice(1).forEach((number, i) => number !== numbers[i] + 1 && holes.add(`${numbers[i]} to ${number}`));
    if (numbers.includes(last)) return [...holes];
    list.scrollTop += 400;
    await frame();
  }
}
