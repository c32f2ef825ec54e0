// The door: how tokens come in, who is turned away and how, and what is wrong with what is sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import { next, within } from "../harness.mjs";
import { connect, ways } from "./devices.mjs";
import { Sockeye } from "./sockeye.mjs";
import { NpmWire, Page } from "./wires.mjs";

/** Gives the frames of a wire, one by one, and then "closed". */
function frames(wire) {
  const received = [];
  let wake = () => {};
  wire.onmessage = (text) => {
    received.push(JSON.parse(text));
    wake();
  };
  let closed = false;
  wire.closed.then(() => {
    closed = true;
    wake();
  });
  const read = async () => {
    while (!received.length && !closed) await new Promise((resolve) => (wake = resolve));
    return received.shift() ?? "closed";
  };
  return () => within(read(), () => "a frame");
}

/** Runs the test with a WebSocket of each kind. */
const both = (t, server, page, body) =>
  Promise.all([
    t.test("npm ws", () => body((query = "", protocols) => new NpmWire(t, server.ws + query, protocols))),
    t.test("Chromium", () => body((query = "", protocols) => page.socket(server.ws + query, protocols))),
  ]);

const unauthenticated = { type: "error", code: "authentication_failed", message: "Authentication failed" };

test("signing in", async (t) => {
  const server = await Sockeye.start(t);
  const page = await Page.open(t, `${server.url}/health`);
  const expired = server.token("ada", -1);

  await t.test("a bad token is refused before the upgrade", async () => {
    for (const token of ["nonsense", expired, `${server.token("ada")}x`]) {
      for (const wire of [new NpmWire(t, `${server.ws}?token=${token}`), new NpmWire(t, server.ws, [], { headers: { Authorization: `bearer ${token}` } })]) {
        const { status, headers, body } = await wire.turnedAway();
        assert.deepEqual([status, headers["www-authenticate"], body], [401, "Bearer", "Authentication failed"]);
      }
      const wire = page.socket(`${server.ws}?token=${token}`);
      assert.equal((await wire.ended()).code, 1006, "a page learns no more");
    }
  });

  await t.test("a bad first frame", (t) =>
    both(t, server, page, async (dial) => {
      for (const frame of [{ type: "auth", token: "nonsense" }, { type: "auth" }, { type: "auth", token: expired, ref: [1, "<"] }, { type: "chat", roomId: "hall", content: "x", ref: 1 }]) {
        const wire = dial();
        const read = frames(wire);
        await wire.open();
        await wire.send(JSON.stringify({ type: "ping", ref: null }));
        assert.deepEqual(await read(), { type: "pong", ref: null });
        await wire.send(JSON.stringify(frame));
        await wire.send(JSON.stringify({ type: "auth", token: server.token("ada") })); // too late
        assert.deepEqual(await read(), "ref" in frame ? { ...unauthenticated, ref: frame.ref } : unauthenticated);
        assert.equal(await read(), "closed");
        assert.deepEqual(await wire.ended(), { code: 4401, reason: "Authentication failed" });
      }
    }));

  await t.test("no frame at all", async (t) => {
    const hasty = await Sockeye.start(t, "--auth-timeout", "500ms", "--origins", server.url);
    await both(t, hasty, page, async (dial) => {
      const wire = dial("", ["sockeye.v1"]);
      const read = frames(wire);
      assert.deepEqual(await read(), unauthenticated);
      assert.equal((await wire.ended()).code, 4401);
    });
  });

  await t.test("the sub-protocol is found among others", (t) =>
    both(t, server, page, async (dial) => {
      const wire = dial(`?token=${server.token("ada")}`, ["mqtt", "sockeye.v1"]);
      assert.equal(await wire.open(), "sockeye.v1");
    }));

  await t.test("a token that runs out ends all connections, and a new one keeps them", async () => {
    const short = { url: server.url, ws: server.ws, token: (user) => server.token(user, 15) };
    const gather = async () => {
      const devices = [];
      for (const way of [ways.socketio, ways.v1, ways.v1Chromium]) devices.push(await connect(t, short, "ada", way, page));
      return devices;
    };
    const stay = await gather();
    for (const device of stay) assert.match((await device.ask("auth:refresh", { token: server.token("ada") })).expiresAt, /Z$/);
    const leave = await gather();
    const left = next(leave[0].socket, "disconnect");
    for (const device of leave) assert.deepEqual(await device.next("error"), { code: "token_expired", message: "Authentication failed" });
    for (const { wire } of leave.slice(1)) assert.equal((await wire.ended()).code, 4401);
    assert.equal((await left)[0], "io server disconnect");
    for (const device of stay) assert.ok((await device.ask("room:list", {})).ok, `${device} has gone`);
  });
});

