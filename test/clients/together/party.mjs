// Devices of several people and protocols, and the proof that each hears what it shall, once, and the same as the others.

import assert from "node:assert/strict";
import { connect, isGuide, ways } from "./devices.mjs";
import { check } from "./documented.mjs";

/** What a step tells: to all devices of a user, to all but the one that acts, or to that one alone. */
export const all = (event, payload) => ({ event, payload, told: () => true });
export const others = (event, payload) => ({ event, payload, told: (device, by) => device !== by });
export const only = (event, payload) => ({ event, payload, told: (device, by) => device === by });

const meeting = "meeting-point"; // a room that everybody is in
const guideNames = { "room:message": "chat", "message:received": "chat", "room:user_joined": "user_joined", "room:user_left": "user_left" };

export class Party {
  #steps = 0;
  #shapes = new Map();

  /** Connects `users`, each with a device of each of its ways. */
  static async gather(t, server, page, users) {
    const keeper = await connect(t, server, "keeper", ways.socketio);
    assert.ok((await keeper.ask("room:create", { id: meeting, name: "Meeting point" })).ok);
    const party = new Party(keeper);
    for (const [user, list] of Object.entries(users)) {
      for (const way of list) await party.welcome(await connect(t, server, user, way, page));
    }
    await party.settle();
    return party;
  }

  constructor(keeper) {
    this.keeper = keeper;
    this.devices = [];
  }

  async welcome(device) {
    if (!isGuide(device)) await device.next("presence"); // it comes in its own time
    assert.ok((await device.ask("room:join", { roomId: meeting })).ok);
    this.devices.push(device);
  }

  of(...users) {
    return this.devices.filter(({ user }) => users.includes(user));
  }

  /** All that each device has heard, once it has heard everything that was told before. */
  async settle() {
    const content = `step ${++this.#steps}`;
    assert.ok((await this.keeper.ask("room:message", { roomId: meeting, content })).ok);
    const heard = new Map();
    for (const device of this.devices) {
      const events = await device.until(({ payload }) => payload?.roomId === meeting && payload.content === content, content);
      heard.set(device, events.filter(({ event, payload }) => payload?.roomId !== meeting && event !== "conversation:head"));
    }
    return heard;
  }

  /**
   * A device carries out a command. `told` is what each user is told, in order; what is one entry for several users is
   * the same for all of them. Gives the acknowledgement.
   */
  async step(by, command, payload, told = {}, { beside = false } = {}) {
    const name = `${by}: ${command} ${JSON.stringify(payload)}`;
    const answer = await by.ask(command, payload);
    assert.ok(answer.ok, `${name}: ${JSON.stringify(answer)}`);
    this.#compareAnswer(by, command, payload, answer, name);
    await this.hears(name, told, { by, beside });
    return answer;
  }

  /** Answers to one command have the same fields of the same types over all protocols. */
  #compareAnswer(by, command, payload, answer, name) {
    if (isGuide(by) && command === "room:join") return; // it is told room_joined
    const question = `${command} ${Object.keys(payload).sort()}`;
    const shape = Object.keys(answer).sort().map((key) => `${key}: ${Array.isArray(answer[key]) ? "array" : typeof answer[key]}`);
    if (!this.#shapes.has(question)) this.#shapes.set(question, shape);
    assert.deepEqual(shape, this.#shapes.get(question), `${name}: its answer is unlike that of others`);
  }

  /** All hear what they are told, and nothing else. Presence comes beside the rest, in any order. */
  async hears(name, told, { by, beside = false } = {}) {
    const expectations = new Map(this.devices.map((device) => [device, expected(device, told, by, beside)]));
    if (beside) {
      for (const [device, entries] of expectations) await device.holds(entries.map(({ event }) => nameFor(device, event)));
    }
    const first = new Map(); // what was heard of an entry
    for (const [device, heard] of await this.settle()) {
      const entries = expectations.get(device);
      if (beside) heard.sort(byName);
      const names = entries.map(({ event }) => nameFor(device, event));
      assert.deepEqual(heard.map(({ event }) => event), names, `${name}: what ${device} hears: ${JSON.stringify(heard)}`);
      entries.forEach((entry, i) => {
        const payload = comparable(heard[i]);
        check(entry.event, payload);
        matches(payload, entry.payload, `${name}: ${entry.event} at ${device}`);
        if (first.has(entry)) assert.deepEqual(payload, first.get(entry), `${name}: ${entry.event} at ${device} is unlike that at others`);
        first.set(entry, payload);
      });
    }
  }
}

const byName = (a, b) => (a.event < b.event ? -1 : Number(a.event > b.event));
const nameFor = (device, event) => (isGuide(device) ? guideNames[event] : event);

function expected(device, told, by, beside) {
  const entries = (told[device.user] ?? []).filter((entry) => entry.told(device, by) && knows(device, entry, by));
  return beside ? entries.sort(byName) : entries;
}

/** The guide has names for a few events, and does not tell who speaks what was said. */
function knows(device, { event }, by) {
  if (!isGuide(device)) return true;
  return event in guideNames && !(guideNames[event] === "chat" && device === by);
}

function comparable({ event, payload }) {
  if (event !== "chat") return payload;
  const { senderName, ...message } = payload;
  assert.equal(senderName, message.senderUsername);
  return message;
}

/** `wanted` may have fewer fields, and functions to judge values. */
export function matches(got, wanted, what) {
  if (typeof wanted === "function") return assert.ok(wanted(got), `${what}: ${JSON.stringify(got)}`);
  if (Array.isArray(wanted)) assert.equal(got.length, wanted.length, `${what}: ${JSON.stringify(got)}`);
  if (wanted === null || typeof wanted !== "object") return assert.deepEqual(got, wanted, what);
  for (const [key, value] of Object.entries(wanted)) matches(got?.[key], value, `${what}: ${key}`);
}
