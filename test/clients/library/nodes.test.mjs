// Which of several servers a client is on. SOCKEYE_TEST_DATABASE is a PostgreSQL database for them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Proxy } from "../proxy.mjs";
import { Sockeye } from "../together/sockeye.mjs";
import { Person, transports } from "./library.mjs";

const database = process.env.SOCKEYE_TEST_DATABASE;
const nodeOf = (person) => person.client.connectionStatus.node;

for (const transport of transports) test(`over ${transport.name} a client knows on which node it is`, async (t) => {
  assert.ok(database, "SOCKEYE_TEST_DATABASE is not set: run these tests by `go test ./test/clients`");
  const [here, there] = [await Sockeye.start(t, "--database", database), await Sockeye.start(t, "--database", database)];
  const [ada, bob] = [await Person.online(t, here, "ada", transport), await Person.online(t, there, "bob", transport)];
  assert.match(nodeOf(ada), /^\S{8,}$/);
  assert.notEqual(nodeOf(bob), nodeOf(ada));

  const proxy = await Proxy.start(t, here);
  const cyd = await Person.online(t, here, "cyd", transport, { url: proxy.url });
  assert.equal(nodeOf(cyd), nodeOf(ada));
  proxy.target = new URL(there.url);
  proxy.sever();
  await cyd.next("state", (state) => state === "reconnecting", 0);
  await cyd.until(() => cyd.client.state === "online");
  assert.equal(nodeOf(cyd), nodeOf(bob));
});
