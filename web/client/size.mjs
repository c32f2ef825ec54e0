// How large the library is in a page: bundled, minified and gzipped, without socket.io-client. Run, it fails above the limits.

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

export const limit = 12_000; // bytes
export const limitOfFiles = 5_000; // bytes, by itself
export const limitOfPush = 3_000; // bytes, by itself
export const limitOfUpload = 3_000; // bytes, by itself

/** In bytes, of what was built to dist. */
export async function size(...entries) {
  if (entries.length === 0) entries = ["index", "socketio"];
  const from = (name) => fileURLToPath(new URL(`dist/${name}.js`, import.meta.url));
  const { output } = (
    await build({
      configFile: false,
      logLevel: "warn",
      build: {
        write: false,
        minify: true,
        lib: { entry: entries.map(from), formats: ["es"] },
        rollupOptions: { external: ["socket.io-client"] },
      },
    })
  )[0];
  return output.reduce((sum, { code }) => sum + gzipSync(code).length, 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const parts = [
    ["@sockeye/client", await size(), limit],
    ["@sockeye/client/files", await size("files"), limitOfFiles],
    ["@sockeye/client/push", await size("push"), limitOfPush],
    ["@sockeye/client/upload", await size("upload"), limitOfUpload],
  ];
  for (const [name, bytes, limit] of parts) {
    console.log(`${name}: ${bytes} of ${limit} bytes, gzipped`);
    if (bytes > limit) process.exitCode = 1;
  }
}
