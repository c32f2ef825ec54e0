// The library as one module for browsers, sockeye.js, with its types beside it, for the server to serve below /client/. It is made of
// what was built to dist, behind the web app, which empties the folder.

import { copyFile, readdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const dist = new URL("dist/", import.meta.url);
const served = new URL("../../internal/web/dist/client/", import.meta.url);

await build({
  configFile: false,
  publicDir: false,
  logLevel: "warn",
  build: {
    outDir: fileURLToPath(served),
    emptyOutDir: true,
    minify: true,
    lib: { entry: fileURLToPath(new URL("index.js", dist)), formats: ["es"], fileName: () => "sockeye.js" },
  },
});

// The types are as many files as there are modules. Those of socketio.js are left out, as it needs a package of others.
for (const name of await readdir(dist)) {
  if (name.endsWith(".d.ts") && name !== "socketio.d.ts") await copyFile(new URL(name, dist), new URL(name, served));
}
await writeFile(new URL("sockeye.d.ts", served), 'export * from "./index.js";\n');
