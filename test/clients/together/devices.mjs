// A device is one signed-in connection, whatever it speaks. All have the same methods, and tell what they hear in the
// same form, the one of Socket.IO: an event and its payload. So what comes over one protocol can be compared with what
// comes over another.

import assert from "node:assert/strict";
import { newest, open, within } from "../harness.mjs";
import { NpmWire } from "./wires.mjs";

class Device {
  #heard = [];
  #waiting = new Set();

  constructor(user, way) {
    this.user = user;
    this.way = way;
  }

  toString() {
    return `${this.user} by ${this.way.name}`;
  }

  hear(event, payload) {
    this.#heard.push({ event, payload });
    this.#waiting.forEach((check) => check());
  }

  #wait(look, what) {
    const found = new Promise((resolve) => {
      const check = () => {
        const result = look(this.#heard);
        if (result === undefined) return;
        this.#waiting.delete(check);
        resolve(result);
      };
      this.#waiting.add(check);
      check();
    });
    return within(found, () => `${this} to hear ${what}; it heard ${JSON.stringify(this.#heard)}`);
  }

  /** Waits for an event and takes it, and all that came before it. */
  until(match, what) {
    return this.#wait((heard) => {
      const at = heard.findIndex(match);
      return at < 0 ? undefined : heard.splice(0, at + 1);
    }, what);
  }

  /** Waits for an event of that name and takes it alone: its payload. */
  next(event) {
    return this.#wait((heard) => {
      const at = heard.findIndex((each) => each.event === event);
      return at < 0 ? undefined : heard.splice(at, 1)[0].payload;
    }, event);
  }

  /** Waits until events of all those names are there, and takes none. */
  holds(events) {
    return this.#wait((heard) => events.every((event) => heard.some((each) => each.event === event)) || undefined, events);
  }
}

/** The stock Socket.IO client. */
class SocketIODevice extends Device {
  static async open(t, server, user, way) {
    const device = new SocketIODevice(user, way);
    const { socket } = Object.assign(device, {
      socket: open(t, newest, { options: way.options }, server, { auth: { token: server.token(user) } }),
    });
    socket.onAny((event, ...args) => device.hear(event, args[0]));
    const refused = new Promise((_, reject) => socket.once("connect_error", reject));
    refused.catch(() => {});
    await within(Promise.race([new Promise((resolve) => socket.once("connect", resolve)), refused]), () => `${device} to connect`);
    return device;
  }

  /** The acknowledgement of a command. */
  ask(command, payload) {
    return within(new Promise((resolve) => this.socket.emit(command, payload, resolve)), () => `${this}: the answer to ${command}`);
  }

  /** Sends a command and wants no answer. */
  say(command, payload) {
    this.socket.emit(command, payload);
  }

  close() {
    this.socket.disconnect();
  }
}

/** What a payload calls type travels beside the frame's own. */
const typeField = (command) => (/^room:(?!message)/.test(command) ? "roomType" : "messageType");

/** A plain WebSocket that speaks `sockeye.v1`. */
class V1Device extends Device {
  static async open(t, server, user, way, page) {
    const device = new this(user, way);
    const protocols = way.protocol && [way.protocol];
    const token = server.token(user);
    const url = way.token === "query" ? `${server.ws}?token=${token}` : server.ws;
    const headers = way.token === "header" ? { Authorization: `Bearer ${token}` } : {};
    device.wire = way.chromium ? page.socket(url, protocols) : new NpmWire(t, url, protocols, { headers });
    assert.equal(await device.wire.open(), way.protocol ?? "");
    device.wire.onmessage = (text) => device.receive(JSON.parse(text));
    if (way.token === "frame") await device.wire.send(JSON.stringify({ type: "auth", token, ref: "in" }));
    const { status, clientId, userId, ref } = await device.next("connection");
    assert.deepEqual({ status, userId, ref }, { status: "connected", userId: user, ref: way.token === "frame" ? "in" : undefined });
    assert.match(clientId, /./);
    return device;
  }

  #asked = 0;
  #answers = new Map();

  receive({ type, ref, ...fields }) {
    if (this.#answers.has(ref)) {
      this.#answers.get(ref)({ type, ...fields });
      this.#answers.delete(ref);
      return;
    }
    const { items, messageType, ...payload } = fields;
    if (ref !== undefined) payload.ref = ref;
    if (messageType !== undefined) payload.type = messageType;
    this.hear(type, items ?? payload);
  }

  async ask(command, payload) {
    const ref = `${++this.#asked} <&>`;
    const answered = new Promise((resolve) => this.#answers.set(ref, resolve));
    await this.wire.send(JSON.stringify({ ...this.frame(command, payload), ref }));
    return this.answer(await within(answered, () => `${this}: the answer to ${command}`));
  }

  say(command, payload) {
    return this.wire.send(JSON.stringify(this.frame(command, payload)));
  }

  frame(command, { type, ...payload }) {
    return { type: command, ...payload, ...(type !== undefined && { [typeField(command)]: type }) };
  }

  answer({ type, ...fields }) {
    assert.equal(type, "ack");
    return fields;
  }

  close() {
    return this.wire.close();
  }
}

/** A plain WebSocket that speaks the few names of the guide. */
class GuideDevice extends V1Device {
  static commands = { "room:message": "chat", "message:send": "chat", "room:join": "join_room", "room:leave": "leave_room" };

  frame(command, payload) {
    return super.frame(GuideDevice.commands[command] ?? command, payload);
  }

  answer({ type, ...fields }) {
    if (type === "room_joined") return { ok: true, ...fields };
    if (type !== "error") return super.answer({ type, ...fields });
    const { event, ...error } = fields;
    return { ok: false, error };
  }
}

/** All ways to be connected, and how the token gets there. */
export const ways = {
  socketio: { name: "Socket.IO", Device: SocketIODevice, options: { transports: ["websocket"] } },
  polling: { name: "Socket.IO over polling", Device: SocketIODevice, options: { transports: ["polling"] } },
  v1: { name: "ws, sockeye.v1", Device: V1Device, protocol: "sockeye.v1", token: "header" },
  v1Chromium: { name: "Chromium, sockeye.v1", Device: V1Device, protocol: "sockeye.v1", token: "query", chromium: true },
  v1ChromiumFrame: { name: "Chromium, sockeye.v1, auth frame", Device: V1Device, protocol: "sockeye.v1", token: "frame", chromium: true },
  guide: { name: "ws, the guide's names", Device: GuideDevice, token: "frame" },
  guideChromium: { name: "Chromium, the guide's names", Device: GuideDevice, token: "query", chromium: true },
};

export const isGuide = (device) => device instanceof GuideDevice;

/** Signs a user in. `page` is for the ways that are Chromium's. */
export const connect = (t, server, user, way, page) => way.Device.open(t, server, user, way, page);
