// What a person does with the page, and what they see there. Every wait is for something to appear.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

/** Long enough for a slow machine; nothing in these tests waits for it to pass. */
const patience = 60_000; // ms

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A person with a browser profile of their own. `mayReport` tells which console errors are expected. */
export class Person {
  static async arrive(browser, base, name, { path = "/", mayReport = () => false, prepare = async () => {}, ...options } = {}) {
    const context = await browser.newContext({ baseURL: base, locale: "en-GB", viewport: { width: 1180, height: 760 }, ...options });
    context.setDefaultTimeout(patience);
    const complaints = [];
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`content policy: ${event.violatedDirective} refused ${event.blockedURI}`);
      });
    });
    await prepare(context);
    const page = await context.newPage();
    const note = (text) => mayReport(text) || complaints.push(text);
    page.on("console", (message) => message.type() === "error" && note(message.text()));
    page.on("pageerror", (error) => note(String(error)));
    await page.goto(path);
    return new Person(name, context, page, complaints);
  }

  constructor(name, context, page, complaints) {
    this.name = name;
    this.context = context;
    this.page = page;
    this.complaints = complaints;
  }

  async signIn() {
    const { page } = this;
    const known = page.getByRole("button", { name: this.name, exact: true });
    await page.getByRole("heading", { name: "Or try it as a demo user" }).waitFor();
    if (await known.count()) {
      await known.click();
    } else {
      await page.getByLabel("Another name").fill(this.name);
      await page.getByRole("button", { name: "Go", exact: true }).click();
    }
    await this.is("Connected");
  }

  /** Waits for a state of the connection. */
  async is(state) {
    await this.page.getByTestId("connection").filter({ hasText: new RegExp(`^${state}$`) }).first().waitFor();
  }

  async createRoom(name, { id = name, isPrivate = false } = {}) {
    const { page } = this;
    await this.press("Browse rooms");
    await this.press("New room");
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByLabel("Id", { exact: false }).fill(id);
    if (isPrivate) await page.getByRole("radio", { name: /^Private/ }).check();
    await this.press("Create room");
    await this.isIn(name);
  }

  async joinRoom(name) {
    await this.press("Browse rooms");
    await this.page.getByRole("searchbox", { name: /^Search rooms/ }).fill(name);
    await this.press(`Join ${name}`);
    await this.isIn(name);
  }

  /** A row of the list. */
  row(name) {
    const { page } = this;
    return page.getByRole("navigation").getByRole("listitem").filter({ has: page.getByText(name, { exact: true }) });
  }

  /** Opens a conversation of the list by its name. */
  async open(name) {
    await this.row(name).getByRole("button").first().click();
    await this.isIn(name);
  }

  async isIn(name) {
    await this.page.getByRole("main").getByRole("heading", { name, level: 2, exact: true }).waitFor();
  }

  async press(button) {
    await this.page.getByRole("button", { name: button, exact: true }).first().click();
  }

  async close() {
    await this.page.getByRole("button", { name: "Close", exact: true }).last().click();
  }

  /** Writes without sending. */
  async begin(text) {
    await this.composer.fill(text);
  }

  async type(text) {
    await this.begin(text);
    await this.composer.press("Enter");
  }

  /** Writes a message and waits until the server has it. */
  async say(text) {
    await this.type(text);
    await this.reads(text);
  }

  message(text, state = "stored") {
    const content = this.page.locator(".content", { hasText: text });
    return this.page.getByRole("main").locator(`[data-testid=message][data-state=${state}]`).filter({ has: content }).last();
  }

  /** Presses what stands beside a message; then, where it opens a menu, what is in there. */
  async act(text, button, item) {
    const message = this.message(text);
    await message.hover();
    await message.getByRole("button", { name: button, exact: true }).click();
    if (item) await message.getByRole("button", { name: item, exact: true }).first().click();
  }

  async sees(text) {
    await this.page.getByText(text, { exact: typeof text === "string" }).filter({ visible: true }).first().waitFor();
  }

  async seesNoMore(text) {
    await this.page.getByText(text, { exact: true }).waitFor({ state: "hidden" });
  }

  /** Waits until the open conversation ends with exactly these messages, all stored. */
  async reads(...texts) {
    try {
      await this.page.waitForFunction(endsWith, texts);
    } catch (error) {
      assert.deepEqual((await this.messages()).slice(-texts.length - 2), texts, `${this.name} does not read these: ${error.message}`);
      throw error;
    }
  }

  /** The texts of the open conversation, from top to bottom. */
  messages() {
    return this.page.getByRole("main").locator("[data-testid=message] .content").allTextContents();
  }

  /** Nothing on the page keeps people out, as far as a program can tell. */
  async audit(what) {
    assert.deepEqual(await this.barriers(), [], `${what} as ${this.name} sees it`);
  }

  /** What axe finds wrong with what is on the page, by all of its rules. */
  async barriers() {
    await this.page.evaluate(axe);
    return this.page.evaluate(async () => {
      const { violations } = await window.axe.run(document);
      return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`);
    });
  }

  async isAsWideAsTheScreen() {
    const overflow = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`);
  }

  async shoot(name) {
    const folder = process.env.SCREENSHOT_DIR;
    if (!folder) return;
    await mkdir(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }

  get composer() {
    return this.page.getByRole("main").getByRole("textbox", { name: /^Message to/ });
  }
}

// Runs in the page.
function endsWith(texts) {
  const shown = [...document.querySelectorAll("main [data-testid=message]")].slice(-texts.length);
  return (
    shown.length === texts.length &&
    shown.every((line, i) => line.dataset.state === "stored" && line.querySelector(".content").textContent === texts[i])
  );
}
