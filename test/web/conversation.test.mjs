// What a conversation counts as unread, and which stretch of its log it has.

import assert from "node:assert/strict";
import { test } from "node:test";
import { source } from "./model.mjs";

const { Conversation } = await source("model/conversation.svelte.ts");

const me = "me";
const message = (seq, senderId = "ada", more = {}) => ({
  id: `m${seq}`, seq, conversationId: "c", timestamp: `2026-01-05T12:00:${String(seq % 60).padStart(2, "0")}Z`, senderId, content: `text ${seq}`, reactions: {}, ...more,
});
const messages = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
const summary = (more) => ({ conversationId: "c", seq: 10, readSeq: 7, lastAt: "2026-01-05T12:00:10Z", lastMessage: message(10), unread: 3, mentions: 1, ...more });
const create = () => new Conversation({ kind: "room", id: "r" }, "R");
const shown = ({ messages }) => messages.map(({ seq }) => seq);

test("messages of others are unread, one's own are not", () => {
  const c = create();
  assert.equal(c.arrive(message(1), me), true);
  assert.equal(c.arrive(message(2, me), me), false);
  assert.equal(c.arrive(message(3, "ada", { mentions: [me] }), me), true);
  assert.deepEqual([c.unread, c.mentions, c.last.seq], [2, 1, 3]);
});

test("a message that comes twice counts once, and replaces itself", () => {
  const c = create();
  c.arrive(message(1), me);
  assert.equal(c.arrive(message(1, "ada", { content: "again" }), me), false);
  assert.deepEqual([c.unread, c.messages.map(({ content }) => content)], [1, ["again"]]);
});

test("the server's list and events may tell the same: it counts once", () => {
  const told = create();
  told.arrive(message(10), me);
  told.summarise(summary());
  assert.deepEqual([told.unread, told.mentions], [3, 1]);
  assert.equal(told.arrive(message(10), me), false);
  assert.equal(told.arrive(message(11), me), true);
  assert.equal(told.unread, 4);
  told.summarise(summary()); // late: events have told more
  assert.equal(told.unread, 4);
});

test("what was read here while the list was under way stays read", () => {
  const c = create();
  c.summarise(summary());
  c.markRead(10);
  assert.deepEqual([c.unread, c.mentions], [0, 0]);
  c.summarise(summary());
  assert.deepEqual([c.unread, c.mentions, c.readSeq], [0, 0, 10]);
});

test("reading goes forward only, and empties the count at the end only", () => {
  const c = create();
  c.summarise(summary());
  c.markRead(8);
  assert.deepEqual([c.readSeq, c.unread], [8, 3]);
  c.markRead(5);
  assert.equal(c.readSeq, 8);
  c.markRead(10);
  assert.equal(c.unread, 0);
  assert.equal(c.arrive(message(9), me), false);
});

test("pages and events join in order, without doubles", () => {
  const c = create();
  c.arrive(message(12), me);
  c.addNewest(messages(8, 11), true);
  c.addEarlier(messages(5, 8), false);
  assert.deepEqual([shown(c), c.hasEarlier, c.isLoaded], [[5, 6, 7, 8, 9, 10, 11, 12], false, true]);
});

test("who has jumped back sees no hole: what comes is left out until the end is read", () => {
  const c = create();
  c.addNewest(messages(90, 99), true);
  c.replaceBy(messages(10, 20), true, true, c.ask());
  assert.equal(c.arrive(message(100), me), true);
  c.happened(101, message(101).timestamp, { what: "joined", name: "Ada" });
  assert.deepEqual([shown(c), c.hasLater, c.unread], [messages(10, 20).map(({ seq }) => seq), true, 1]);
  c.addLater(messages(21, 25), true, c.ask());
  assert.equal(shown(c).at(-1), 25);
  c.addNewest(messages(95, 100), true);
  assert.deepEqual([shown(c), c.hasLater, c.hasEarlier], [[95, 96, 97, 98, 99, 100], false, true]);
});

test("a conversation that nobody looks at keeps its newest part, or nothing of its middle", () => {
  const long = create();
  long.addNewest(messages(1, 250), false);
  long.release();
  assert.deepEqual([shown(long).length, shown(long)[0], long.hasEarlier], [100, 151, true]);
  const middle = create();
  middle.replaceBy(messages(10, 20), true, true, middle.ask());
  middle.release();
  assert.deepEqual([shown(middle), middle.isLoaded, middle.hasLater], [[], false, false]);
});

test("what is kept of a conversation is bounded, whatever arrives", () => {
  const c = create();
  for (const arrived of messages(1, 500)) {
    c.arrive(arrived, me);
    c.trim(100);
  }
  assert.deepEqual([shown(c).length, shown(c).at(-1), c.unread, c.hasEarlier], [100, 500, 500, true]);
  c.arrive(message(501), me);
  c.trim(100, 20);
  assert.deepEqual([shown(c).length, shown(c)[0], shown(c).at(-1)], [20, 482, 501]);
});

test("what comes while the end is read, and after it, leaves no hole", () => {
  const c = create();
  c.replaceBy(messages(10, 20), true, true, c.ask());
  const asked = c.ask();
  c.arrive(message(31), me); // the answer was made before it
  c.addLater(messages(21, 30), false, asked);
  assert.deepEqual([shown(c).at(-1), c.hasLater], [30, true]);
  c.addLater(messages(31, 31), false, c.ask());
  assert.deepEqual([shown(c).at(-1), c.hasLater], [31, false]);
});

test("after a restore of the server the list counts again, though its numbers are lower", () => {
  const c = create();
  c.summarise(summary({ seq: 50, readSeq: 40, unread: 9 }));
  c.arrive(message(51), me);
  c.markRead(51);
  c.readers.set("ada", 45);
  c.startAfresh();
  c.summarise(summary());
  assert.deepEqual([c.unread, c.mentions, c.readSeq, c.last.seq, c.readers.size], [3, 1, 7, 10, 0]);
  assert.equal(c.arrive(message(11), me), true);
  assert.equal(c.unread, 4);
});
