// What a person does with the page, and what they see there. Every wait is for something to appear.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

/** Long enough for a slow machine; nothing in these tests waits for it to pass. */
const patience = 20_000; // ms

/** A person with a browser profile of their own. `mayReport` tells which console errors are expected. */
export class Person {
  static async arrive(browser, base, name, { mayReport = () => false, prepare = async () => {}, ...options } = {}) {
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
    await page.goto("/");
    return new Person(name, context, page, complaints);
  }

  constructor(name, context, page, complaints) {
    this.name = name;
    this.context = context;
    this.page = page;
    this.complaints = complaints;
  }

  /** Another tab of the same person. */
  async openTab() {
    const page = await this.context.newPage();
    const session = await this.page.evaluate(() => sessionStorage.getItem("sockeye:session"));
    await page.addInitScript((session) => sessionStorage.setItem("sockeye:session", session), session);
    await page.goto("/");
    const tab = new Person(this.name, this.context, page, this.complaints);
    await tab.sees("Connected");
    return tab;
  }

  async signIn() {
    const { page } = this;
    const known = page.getByRole("button", { name: this.name, exact: true });
    await page.getByRole("heading", { name: "Continue as" }).waitFor();
    if (await known.count()) {
      await known.click();
    } else {
      await page.getByLabel("Or under another name").fill(this.name);
      await page.getByRole("button", { name: "Sign in" }).click();
    }
    await this.sees("Connected");
  }

  async createRoom(id) {
    await this.#enterRoom(id);
    await this.page.getByRole("button", { name: "Create it" }).click();
    await this.#isIn(id);
  }

  async joinRoom(id) {
    await this.#enterRoom(id);
    await this.#isIn(id);
  }

  /** A row of the list: under a heading, where one is given. */
  row(name, heading) {
    const { page } = this;
    const list = heading ? page.getByRole("region", { name: heading, exact: true }) : page.getByRole("navigation");
    return list.getByRole("listitem").filter({ has: page.getByText(name, { exact: true }) });
  }

  /** Opens a conversation of the list by its name. */
  async open(name) {
    await this.row(name).getByRole("button").first().click();
    await this.#isIn(name);
  }

  async find(query) {
    await this.page.getByRole("searchbox", { name: "Find people" }).fill(query);
  }

  async press(button) {
    await this.page.getByRole("button", { name: button, exact: true }).click();
  }

  /** Chooses from the menu beside a person's row. */
  async choose(item, name) {
    await this.row(name).getByRole("button", { name: `More about ${name}` }).click();
    await this.press(item);
  }

  /** Waits until a friend stands in the list, online or offline. */
  async seesFriend(name, presence) {
    await this.row(name, "Friends").getByText(presence, { exact: true }).waitFor();
  }

  /** Writes without sending. */
  async begin(text) {
    await this.#composer.fill(text);
  }

  async type(text) {
    await this.begin(text);
    await this.#composer.press("Enter");
  }

  /** Writes a message and waits until the server has it. */
  async say(text) {
    await this.type(text);
    await this.reads(text);
  }

  message(text, state) {
    return this.page.locator(`[data-testid=message][data-state=${state}]`).filter({ hasText: text });
  }

  async sees(text) {
    await this.page.getByText(text, { exact: true }).first().waitFor();
  }

  async seesNoMore(text) {
    await this.page.getByText(text, { exact: true }).waitFor({ state: "hidden" });
  }

  /** Waits until the open conversation ends with exactly these messages, all stored. */
  async reads(...texts) {
    try {
      await this.page.waitForFunction(endsWith, texts);
    } catch (error) {
      assert.deepEqual(await this.messages(), texts, `${this.name} does not read these: ${error.message}`);
      throw error;
    }
  }

  /** The texts of the open conversation, from top to bottom. */
  messages() {
    return this.page.locator("[data-testid=message] .content").allTextContents();
  }

  async shoot(name) {
    const folder = process.env.SCREENSHOT_DIR;
    if (!folder) return;
    await mkdir(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }

  get #composer() {
    return this.page.getByRole("textbox", { name: /^Message to/ });
  }

  async #enterRoom(id) {
    await this.page.getByRole("textbox", { name: "Room id" }).fill(id);
    await this.page.getByRole("textbox", { name: "Room id" }).press("Enter");
  }

  async #isIn(name) {
    await this.page.getByRole("heading", { name, level: 2, exact: true }).waitFor();
  }
}

// Runs in the page.
function endsWith(texts) {
  const shown = [...document.querySelectorAll("[data-testid=message]")].slice(-texts.length);
  return (
    shown.length === texts.length &&
    shown.every((line, i) => line.dataset.state === "stored" && line.querySelector(".content").textContent === texts[i])
  );
}
