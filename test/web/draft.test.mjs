// How those are named in a text that is being written whom it mentions.

import assert from "node:assert/strict";
import { test } from "node:test";
import { source } from "./model.mjs";

const { labelFor, spelled } = await source("model/draft.ts");

const bob = { userId: "8f14e45f-ceea-467f-a2d6-9b1d6b1f7a10", username: "Bob" };

test("who has a login name is named by it, as it is sent", () => {
  const picks = new Map();
  assert.equal(labelFor({ userId: "u_1", username: "Ada Lovelace", login: "ada.l" }, picks), "@ada.l");
  assert.equal(picks.size, 0);
  assert.equal(spelled("Hello @ada.l", picks), "Hello @ada.l");
});

test("everybody else by their name, which is an id when it is sent", () => {
  const picks = new Map();
  assert.equal(labelFor(bob, picks), "@Bob");
  assert.equal(labelFor({ userId: "x1", username: "Bob B. (he)" }, picks), "@Bob B. (he)");
  assert.equal(labelFor({ userId: "x2", username: "林小雨" }, picks), "@林小雨");
  assert.equal(spelled("@Bob, @Bobby and @Bob B. (he): 你好@林小雨，@Bob", picks), `@${bob.userId}, @Bobby and @x1: 你好@x2，@${bob.userId}`);
});

test("a login name that no mention can hold is none", () => {
  const picks = new Map();
  assert.equal(labelFor({ userId: "u_1", username: "Ada", login: "ada@example.org" }, picks), "@Ada");
  assert.equal(labelFor({ userId: "u_2", username: "Eve", login: "eve." }, picks), "@Eve");
  assert.equal(spelled("@Ada @Eve", picks), "@u_1 @u_2");
});

test("two of one name are told apart", () => {
  const picks = new Map();
  labelFor(bob, picks);
  assert.equal(labelFor({ userId: "bob-2", username: "Bob" }, picks), "@Bob (2)");
  assert.equal(labelFor(bob, picks), "@Bob");
  assert.equal(spelled("@Bob @Bob (2)", picks), `@${bob.userId} @bob-2`);
});
