// The library as the server itself serves it, in a page of another origin that has no bundler and no registry.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Sockeye } from "../together/sockeye.mjs";
import { browse } from "./browser.mjs";

const origin = "http://app.example";

test("a page of another origin imports the library from the server", async (t) => {
  const server = await Sockeye.start(t, "--origins", origin);
  const context = await browse(t);
  await context.route(`${origin}/**`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>An app</title>" }));
  const page = await context.newPage();
  await page.goto(`${origin}/`);
  const said = await page.evaluate(
    async ([url, token]) => {
      const { SockeyeClient } = await import(`${url}/client/sockeye.js`);
      const client = new SockeyeClient({ url, token, userId: "ada" });
      const heard = new Promise((resolve) => client.on("room:message", ({ content }) => resolve(content)));
      client.connect();
      await client.room.create({ id: "hall", name: "Hall" });
      client.send({ roomId: "hall", content: "from another origin" });
      return heard;
    },
    [server.url, server.token("ada")],
  );
  assert.equal(said, "from another origin");
  const types = await fetch(`${server.url}/client/sockeye.d.ts`);
  assert.equal(types.status, 200);
  const [, index] = /from "\.\/(\w+)\.js"/.exec(await types.text()) ?? [];
  const declared = await (await fetch(`${server.url}/client/${index}.d.ts`)).text();
  assert.match(declared, /SockeyeClient/);
  for (const [, name] of declared.matchAll(/from "\.\/(\w+)\.js"/g)) {
    assert.equal((await fetch(`${server.url}/client/${name}.d.ts`)).status, 200, `${name}.d.ts`);
  }
});
