// How places are named in commands, and what a browser remembers of them.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { source } from "./model.mjs";

const { addressee, placeKey, source: sourceOf } = await source("model/place.ts");
const remembered = await source("model/remembered.ts");

const room = { kind: "room", id: "lobby" };
const direct = { kind: "direct", id: "ada" };

/** The part of the browser's storage that is used; `mayWrite` false: it is full. */
class Area extends Map {
  mayWrite = true;
  getItem = (key) => this.get(key) ?? null;
  removeItem = (key) => this.delete(key);
  key = (index) => [...this.keys()][index] ?? null;
  get length() {
    return this.size;
  }
  setItem(key, value) {
    if (!this.mayWrite) throw new DOMException("full", "QuotaExceededError");
    this.set(key, value);
  }
}

function storage() {
  globalThis.window = { localStorage: new Area(), sessionStorage: new Area() };
  return window;
}

afterEach(() => delete globalThis.window);

test("a place has a key, and names for commands", () => {
  assert.deepEqual([room, direct].map(placeKey), ["room:lobby", "direct:ada"]);
  assert.deepEqual([room, direct].map(addressee), [{ roomId: "lobby" }, { recipientId: "ada" }]);
  assert.deepEqual([room, direct].map(sourceOf), [{ roomId: "lobby" }, { userId: "ada" }]);
});

test("names are remembered by place and by user, as many as are of use", () => {
  storage();
  remembered.rememberNames("me", [{ ...room, name: "Lobby" }, { ...direct, name: "Ada" }]);
  assert.deepEqual(remembered.rememberedNames("me"), { "room:lobby": "Lobby", "direct:ada": "Ada" });
  assert.deepEqual(remembered.rememberedNames("you"), {});
  const many = Array.from({ length: 2000 }, (_, i) => ({ kind: "room", id: `${i}`, name: `Room ${i}` }));
  remembered.rememberNames("me", many);
  assert.equal(Object.keys(remembered.rememberedNames("me")).length, 500);
});

test("the open place is the tab's, the rest the browser's", () => {
  const { localStorage, sessionStorage } = storage();
  remembered.rememberCurrent("me", "room:lobby");
  remembered.rememberFailed("me", [{ message: { clientMsgId: "a" }, code: "refused", reason: "No" }]);
  const receipts = { readers: { ada: 3 }, unplaced: { bob: "m1" } };
  remembered.rememberReceipts("me", "room:lobby", receipts);
  assert.equal(remembered.rememberedCurrent("me"), "room:lobby");
  assert.equal(remembered.rememberedFailed("me")[0].reason, "No");
  assert.deepEqual(remembered.rememberedReceipts("me", "room:lobby"), receipts);
  assert.deepEqual([sessionStorage.size, localStorage.size], [1, 2]);
});

test("a user can be forgotten, and nobody else with it", () => {
  const { localStorage, sessionStorage } = storage();
  const receipts = { readers: { ada: 3 }, unplaced: {} };
  for (const user of ["me", "me:room"]) {
    remembered.rememberCurrent(user, "room:lobby");
    remembered.rememberFailed(user, []);
    remembered.rememberNames(user, [{ ...room, name: "Lobby" }]);
    remembered.rememberReceipts(user, "room:lobby", receipts);
  }
  remembered.forgetUser("me");
  assert.deepEqual([sessionStorage.size, localStorage.size], [1, 3]);
  assert.equal(remembered.rememberedCurrent("me:room"), "room:lobby");
  assert.deepEqual(remembered.rememberedReceipts("me:room", "room:lobby"), receipts);
});

test("what is not what it should be counts as nothing", () => {
  const { localStorage, sessionStorage } = storage();
  for (const text of ["", "{", "null", "7", '{"a":7}', '[{"code":"x"}]']) {
    for (const name of ["names:me", "failed:me", "readers:me:room:lobby"]) localStorage.set(`sockeye:${name}`, text);
    sessionStorage.set("sockeye:current:me", text);
    assert.deepEqual([remembered.rememberedNames("me"), remembered.rememberedFailed("me"), remembered.rememberedCurrent("me")], [{}, [], ""], text);
    assert.deepEqual(remembered.rememberedReceipts("me", "room:lobby"), { readers: {}, unplaced: {} }, text);
  }
});

test("without a storage, or with a full one, nothing is remembered and nothing fails", () => {
  globalThis.window = {
    get localStorage() {
      throw new DOMException("forbidden", "SecurityError");
    },
  };
  remembered.rememberNames("me", [{ ...room, name: "Lobby" }]);
  assert.deepEqual(remembered.rememberedNames("me"), {});
  storage().localStorage.mayWrite = false;
  remembered.rememberNames("me", [{ ...room, name: "Lobby" }]);
  assert.deepEqual(remembered.rememberedNames("me"), {});
});