test("origins", async (t) => {
  const server = await Sockeye.start(t, "--origins", "https://app.example");
  const query = `?token=${server.token("ada")}`;
  const elsewhere = await Page.open(t, "about:blank");
  assert.equal((await elsewhere.socket(server.ws + query).ended()).code, 1006);
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1"]) {
    assert.equal((await new NpmWire(t, server.ws + query, [], { origin }).turnedAway()).status, 403, origin);
  }
  await new NpmWire(t, server.ws + query, [], { origin: "https://app.example" }).open();
});

test("a full server", async (t) => {
  const server = await Sockeye.start(t, "--max-connections", "1", "--auth-timeout", "1m");
  const waiting = [new NpmWire(t, server.ws), new NpmWire(t, server.ws, ["sockeye.v1"])];
  for (const wire of waiting) await wire.open();
  const ada = await connect(t, server, "ada", ways.socketio);
  assert.ok((await ada.ask("room:list", {})).ok); // she counts by now
  assert.equal((await new NpmWire(t, `${server.ws}?token=${server.token("bob")}`).turnedAway()).status, 503);
  for (const wire of waiting) {
    const read = frames(wire);
    await wire.send(JSON.stringify({ type: "auth", token: server.token("bob") }));
    assert.deepEqual(await read(), { type: "error", code: "server_at_capacity", message: "Server at capacity" });
    assert.equal((await wire.ended()).code, 1013);
  }
  assert.ok((await ada.ask("room:list", {})).ok);
});

test("what is sent", async (t) => {
  const server = await Sockeye.start(t);
  const page = await Page.open(t, `${server.url}/health`);

  await t.test("errors name the same over all protocols", async () => {
    const devices = [];
    for (const way of [ways.socketio, ways.polling, ways.v1, ways.v1ChromiumFrame]) devices.push(await connect(t, server, "ada", way, page));
    for (const [command, payload] of [
      ["room:message", { roomId: "none", content: "x" }],
      ["room:message", { roomId: "hall" }],
      ["room:message", { roomId: "hall", content: 7 }],
      ["room:message", { roomId: "hall", content: "x", type: "system" }],
      ["room:message", { roomId: "hall", content: "x".repeat(10_001) }],
      ["room:create", { name: "x", type: "open" }],
      ["room:create", { name: "x", maxMembers: 1.5 }],
      ["message:send", { recipientId: "nobody", content: "x" }],
      ["message:edit", { messageId: "none", content: "x" }],
      ["typing:start", {}],
      ["notification:subscribe", { topics: ["*"] }],
      ["auth:refresh", { token: server.token("bob") }],
    ]) {
      let first;
      for (const device of devices) {
        const { ok, error } = await device.ask(command, payload);
        assert.equal(ok, false, `${device}: ${command}`);
        assert.deepEqual(error, (first ??= error), `${device}: ${command} ${JSON.stringify(payload)}`);
        await device.say(command, payload);
        assert.deepEqual(await device.next("error"), { ...first, event: command }, `${device}: ${command}`);
      }
    }
    for (const way of [ways.guide, ways.guideChromium]) {
      const device = await connect(t, server, "ada", way, page);
      const message = { roomId: "none", content: "x" };
      assert.deepEqual(await device.ask("room:message", message), await devices[0].ask("room:message", message));
      for (const command of ["room:list", "auth", "connection"]) {
        assert.deepEqual(await device.ask(command, {}), { ok: false, error: { code: "unknown_command", message: "Unknown command" } });
      }
    }
  });

  await t.test("frames that are none", (t) =>
    both(t, server, page, async (dial) => {
      for (const protocols of [undefined, ["sockeye.v1"]]) {
        const wire = dial(`?token=${server.token("bob")}`, protocols);
        const read = frames(wire);
        const greeting = protocols ? "presence" : "connection";
        while ((await read()).type !== greeting);
        for (const bad of ["nonsense", "[]", "null", '"ping"', "", Buffer.from('{"type":"ping"}')]) {
          await wire.send(bad);
          assert.deepEqual(await read(), { type: "error", code: "invalid_field", message: "Invalid message format" });
        }
        await wire.send(JSON.stringify({ type: "ping", ref: { a: [1, "<&>"] } }));
        assert.deepEqual(await read(), { type: "pong", ref: { a: [1, "<&>"] } });
        await wire.send(JSON.stringify({ type: "ping", ref: "x".repeat(1 << 20) }));
        assert.equal((await wire.ended()).code, 1009);
      }
    }));
});
