import type { Plugin, Rolldown } from "vite";
import { type Shell, sum } from "./shell.ts";

const workerName = "worker.js";
const placeholder = "SHELL";

/** Tells the service worker what the build of the chat consists of: the page, and all that it loads. */
export function shell(): Plugin {
  return {
    name: "sockeye:shell",
    enforce: "post", // the page is there
    async generateBundle(_, bundle) {
      const page = bundle["index.html"];
      const worker = bundle[workerName];
      if (page?.type !== "asset" || worker?.type !== "chunk") this.error("the build has no page or no service worker");
      if (!worker.code.includes(placeholder)) this.error(`the service worker does not use ${placeholder}`);
      const content = typeof page.source === "string" ? new TextEncoder().encode(page.source) : new Uint8Array(page.source);
      const known: Shell = { page: await sum(content), files: filesOf(bundle) };
      worker.code = worker.code.replace(placeholder, JSON.stringify(known));
    },
  };
}

/** Their paths at the server, with those of what a page loads late. */
function filesOf(bundle: Rolldown.OutputBundle): string[] {
  const files = new Set<string>();
  const add = (name: string): void => {
    const chunk = bundle[name];
    if (files.has(name) || chunk?.type !== "chunk") return;
    files.add(name);
    for (const file of [...(chunk.viteMetadata?.importedCss ?? []), ...(chunk.viteMetadata?.importedAssets ?? [])]) files.add(file);
    for (const other of [...chunk.imports, ...chunk.dynamicImports]) add(other);
  };
  for (const chunk of Object.values(bundle)) {
    if (chunk.type === "chunk" && chunk.isEntry && chunk.facadeModuleId?.endsWith("index.html")) add(chunk.fileName);
  }
  return [...files].map((name) => `/${name}`).sort();
}
