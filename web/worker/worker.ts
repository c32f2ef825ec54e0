// The service worker: lets the chat open without a network. It knows the files of one build, keeps these and nothing else, and
// answers for these and nothing else: what is said and who says it never goes through its cache. And it shows what is pushed.

import { learnOwner } from "./owner";
import { showPushes } from "./push";
import { type Shell, sum } from "./shell";

declare const self: ServiceWorkerGlobalScope;

/** The build that this worker belongs to; plugin.ts puts it here. */
declare const SHELL: Shell;

const { page, files } = SHELL;
const root = "/";
const prefix = "shell:";
const own = prefix + page;
const statusOfServersFaults = 500;

learnOwner();
showPushes();
self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(dropOthers()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (pathname === root && request.mode === "navigate") event.respondWith(openPage(request));
  else if (files.includes(pathname)) event.respondWith(openFile(request));
});

/** Keeps the whole build, or fails: then the worker before this one stays, with all of its own. */
async function install(): Promise<void> {
  const response = await fetch(root, { cache: "no-cache" });
  if (!response.ok || (await sum(await response.clone().arrayBuffer())) !== page) throw new Error("The page is of another build than this worker");
  const cache = await caches.open(own);
  await cache.addAll(files);
  await cache.put(root, response);
  await self.skipWaiting(); // pages that are open have all they need: what comes late they load when somebody signs in
}

async function dropOthers(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(prefix) && name !== own).map((name) => caches.delete(name)));
}

/** The server's page; the one kept when it cannot be had. */
async function openPage(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.status < statusOfServersFaults) return response;
    return (await kept(root)) ?? response;
  } catch (error) {
    const page = await kept(root);
    if (page) return page;
    throw error;
  }
}

/** A file that never changes under its name. */
async function openFile(request: Request): Promise<Response> {
  return (await kept(request)) ?? fetch(request);
}

async function kept(request: Request | string): Promise<Response | undefined> {
  // What the answers vary by is how a file is compressed, and that a page is asked for.
  return (await caches.open(own)).match(request, { ignoreVary: true, ignoreSearch: request === root });
}
