// How a conversation is laid out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { source } from "./model.mjs";

const { timeline } = await source("model/timeline.ts");

const me = { userId: "me", username: "Me" };
const noon = new Date(2026, 0, 5, 12); // of the clock here: days are those of the reader
const after = (minutes, from = noon) => new Date(from.getTime() + minutes * 60_000).toISOString();

const entry = (seq, at, senderId, more = {}) => ({
  id: `m${seq}`, seq, at,
  message: { id: `m${seq}`, seq, timestamp: at, senderId, senderUsername: senderId.toUpperCase(), content: `text ${seq}`, replyTo: null, ...more },
});
const happening = (seq, at) => ({ id: `h${seq}`, seq, at, happening: { what: "joined", name: "Ada" } });
const outgoing = (clientMsgId, at, more = {}) => ({ clientMsgId, at, order: 1, roomId: "r", content: `text ${clientMsgId}`, ...more });

/** A layout in short: groups as their sender and their lines. */
function lay(layout) {
  const items = timeline({ entries: [], outgoing: [], failed: [], me, ...layout });
  assert.equal(new Set(items.map(({ key }) => key)).size, items.length, "keys are unique");
  return items.map((item) => (item.kind === "group" ? `${item.senderId}: ${item.lines.map(({ key }) => key).join(" ")}` : item.kind));
}

test("nothing is laid out as nothing", () => assert.deepEqual(lay({}), []));

test("messages of one person close in time are one group", () => {
  const entries = [entry(1, after(0), "ada"), entry(2, after(4.9), "ada"), entry(3, after(9.8), "ada"), entry(4, after(14.8), "ada"), entry(5, after(15), "bob"), entry(6, after(16), "ada")];
  assert.deepEqual(lay({ entries }), ["day", "ada: m1 m2 m3", "ada: m4", "bob: m5", "ada: m6"]);
});

test("a group says who speaks, and since when", () => {
  const [, group] = timeline({ entries: [entry(1, after(0), "ada"), entry(2, after(1), "ada")], outgoing: [], failed: [], me });
  const { senderName, at, lines } = group;
  assert.deepEqual([senderName, at.toISOString(), lines.map(({ content }) => content)], ["ADA", after(0), ["text 1", "text 2"]]);
  assert.equal(lines[0].message.id, "m1");
});

test("a reply begins a group, and what follows it goes on", () => {
  const entries = [entry(1, after(0), "ada"), entry(2, after(1), "ada", { replyTo: { id: "m0" } }), entry(3, after(2), "ada")];
  assert.deepEqual(lay({ entries }), ["day", "ada: m1", "ada: m2 m3"]);
});

test("what happens stands between groups", () => {
  const entries = [entry(1, after(0), "ada"), happening(2, after(1)), entry(3, after(2), "ada")];
  assert.deepEqual(lay({ entries }), ["day", "ada: m1", "happening", "ada: m3"]);
  assert.deepEqual(lay({ entries: [happening(1, after(0))] }), ["day", "happening"]);
});

test("a day begins at midnight of the reader's clock, and ends a group", () => {
  const midnight = new Date(2026, 0, 6);
  const entries = [entry(1, after(-1, midnight), "ada"), entry(2, after(0, midnight), "ada"), entry(3, after(1, midnight), "ada"), entry(4, after(60 * 24 * 3, midnight), "ada")];
  assert.deepEqual(lay({ entries }), ["day", "ada: m1", "day", "ada: m2 m3", "day", "ada: m4"]);
  const days = timeline({ entries, outgoing: [], failed: [], me }).filter(({ kind }) => kind === "day");
  assert.deepEqual(days.map(({ at }) => at.getDate()), [5, 6, 9]);
});

test("the line of what is new", async (t) => {
  const entries = [entry(1, after(0), "ada"), entry(2, after(1), "ada"), entry(3, after(2), "ada")];
  await t.test("stands before the first message that was not read, and divides its group", () => {
    assert.deepEqual(lay({ entries, unreadAfter: 1 }), ["day", "ada: m1", "unread", "ada: m2 m3"]);
  });
  await t.test("stands below the day that the message begins", () => {
    assert.deepEqual(lay({ entries, unreadAfter: 0 }), ["day", "unread", "ada: m1 m2 m3"]);
    const next = [...entries, entry(4, after(60 * 24), "bob")];
    assert.deepEqual(lay({ entries: next, unreadAfter: 3 }), ["day", "ada: m1 m2 m3", "day", "unread", "bob: m4"]);
  });
  await t.test("does not stand before one's own messages, nor before what happened", () => {
    const mixed = [entry(1, after(0), "ada"), entry(2, after(1), "me"), happening(3, after(2)), entry(4, after(3), "ada")];
    assert.deepEqual(lay({ entries: mixed, unreadAfter: 1 }), ["day", "ada: m1", "me: m2", "happening", "unread", "ada: m4"]);
  });
  await t.test("is not there when all was read, or when nobody asks", () => {
    assert.deepEqual(lay({ entries, unreadAfter: 3 }), ["day", "ada: m1 m2 m3"]);
    assert.deepEqual(lay({ entries }), ["day", "ada: m1 m2 m3"]);
  });
});

test("what is not stored comes last: refused, then on its way", () => {
  const entries = [entry(1, after(10), "me")];
  const failed = [{ message: outgoing("f1", after(0)), code: "refused", reason: "No" }];
  const queue = [outgoing("o1", after(11)), outgoing("o2", after(12))];
  assert.deepEqual(lay({ entries, failed, outgoing: queue }), ["day", "me: m1 f1", "me: o1 o2"]);
  const [, group, waiting] = timeline({ entries, failed, outgoing: queue, me });
  assert.equal(group.lines[1].failed, failed[0]);
  assert.deepEqual(waiting.lines.map(({ outgoing }) => outgoing), queue);
});

test("what was refused on another day tells which", () => {
  const failed = [{ message: outgoing("f1", after(-60 * 24)), code: "refused", reason: "No" }];
  assert.deepEqual(lay({ entries: [entry(1, after(0), "ada")], failed, outgoing: [outgoing("o1", after(1))] }), ["day", "ada: m1", "day", "me: f1", "day", "me: o1"]);
});
