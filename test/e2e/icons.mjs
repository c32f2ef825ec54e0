// Makes the icons of the installed app from the logo, in web/public: npm --prefix test/e2e run icons.

import { readFile, writeFile } from "node:fs/promises";
import { launch } from "./browser.mjs";

const folder = new URL("../../web/public/", import.meta.url);
const logo = await readFile(new URL("favicon.svg", folder), "utf8");

/** Systems cut it as they like: the colour goes to the edges, and the fish stays within the middle. */
function maskable(svg) {
  const [, rect, fish] = svg.match(/(<rect[^>]*>)([^]*)<\/svg>/);
  return svg.replace(rect, rect.replace(/ rx="[^"]*"/, "")).replace(fish, `<g transform="translate(16 16) scale(0.78) translate(-16 -16)">${fish}</g>`);
}

/** The fish alone, in white: systems show its outline in a colour of theirs. Its eye is a hole. */
function outline(svg) {
  const [, path] = svg.match(/<path d="([^"]*)"/);
  const eye = "M9.5 14.8a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0Z";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="4 4 25 24"><path d="${path}${eye}" fill="#fff" fill-rule="evenodd"/></svg>`;
}

const icons = [
  { name: "icon-192.png", size: 192, svg: logo },
  { name: "icon-512.png", size: 512, svg: logo },
  { name: "icon-maskable-512.png", size: 512, svg: maskable(logo) },
  { name: "apple-touch-icon.png", size: 180, svg: maskable(logo) },
  { name: "badge-96.png", size: 96, svg: outline(logo) },
];

const browser = await launch();
for (const { name, size, svg } of icons) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body { margin: 0 } svg { display: block; width: ${size}px; height: ${size}px }</style>${svg}`);
  await writeFile(new URL(name, folder), await page.screenshot({ omitBackground: true }));
  await page.close();
}
await browser.close();
