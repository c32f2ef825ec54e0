// Makes the pictures of the documentation: npm run screenshots, with SOCKEYE_BINARY set.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { setTheScene } from "./scene.mjs";
import { Server } from "./server.mjs";

const folder = new URL("../../docs/images/", import.meta.url);
const scale = 1.5;

const server = await Server.start("--limits", "off");
const browser = await launch();

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
  await setTheScene(server.url);
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
