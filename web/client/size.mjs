// How large the library is in a page: bundled, minified and gzipped, without socket.io-client. Run, it fails above the limit.

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

export const limit = 12_000; // bytes

/** In bytes, of what was built to dist. */
export async function size() {
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
  return output.reduce((sum, { code }) => sum + gzipSync(code).length, 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const bytes = await size();
  console.log(`@sockeye/client: ${bytes} of ${limit} bytes, gzipped`);
  if (bytes > limit) process.exitCode = 1;
}
