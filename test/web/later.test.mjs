// When messages are sent that are sent later, where the clocks go forward and back.

import assert from "node:assert/strict";
import { test } from "node:test";

process.env.TZ = "Europe/Berlin";
const { source } = await import("./model.mjs");
const { choices, forInput, fromInput } = await source("model/later.ts");

const offered = (now) => choices(new Date(now)).map(({ name, at }) => `${name} ${forInput(at)}`);

test("in an hour, and nine in the morning of tomorrow and of Monday", () => {
  assert.deepEqual(offered("2026-12-02T17:05:09"), ["hour 2026-12-02T18:05", "tomorrow 2026-12-03T09:00", "monday 2026-12-07T09:00"]);
  assert.deepEqual(offered("2026-12-31T23:30:00"), ["hour 2027-01-01T00:30", "tomorrow 2027-01-01T09:00", "monday 2027-01-04T09:00"]);
});

test("on a Monday the next one, on a Sunday tomorrow alone", () => {
  assert.deepEqual(offered("2026-12-07T08:00:00"), ["hour 2026-12-07T09:00", "tomorrow 2026-12-08T09:00", "monday 2026-12-14T09:00"]);
  assert.deepEqual(offered("2026-12-06T08:00:00"), ["hour 2026-12-06T09:00", "tomorrow 2026-12-07T09:00"]);
});

test("nine in the morning is that where the clocks change in the night", () => {
  assert.deepEqual(offered("2026-03-28T22:00:00"), ["hour 2026-03-28T23:00", "tomorrow 2026-03-29T09:00", "monday 2026-03-30T09:00"]);
  assert.deepEqual(offered("2026-10-24T22:00:00")[1], "tomorrow 2026-10-25T09:00");
  assert.deepEqual(offered("2026-03-29T01:30:00")[0], "hour 2026-03-29T03:30");
});

test("a field is read as it was written, and an empty one is no time", () => {
  const at = new Date("2026-12-24T18:00:00");
  assert.equal(fromInput(forInput(at)).getTime(), at.getTime());
  assert.equal(forInput(new Date("2026-01-02T03:04:59")), "2026-01-02T03:04");
  for (const value of ["", "tomorrow", "2026-13-01T00:00"]) assert.equal(fromInput(value), undefined);
});
