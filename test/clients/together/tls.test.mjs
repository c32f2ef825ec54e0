// The stock clients of every version, over every transport, to a server that speaks TLS itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, connect, everyClient, next } from "../harness.mjs";
import { Sockeye } from "./sockeye.mjs";

const { TLS_CERT, TLS_KEY } = process.env; // Node trusts the certificate by NODE_EXTRA_CA_CERTS

everyClient((client, way, name) => {
  test(name, async (t) => {
    const server = await Sockeye.start(t, "--tls-cert", TLS_CERT, "--tls-key", TLS_KEY);
    assert.match(server.url, /^https:/);
    const device = (user) => {
      const token = server.token(user);
      return connect(t, client, way, server, client.auth ? { auth: { token } } : { query: { token } });
    };
    const [ada, bob] = [await device("ada"), await device("bob")];
    const [created] = await ask(ada, "room:create", { id: "hall", name: "Hall" });
    assert.equal(created.ok, true, JSON.stringify(created));
    const [joined] = await ask(bob, "room:join", { roomId: "hall" });
    assert.equal(joined.ok, true, JSON.stringify(joined));
    const content = "🐟".repeat(9_000); // 36 kB: three records
    const heard = next(bob, "room:message");
    const [sent] = await ask(ada, "room:message", { roomId: "hall", content });
    assert.equal(sent.ok, true, JSON.stringify(sent));
    assert.equal((await heard)[0].content, content);
  });
});
