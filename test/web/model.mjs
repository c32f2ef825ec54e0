// Modules of the web app's model, from their source.

import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const web = fileURLToPath(new URL("../../web/", import.meta.url));
const { resolve } = createRequire(`${web}package.json`);
const load = (name) => import(pathToFileURL(resolve(name)));
const [{ runnerImport }, { svelte }] = await Promise.all([load("vite"), load("@sveltejs/vite-plugin-svelte")]);

/** A module of web/src, such as "model/markup.ts". */
export async function source(name) {
  const { module } = await runnerImport(`${web}src/${name}`, { root: web, configFile: false, logLevel: "warn", plugins: [svelte({ configFile: false })] });
  return module;
}
