// Measures what the web app costs, and holds it to its limits: make web-figures, or npm run figures with SOCKEYE_BINARY set.
// Prints a table for the documentation; what is over a limit, or wrong on a page, is told on standard error and fails.

import { limit as largestLibrary, size as sizeOfLibrary } from "../../web/client/size.mjs";
import { launch } from "./browser.mjs";
import { Person } from "./people.mjs";
import { idOf, setTheScene } from "./scene.mjs";
import { Server } from "./server.mjs";
import { tourOfTheAdministration, tourOfTheChat } from "./views.mjs";

const largestPage = 100_000; // bytes
const slowest = 1000; // ms
const runs = 5; // of what is timed; the median counts

const desk = { width: 1180, height: 760 };
const phone = { width: 375, height: 740 };
const signInField = "#login";
const composer = "main textarea";

const rows = [];
const failures = [];

/** One line of the table: what may be `most` at most. */
function record(what, measured, most, unit) {
  const number = (value) => `${value.toLocaleString("en")}${unit ? ` ${unit}` : ""}`;
  rows.push(`| ${what} | ${number(measured)} | ${number(most)} |`);
  if (!(measured <= most)) failures.push(`${what}: ${number(measured)}, where ${number(most)} is the most`);
}

/** What a browser that was never here gets over the wire until the page can be used, without HTTP headers. */
async function firstLoad(browser, base, path) {
  const context = await browser.newContext({ baseURL: base });
  const page = await context.newPage();
  const sizes = [];
  page.on("requestfinished", (request) => {
    const isCode = ["document", "script", "stylesheet"].includes(request.resourceType());
    if (isCode) sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
  });
  await page.goto(path, { waitUntil: "networkidle" }); // not only until the form is there: what is loaded late counts too
  await page.locator(signInField).fill("grace");
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  await context.close();
  return bytes;
}

/** Notes when a field can be typed into, from the start of the navigation. Runs in the page, before its own scripts. */
function noteWhenReady(selector) {
  const look = () => {
    const field = document.querySelector(selector);
    const isReady = field?.checkVisibility() && !field.disabled && !field.readOnly;
    if (isReady) window.readyAfter = performance.now();
    else requestAnimationFrame(look);
  };
  look();
}

/** How long a page takes until its field takes text, in ms; `navigate` goes there. */
async function timeToType(page, selector, navigate) {
  await navigate();
  await page.waitForFunction(() => window.readyAfter !== undefined);
  const field = page.locator(selector);
  await field.pressSequentially("ahoy");
  if ((await field.inputValue()) !== "ahoy") failures.push(`${selector} did not take what was typed`);
  return page.evaluate(() => window.readyAfter);
}

/** Opens the page in new profiles, with nothing cached. */
async function timeFirstLoads(browser, base, path) {
  const times = [];
  for (let run = 0; run < runs; run++) {
    const context = await browser.newContext({ baseURL: base });
    await context.addInitScript(noteWhenReady, signInField);
    const page = await context.newPage();
    times.push(await timeToType(page, signInField, () => page.goto(path)));
    await context.close();
  }
  return median(times);
}

/** Comes back to a conversation. */
async function timeReloads(browser, base) {
  const alice = await Person.arrive(browser, base, "Alice");
  await alice.signIn();
  await alice.open("Regatta");
  await alice.context.addInitScript(noteWhenReady, composer);
  const times = [];
  for (let run = 0; run < runs; run++) times.push(await timeToType(alice.page, composer, () => alice.page.reload()));
  await alice.context.close();
  return median(times);
}

const median = (times) => Math.round(times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]);

/** Goes through the views of both pages, in both lights, at a desk and on a phone. */
async function inspect(browser, base, token) {
  const found = { views: 0, barriers: 0, refused: 0, errors: 0 };
  for (const colorScheme of ["light", "dark"]) {
    for (const [screen, viewport] of Object.entries({ desk, phone })) {
      for (const [path, tour] of [["/", tourOfTheChat], ["/admin", (person, look) => tourOfTheAdministration(person, token, look)]]) {
        const person = await Person.arrive(browser, base, "Alice", { path, colorScheme, viewport });
        const where = `${path}, ${colorScheme}, ${screen}`;
        await tour(person, async (view) => {
          found.views++;
          const barriers = await person.barriers();
          found.barriers += barriers.length;
          failures.push(...barriers.map((barrier) => `${where}, ${view}: ${barrier}`));
          await person.isAsWideAsTheScreen();
        });
        const refused = person.complaints.filter((complaint) => complaint.startsWith("content policy"));
        found.refused += refused.length;
        found.errors += person.complaints.length - refused.length;
        failures.push(...person.complaints.map((complaint) => `${where}: ${complaint}`));
        await person.context.close();
      }
    }
  }
  return found;
}

async function measure(browser, server) {
  const tokens = await setTheScene(server.url);
  await server.grant(idOf("Alice"));
  record("first load of the chat: HTML, scripts and styles, gzipped", await firstLoad(browser, server.url, "/"), largestPage, "bytes");
  record("first load of `/admin`, the same", await firstLoad(browser, server.url, "/admin"), largestPage, "bytes");
  record("`@sockeye/client` in a page of one's own, without `socket.io-client`, gzipped", await sizeOfLibrary(), largestLibrary, "bytes");
  record("first visit, until one can type into the sign-in form", await timeFirstLoads(browser, server.url, "/"), slowest, "ms");
  record("the same at `/admin`", await timeFirstLoads(browser, server.url, "/admin"), slowest, "ms");
  record("signed in, reload, until one can type a message", await timeReloads(browser, server.url), slowest, "ms");
  await (await Person.arrive(browser, server.url, "Bob")).signIn(); // for administrators to see a connection
  const { views, barriers, refused, errors } = await inspect(browser, server.url, tokens.Alice);
  record(`what axe finds in ${views} views: both pages, light and dark, desk and phone`, barriers, 0);
  record("what the content policy refuses meanwhile", refused, 0);
  record("errors on the console meanwhile", errors, 0);
}

const server = await Server.start("--limits", "off");
const browser = await launch();
try {
  await measure(browser, server);
} finally {
  await browser.close();
  await server.stop();
}
console.log(["| what | measured | at most |", "| --- | ---: | ---: |", ...rows].join("\n"));
for (const failure of failures) console.error(failure);
if (failures.length > 0) process.exitCode = 1;
