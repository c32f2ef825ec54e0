import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { shell } from "./worker/plugin.ts";

// Where `npm run dev` finds a running server (`bin/sockeye serve --dev`).
const server = "http://127.0.0.1:3000";

export default defineConfig({
  plugins: [svelte({ configFile: false }), shell()],
  build: {
    outDir: "../internal/web/dist",
    // Emptying also takes the placeholder that the Go package embeds when nothing was built;
    // public/.gitkeep brings it back.
    emptyOutDir: true,
    // The server's content policy has no `data:`, so nothing may be inlined.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      input: ["index.html", "admin.html", "worker/worker.ts"],
      // The worker's address is the same for ever: that is how browsers find the next one.
      output: { entryFileNames: ({ name }) => (name === "worker" ? "worker.js" : "assets/[name]-[hash].js") },
    },
  },
  server: {
    proxy: {
      "/api": server,
      "/socket.io": { target: server, ws: true },
      "/ws": { target: server, ws: true },
    },
  },
});
