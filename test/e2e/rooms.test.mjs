// A room with more members than a list of them that comes with it.

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

async function ask(method, path, token, body) {
  const headers = { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(new URL(path, server.url), { method, headers, ...(body && { body: JSON.stringify(body) }) });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.status === 204 ? undefined : response.json();
}

async function login(name) {
  return (await ask("POST", "/api/dev/login", undefined, { name })).token;
}

async function fill(name) {
  const owner = await login("Zoe");
  await ask("POST", "/api/v1/rooms", owner, { id: "stadium", name, maxMembers: 1000 });
  for (let i = 1; i < members; i++) await ask("POST", "/api/v1/rooms/stadium/join", await login(`Fan ${i}`));
  const rowdy = (i) => `rowdy-${String(i).padStart(2, "0")}`;
  for (let i = 0; i < bans; i++) await ask("PUT", `/api/v1/rooms/stadium/bans/${rowdy(i)}`, owner);
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
