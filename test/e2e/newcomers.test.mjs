// Two people come to a server that has just been installed, at $SOCKEYE_URL: they make accounts, and talk in a room.

import assert from "node:assert/strict";
import { test } from "node:test";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";

test("two newcomers make accounts and talk", async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const [ada, ben] = await Promise.all([register(browser, "ada", "Ada"), register(browser, "ben", "Ben")]);
  await ada.createRoom("Harbour", { id: "harbour" });
  await ben.joinRoom("Harbour");
  await ada.say("Is anybody at the pier?");
  await ben.reads("Is anybody at the pier?");
  await ben.say("I am.");
  await ada.reads("Is anybody at the pier?", "I am.");
  for (const person of [ada, ben]) assert.deepEqual(person.complaints, [], `${person.name}'s console`);
});

async function register(browser, login, name) {
  const person = await Person.arrive(browser, process.env.SOCKEYE_URL, name);
  await person.press("Create account");
  await person.page.getByLabel("Login name").fill(login);
  await person.page.getByLabel("Name shown to others").fill(name);
  await person.page.getByLabel("Password").fill("correct horse battery");
  await person.page.locator("form").getByRole("button", { name: "Create account" }).click();
  await person.is("Connected");
  return person;
}
