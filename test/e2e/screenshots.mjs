// Makes the pictures of the documentation: npm run screenshots, with SOCKEYE_BINARY set.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { Server } from "./server.mjs";

const folder = new URL("../../docs/images/", import.meta.url);
const scale = 1.5;

const server = await Server.start("--limits", "off");
const browser = await launch();

async function ask(method, path, body, token) {
  const response = await fetch(new URL(path, server.url), {
    method,
    headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
  return response.status === 204 ? {} : response.json();
}

const tokens = {};
for (const name of ["Alice", "Bob", "Chen Lin", "Grace"]) tokens[name] = (await ask("POST", "/api/dev/login", { name })).token;
const by = (name) => (method, path, body) => ask(method, `/api/v1${path}`, body, tokens[name]);

/** A few people, their rooms, and what they have said. */
async function setTheScene() {
  await by("Alice")("POST", "/rooms", { id: "regatta", name: "Regatta", description: "Saturday, 14:00, west pier" });
  await by("Alice")("POST", "/rooms", { id: "engine-room", name: "Engine room", description: "What runs, and what does not" });
  await by("Grace")("POST", "/rooms", { id: "galley", name: "Galley" });
  for (const name of ["Bob", "Chen Lin", "Grace"]) await by(name)("POST", "/rooms/regatta/join");
  for (const [name, room] of [["Grace", "engine-room"], ["Alice", "galley"]]) await by(name)("POST", `/rooms/${room}/join`);
  for (const name of ["Bob", "Chen Lin"]) {
    await by("Alice")("PUT", `/friend-requests/${idOf(name)}`);
    await by(name)("POST", `/friend-requests/${idOf("Alice")}/accept`);
  }
  const say = async (name, content, replyTo) => (await by(name)("POST", "/rooms/regatta/messages", { content, ...(replyTo && { replyTo }) })).id;
  const react = (name, id, emoji) => by(name)("PUT", `/messages/${id}/reactions/${encodeURIComponent(emoji)}`);

  const start = await say("Grace", "The start is at 14:00. Who brings the charts?");
  await say("Bob", "I do. Tides are on https://example.org/tides, high water at 13:20.");
  const wind = await say("Chen Lin", "西风四级，下午转强。 West wind, force 4, rising.");
  for (const name of ["Alice", "Bob", "Grace"]) await react(name, wind, "🌊");
  await say("Alice", "Then we reef early. The watch list:\n```\n13:30  Bob, Chen\n14:30  Grace, Alice\n```");
  await say("Bob", "Coffee is on me.", start);
  const ready = await say("Grace", `Well done. @${idOf("Alice")} bring the spare sail, please.`);
  await react("Alice", ready, "👍");
  await react("Bob", ready, "👍");
  await react("Chen Lin", ready, "🎉");
  await by("Alice")("PUT", `/messages/${start}/pin`);
  await by("Grace")("POST", "/rooms/galley/messages", { content: "Noodles at noon 🍜" });
  await by("Grace")("POST", "/rooms/engine-room/messages", { content: "Oil is changed, she purrs." });
  await by("Bob")("POST", `/users/${idOf("Alice")}/messages`, { content: "Did you get the spare keys?" });
  await by("Chen Lin")("POST", `/users/${idOf("Alice")}/messages`, { content: "码头见！" });
}

function idOf(name) {
  return `demo-${name.toLowerCase().replaceAll(" ", "-")}`;
}

/** Alice at her desk, and in another light on her phone. */
async function shoot(locale, scheme, viewport, name) {
  const visitor = await Person.arrive(browser, server.url, "Alice", { locale, colorScheme: scheme, viewport, deviceScaleFactor: scale });
  const { page } = visitor;
  await page.getByRole("button", { name: "Alice", exact: true }).click();
  await page.getByRole("navigation").getByText("Regatta", { exact: true }).click();
  await page.getByRole("main").getByText("Well done.").waitFor();
  await page.mouse.move(0, 0);
  const picture = await page.screenshot();
  assert.deepEqual(visitor.complaints, [], name);
  await visitor.context.close();
  return picture;
}

/** Lays the desk and the phone on one sheet. */
async function compose(desk, phone, name) {
  const page = await browser.newPage({ viewport: { width: 1320, height: 800 }, deviceScaleFactor: scale });
  const source = (picture) => `data:image/png;base64,${picture.toString("base64")}`;
  await page.setContent(`<style>
    body { margin: 0; height: 800px; background: linear-gradient(135deg, #dfe8e3, #f3e4dc); }
    img { position: absolute; border-radius: 14px; box-shadow: 0 2px 4px #0002, 0 24px 60px #0003; }
    .desk { left: 40px; top: 40px; width: 1100px; }
    .phone { right: 40px; bottom: 32px; width: 300px; border: 6px solid #14181a; border-radius: 28px; }
  </style><img class="desk" src="${source(desk)}"><img class="phone" src="${source(phone)}">`);
  await page.waitForFunction(() => [...document.images].every(({ complete, naturalWidth }) => complete && naturalWidth > 0));
  await writeFile(fileURLToPath(new URL(name, folder)), await page.screenshot());
  await page.close();
}

try {
  await setTheScene();
  const desk = { width: 1100, height: 700 };
  const phone = { width: 375, height: 720 };
  const dark = await shoot("en-GB", "dark", phone, "the phone");
  await compose(await shoot("en-GB", "light", desk, "the desk"), dark, "chat.png");
  const chineseDark = await shoot("zh-CN", "dark", phone, "the phone in 中文");
  await compose(await shoot("zh-CN", "light", desk, "the desk in 中文"), chineseDark, "chat.zh-CN.png");
} finally {
  await browser.close();
  await server.stop();
}
