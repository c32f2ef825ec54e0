// Whether a message is worth a sound: by the rules by which the server tells of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { source } from "./model.mjs";

const { isQuiet, isWanted } = await source("model/wanted.ts");

const now = new Date("2026-12-01T12:00:00Z");
const soon = "2026-12-01T13:00:00.000Z";
const past = "2026-12-01T11:59:59.999Z";

/** What is told of these settings, of all conversations and of one: of a direct message, in a room, of a mention there. */
const told = (own, here) =>
  [[true, false], [false, false], [false, true]].map(([isDirect, isMention]) => (isWanted({ level: "all", content: true, ...own }, here, { isDirect, isMention }, now) ? 1 : 0)).join("");

test("levels, of all conversations and of one", () => {
  const table = [
    [{}, {}, "101"],
    [{ level: "mentions" }, {}, "001"],
    [{ level: "nothing" }, {}, "000"],
    [{}, { level: "all" }, "111"],
    [{}, { level: "mentions" }, "001"],
    [{}, { level: "nothing" }, "000"],
    [{ level: "nothing" }, { level: "all" }, "111"],
    [{ level: "nothing" }, { level: "mentions" }, "001"],
    [{ level: "mentions" }, { level: "all" }, "111"],
    [{ mutedUntil: soon }, { level: "all" }, "000"],
    [{ mutedUntil: past }, { mutedUntil: past }, "101"],
    [{}, { level: "all", mutedUntil: soon }, "000"],
    [{ quiet: { from: "11:00", to: "13:00", timeZone: "UTC" } }, { level: "all" }, "000"],
  ];
  for (const [own, here, expected] of table) assert.equal(told(own, here), expected, JSON.stringify([own, here]));
});

test("quiet hours are by the clock of their zone, over midnight too", () => {
  const at = (time) => new Date(`2026-12-01T${time}:00Z`);
  const night = { from: "22:00", to: "07:00", timeZone: "Europe/Berlin" }; // an hour before UTC
  for (const [time, quiet] of [["20:59", false], ["21:00", true], ["23:30", true], ["05:59", true], ["06:00", false]]) assert.equal(isQuiet(night, at(time)), quiet, time);
  const lunch = { from: "12:00", to: "13:00", timeZone: "Asia/Shanghai" };
  for (const [time, quiet] of [["03:59", false], ["04:00", true], ["04:59", true], ["05:00", false]]) assert.equal(isQuiet(lunch, at(time)), quiet, time);
  assert.equal(isQuiet(undefined, now), false);
  assert.equal(isQuiet({ ...lunch, timeZone: "Moon/Tranquillity" }, at("04:30")), false);
});
