// Messages that are sent later: written now, listed, changed, cancelled, sent, and not sent.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

let server, browser, alice, phone, bob;

before(async () => {
  server = await Server.start();
  browser = await launch();
  alice = await Person.arrive(browser, server.url, "Alice");
  bob = await Person.arrive(browser, server.url, "Bob", { locale: "zh-CN", colorScheme: "dark" });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Another device of one of the people, over HTTP. */
async function device(name) {
  const { token } = await server.ask("POST", "/api/dev/login", { name });
  return (method, path, body) => server.ask(method, `/api/v1${path}`, body, token);
}

const items = (person) => person.page.getByTestId("scheduled");
const item = (person, text) => items(person).filter({ hasText: text });
const act = (person, text, action) => item(person, text).getByRole("button", { name: new RegExp(`^${action}`) }).click();

/** Opens what is about all of one's scheduled messages. */
const list = (person, name) => person.page.getByRole("button", { name }).first().click();

test("Alice writes now what is to be said later", async () => {
  await alice.signIn();
  await alice.createRoom("Harbour", { id: "harbour" });
  await alice.press("Send later");
  await alice.sees("Write something first, then choose when to send it.");
  await alice.close();
  await alice.begin("Happy new year!");
  await alice.press("Send later");
  await alice.page.getByRole("button", { name: /^Tomorrow morning/ }).waitFor();
  await alice.audit("when to send");
  await alice.shoot("send-later");
  await alice.page.getByRole("button", { name: /^In an hour/ }).click();
  await alice.sees("1 scheduled message");
  assert.equal(await alice.composer.inputValue(), "");
  assert.deepEqual(await alice.messages(), []);
});

test("another device of hers, a phone, knows of it, and of what becomes of it", async () => {
  phone = await Person.arrive(browser, server.url, "Alice", { viewport: { width: 390, height: 780 }, hasTouch: true, colorScheme: "dark" });
  await phone.signIn();
  await phone.open("Harbour");
  await phone.press("1 scheduled message");
  await item(phone, "Happy new year!").waitFor();
  await phone.isAsWideAsTheScreen();
  await phone.audit("what waits, on a phone");
  await phone.shoot("scheduled-phone");
  await act(phone, "Happy new year!", "Edit");
  await items(phone).getByLabel("Message", { exact: true }).fill("A happy new year!");
  await phone.isAsWideAsTheScreen();
  await phone.audit("changing it, on a phone");
  await phone.shoot("scheduled-edit-phone");
  await items(phone).getByRole("button", { name: "Save" }).click();
  await item(phone, "A happy new year!").getByRole("button", { name: /^Edit/ }).waitFor();
  await phone.close();
  await alice.press("1 scheduled message");
  await item(alice, "A happy new year!").waitFor();
  await alice.close();

  // A finger that stays on the button that sends asks when.
  await phone.begin("From the quay.");
  const { x, y, width, height } = await phone.page.getByRole("button", { name: "Send", exact: true }).boundingBox();
  const finger = await phone.context.newCDPSession(phone.page);
  await finger.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x: x + width / 2, y: y + height / 2 }] });
  await phone.page.getByRole("button", { name: /^Tomorrow morning/ }).waitFor();
  await finger.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await phone.isAsWideAsTheScreen();
  await phone.shoot("send-later-phone");
  assert.deepEqual(await phone.messages(), [], "it is not sent when the finger comes off");
  await phone.page.getByRole("button", { name: /^Tomorrow morning/ }).click();
  await phone.sees("2 scheduled messages");
  await alice.sees("2 scheduled messages");
});

test("she cancels one, and chooses a time of her own for another one", async () => {
  await alice.press("2 scheduled messages");
  await act(alice, "From the quay.", "Do not send");
  await item(alice, "From the quay.").waitFor({ state: "detached" });
  await phone.sees("1 scheduled message");
  await alice.close();

  await alice.begin("Never mind.");
  await alice.press("Send later");
  const { year, field } = await alice.page.evaluate(() => {
    const at = new Date(Date.now() + 40 * 24 * 60 * 60_000);
    const two = (part) => String(part).padStart(2, "0");
    return { year: at.getFullYear(), field: `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T12:34` };
  });
  await alice.page.getByLabel("When to send it").fill(field);
  await alice.press("Schedule");
  await list(alice, /^Scheduled messages/);
  await item(alice, "Never mind.").getByText("12:34").waitFor();
  assert.match(await item(alice, "Never mind.").locator("time").getAttribute("title"), new RegExp(`${year}.*12:34`));
  await item(alice, "Never mind.").getByText("Harbour", { exact: true }).waitFor();
  await alice.audit("what waits");
  await alice.shoot("scheduled");
  await alice.close();
  await alice.page.reload(); // It is the server's.
  await alice.sees("2 scheduled messages");
});

test("what is sent at its time comes once, to whom it is for", async () => {
  await bob.page.getByRole("button", { name: "Bob", exact: true }).click();
  const [alices, bobs] = [await device("Alice"), await device("Bob")];
  await bobs("POST", "/rooms/harbour/join");
  await bob.row("Harbour").getByRole("button").first().click();
  // What is given a moment only may be refused, on a machine that is slow: its time has come before the server hears of it.
  const later = { content: "On time.", roomId: "harbour" };
  for (let wait = 1000; ; wait *= 2) {
    const sendAt = new Date(Date.now() + wait).toISOString();
    if (await alices("POST", "/scheduled", { ...later, sendAt }).then(() => true, (error) => assert.match(error.message, /: 400$/))) break;
  }
  await alice.reads("On time.");
  await bob.reads("On time.");
  await alice.sees("2 scheduled messages"); // those that wait still
  assert.deepEqual(await bob.messages(), ["On time."]);

  // Or now, after all.
  await alice.press("2 scheduled messages");
  await act(alice, "A happy new year!", "Send now");
  await item(alice, "A happy new year!").waitFor({ state: "detached" });
  await act(alice, "Never mind.", "Do not send");
  await alice.sees("Nothing waits to be sent.");
  await alice.close();
  await alice.reads("On time.", "A happy new year!");
  await bob.reads("On time.", "A happy new year!");
  assert.equal((await bob.messages()).length, 2);
  await phone.page.getByRole("button", { name: /scheduled message/i }).waitFor({ state: "detached" });
});

test("what cannot be sent says why, in the language of its author, and can be tried again", async () => {
  await bob.page.getByRole("main").getByRole("textbox").fill("祝大家新年快乐！");
  await bob.press("定时发送");
  await bob.page.getByRole("button", { name: /^一小时后/ }).waitFor();
  await bob.audit("when to send");
  await bob.shoot("send-later-zh");
  await bob.page.getByRole("button", { name: /^一小时后/ }).click();
  await bob.sees("1 条定时消息");
  const [alices, bobs] = [await device("Alice"), await device("Bob")];
  await alices("DELETE", "/rooms/harbour/members/demo-bob");
  const { scheduled } = await bobs("GET", "/scheduled");
  await bobs("PATCH", `/scheduled/${scheduled[0].id}`, { now: true });
  await list(bob, /^定时消息.*有一条定时消息未能发送/);
  await items(bob).getByText("你不在此房间中。").waitFor();
  await bob.audit("what was not sent");
  await bob.shoot("scheduled-failed-zh");

  await bobs("POST", "/rooms/harbour/join");
  await act(bob, "祝大家新年快乐！", "重试");
  await bob.sees("没有待发送的消息。");
  await alice.reads("祝大家新年快乐！");
  for (const person of [alice, phone, bob]) assert.deepEqual(person.complaints, [], `${person.name}'s console`);
});
