// A real browser that has the library.

import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";
import { atEnd } from "../harness.mjs";

const library = new URL("../../../web/client/dist/", import.meta.url);

/** A browser to which every server serves an empty page at /library/, and the library's modules below. */
export async function browse(t) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
      "--disable-sync",
      "--disable-features=LocalNetworkAccessChecks", // pages that the test makes up have no address
    ],
  });
  atEnd(t, () => browser.close());
  const context = await browser.newContext();
  const serve = async (route) => {
    const name = new URL(route.request().url()).pathname.slice("/library/".length);
    if (name === "") return route.fulfill({ contentType: "text/html", body: "<!doctype html><title>A page</title>" });
    return route.fulfill({ contentType: "text/javascript", body: await readFile(new URL(name, library), "utf8") });
  };
  await context.route("**/library/**", serve);
  return context;
}
