// Rooms with more members than are listed with them, and rooms that wait for who was invited.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

const members = 101; // one more than are listed with a room
const bans = 60; // more than one page

let server, browser;

before(async () => {
  server = await Server.start("--limits", "off");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function login(name) {
  return (await server.ask("POST", "/api/dev/login", { name })).token;
}

async function fill(name) {
  const owner = await login("Zoe");
  await server.ask("POST", "/api/v1/rooms", { id: "stadium", name, maxMembers: 1000 }, owner);
  for (let i = 1; i < members; i++) await server.ask("POST", "/api/v1/rooms/stadium/join", undefined, await login(`Fan ${i}`));
  const rowdy = (i) => `rowdy-${String(i).padStart(2, "0")}`;
  for (let i = 0; i < bans; i++) await server.ask("PUT", `/api/v1/rooms/stadium/bans/${rowdy(i)}`, undefined, owner);
}

test("admins of a large room see who is banned, and let them in again", async () => {
  await fill("Stadium");
  const zoe = await Person.arrive(browser, server.url, "Zoe");
  const fan = await Person.arrive(browser, server.url, "Fan 1");
  for (const person of [zoe, fan]) {
    await person.signIn();
    await person.open("Stadium");
    await person.press("Room details");
    await person.sees("101 members");
  }
  const banned = zoe.page.getByRole("region", { name: "Banned" });
  await banned.getByText("Banned by Zoe").first().waitFor();
  assert.equal(await banned.getByRole("listitem").count(), 50);
  await zoe.press("More banned users");
  await banned.getByText("rowdy-59").waitFor();
  assert.equal(await banned.getByRole("listitem").count(), bans);
  await zoe.audit("the bans of a large room");
  await zoe.shoot("bans-light");
  await zoe.press("Lift ban on rowdy-55");
  await banned.getByText("rowdy-55").waitFor({ state: "hidden" });
  assert.equal(await banned.getByRole("listitem").count(), bans - 1, "the others stay");

  await zoe.page.getByRole("button", { name: "More about Fan 1", exact: true }).click();
  await zoe.page.getByRole("button", { name: "Ban", exact: true }).click();
  await fan.sees("You were removed from Stadium.");
  await zoe.press("Lift ban on Fan 1");
  await banned.getByText("Fan 1", { exact: true }).waitFor({ state: "hidden" });
  await fan.joinRoom("Stadium");
  await fan.press("Room details");
  await fan.sees("101 members");
  assert.equal(await fan.page.getByRole("region", { name: "Banned" }).count(), 0, "members see bans");
  for (const person of [zoe, fan]) assert.deepEqual(person.complaints, [], `${person.name}'s console`);
});

test("an invitation waits for who was away, and goes when the room is joined anywhere", async () => {
  const owner = await login("Ada");
  const carolId = (await server.ask("POST", "/api/dev/login", { name: "Carol" })).user.id;
  const invite = async (id, name, description = "") => {
    await server.ask("POST", "/api/v1/rooms", { id, name, description, type: "private" }, owner);
    await server.ask("PUT", `/api/v1/rooms/${id}/invitations/${carolId}`, undefined, owner);
  };
  await invite("council", "Council", "Every first Monday");

  const carol = await Person.arrive(browser, server.url, "Carol");
  const phone = await Person.arrive(browser, server.url, "Carol", { viewport: { width: 375, height: 740 }, colorScheme: "dark" });
  const waiting = (person) => person.page.getByRole("navigation").getByRole("region", { name: "Invitations" });
  for (const person of [carol, phone]) {
    await person.signIn();
    await waiting(person).getByText("1 member · Every first Monday").waitFor();
    await person.page.waitForFunction(() => document.title === "(1) Sockeye");
    await person.audit("an invitation");
    await person.isAsWideAsTheScreen();
  }
  await carol.shoot("invitation-light");
  await phone.shoot("invitation-phone-dark");
  await waiting(carol).getByRole("button", { name: "Join Council" }).click();
  await carol.isIn("Council");
  for (const person of [carol, phone]) {
    await waiting(person).waitFor({ state: "hidden" });
    await person.row("Council").waitFor();
  }
  await carol.say("Here I am.");

  await invite("kitchen", "Kitchen");
  for (const person of [carol, phone]) {
    await waiting(person).getByRole("button", { name: "Join Kitchen" }).waitFor();
    await person.page.getByTestId("announcement").filter({ hasText: "You were invited to Kitchen." }).waitFor({ state: "attached" });
  }
  for (let i = 1; i <= 6; i++) await invite(`club-${i}`, `Club ${i}`);
  await waiting(phone).getByRole("button", { name: "All 7 invitations" }).waitFor();
  assert.equal(await waiting(phone).getByRole("listitem").count(), 5);
  await phone.shoot("invitations-phone-dark");
  await phone.press("All 7 invitations");
  await phone.page.getByRole("dialog").getByRole("button", { name: "Join Kitchen" }).click();
  await phone.isIn("Kitchen");
  await waiting(carol).getByRole("button", { name: "All 6 invitations" }).waitFor();
  await carol.shoot("invitations-light");

  await server.ask("DELETE", "/api/v1/rooms/club-1", undefined, owner);
  await waiting(carol).getByRole("button", { name: "Join Club 1" }).click();
  await carol.sees("Room not found.");
  await waiting(carol).getByText("Club 1").waitFor({ state: "hidden" });
  await server.ask("PUT", `/api/v1/rooms/club-2/bans/${carolId}`, undefined, owner);
  await waiting(carol).getByText("Club 2").waitFor({ state: "hidden" });
  for (const person of [carol, phone]) assert.deepEqual(person.complaints, [], `${person.name}'s console`);
});

test("who makes or changes a room says how many it holds and how long it keeps messages", async () => {
  const mary = await Person.arrive(browser, server.url, "Mary");
  const { page } = mary;
  const dialog = page.getByRole("dialog");
  const roomOf = async (id) => (await server.ask("GET", `/api/v1/rooms/${id}`, undefined, await login("Mary"))).room;
  const limits = ({ maxMembers, settings }) => [maxMembers, settings.messageRetention];
  await mary.signIn();
  await mary.createRoom("Kept", { id: "kept" });
  assert.deepEqual(limits(await roomOf("kept")), [100, 0]);

  await mary.press("Browse rooms");
  await mary.press("New room");
  await page.getByLabel("Name", { exact: true }).fill("Fleeting");
  await page.getByLabel("Id", { exact: false }).fill("fleeting");
  await page.getByLabel("Members at most").fill("7");
  await dialog.getByText("For ever, unless its operator has chosen otherwise.").waitFor();
  await page.getByLabel("Keep messages").selectOption("For some days");
  await page.getByLabel("Days").fill("5");
  await dialog.getByText("What is older is deleted for everybody, and cannot be brought back.").waitFor();
  await mary.audit("making a room");
  await mary.shoot("new-room-light");
  await mary.press("Create room");
  await mary.isIn("Fleeting");
  assert.deepEqual(limits(await roomOf("fleeting")), [7, 5]);

  await mary.press("Room details");
  await mary.press("Edit room");
  assert.deepEqual([await page.getByLabel("Members at most").inputValue(), await page.getByLabel("Days").inputValue()], ["7", "5"]);
  await page.getByLabel("Members at most").fill("2000");
  await page.getByLabel("Keep messages").selectOption("For ever");
  await dialog.getByText("Nothing is deleted by itself.").waitFor();
  await mary.press("Save");
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual(limits(await roomOf("fleeting")), [2000, 0]);
  assert.deepEqual(mary.complaints, []);
});
