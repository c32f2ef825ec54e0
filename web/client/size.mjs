// How large the library is in a page: bundled, minified and gzipped, without socket.io-client. Fails above the limit.

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const limit = 12_000; // bytes

const from = (name) => fileURLToPath(new URL(`dist/${name}.js`, import.meta.url));
const { output } = (
  await build({
    configFile: false,
    logLevel: "warn",
    build: {
      write: false,
      minify: true,
      lib: { entry: [from("index"), from("socketio")], formats: ["es"] },
      rollupOptions: { external: ["socket.io-client"] },
    },
  })
)[0];
const size = output.reduce((sum, { code }) => sum + gzipSync(code).length, 0);
console.log(`@sockeye/client: ${size} of ${limit} bytes, gzipped`);
if (size > limit) process.exitCode = 1;
