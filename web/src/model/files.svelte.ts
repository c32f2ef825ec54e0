import type { Draft, FileInfo, SockeyeClient } from "@sockeye/client";
import type { Content, Parcel } from "@sockeye/client/files";
import { untrack } from "svelte";
import { SvelteMap } from "svelte/reactivity";
import { explain, t } from "../words/words.svelte";
import type { Pictured } from "./kinds";
import type { Attachment, Sender } from "./sender.svelte";

/** The server's own limit on one message. */
const mostFiles = 10;
const leastRenewal = 60_000; // ms between two, whatever the clocks say
const renewBefore = 5 * 60_000; // ms before its end, the query that opens files is renewed
const mostKnown = 200; // files of one's own of which more is known than their id

/** Files that are to go with what stands in a composer. */
export class Tray {
  items = $state.raw<readonly Attachment[]>([]);
}

/** The pictures that are shown large, and which of them is. */
export interface Shown {
  pictures: readonly Pictured[];
  at: number;
}

/** Files of messages: what opens them, and those that are on their way. */
export class Files {
  /** Messages that wait for their files to be at the server. */
  parcels = $state.raw<readonly Parcel[]>([]);
  /** How many bytes of their files the server has, by `progressKey`. */
  readonly progress = new SvelteMap<string, number>();
  shown = $state.raw<Shown | undefined>();
  /** How often there was a connection: what could not be had before may be there now. */
  connects = $state(0);
  readonly #client: SockeyeClient;
  readonly #userId: string;
  readonly #token: () => string;
  readonly #tell: (problem: string) => void;
  /** What is added to addresses, for elements of the page send no header. */
  #query = $state("");
  /** When the query ends, in ms since 1970. */
  #ends = 0;
  #asking: Promise<void> | undefined;
  readonly #trays = new WeakMap<object, Tray>();
  readonly #known = new Map<string, FileInfo>();
  #sender: Promise<Sender> | undefined;
  #isStopped = false;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  /** `tell` shows a sentence on what went wrong. */
  constructor(client: SockeyeClient, userId: string, token: () => string, tell: (problem: string) => void) {
    this.#client = client;
    this.#userId = userId;
    this.#token = token;
    this.#tell = tell;
  }

  start(): void {
    this.#client.on("state", (state) => {
      if (state === "online") this.connects++;
    });
    // What an earlier page has left goes on. Behind all that the page needs at first.
    const whenIdle = window.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 1));
    whenIdle(() => void this.#load().catch(() => {})); // whoever needs it hears of that
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#renewal);
    void this.#sender?.then((sender) => sender.close());
  }

  /** Takes back all that waits. Before `stop`. */
  forget(): void {
    for (const { clientMsgId } of this.parcels) this.discard(clientMsgId);
    globalThis.indexedDB?.deleteDatabase(`sockeye:files:${this.#userId}`); // the name that the library gives it: what was never loaded goes too
  }

  // Reading.

  /** Where the page's elements find a file; empty until that is known. */
  address(path: string): string {
    void this.connects;
    if (this.#query === "" || Date.now() > this.#ends - renewBefore) void this.open();
    return this.#query === "" || Date.now() > this.#ends ? "" : `${path}?${this.#query}`;
  }

  /** Has addresses open files again. Never fails: without a connection they do not. */
  async open(): Promise<void> {
    return (this.#asking ??= this.#ask().finally(() => (this.#asking = undefined)));
  }

  async #ask(): Promise<void> {
    try {
      const response = await fetch("/api/v1/files/access", { headers: { Authorization: `Bearer ${this.#token()}` } });
      if (!response.ok) return;
      const { query, expiresAt } = (await response.json()) as { query: string; expiresAt: string };
      this.#ends = Date.parse(expiresAt);
      this.#query = query;
      this.#renewInTime();
    } catch {
      // The next who needs an address asks again.
    }
  }

  /** Links are not asked for their addresses again when somebody follows them. */
  #renewInTime(): void {
    clearTimeout(this.#renewal);
    if (!this.#isStopped) this.#renewal = setTimeout(() => void this.open(), Math.max(this.#ends - renewBefore - Date.now(), leastRenewal));
  }

  /** The content of a file, which has at most `most` bytes. Throws when it cannot be had. */
  async read({ url, size }: FileInfo, most: number): Promise<ArrayBuffer> {
    if (size > most) throw new RangeError(`The file has more than ${most} bytes`);
    const response = await fetch(url, { headers: { Authorization: `Bearer ${this.#token()}` } });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.arrayBuffer();
  }

  /** What was uploaded here. Messages that are not back from the server name their files by ids. */
  known(ids: readonly string[] = []): FileInfo[] {
    return ids.flatMap((id) => this.#known.get(id) ?? []);
  }

  learn(file: FileInfo): void {
    this.#known.set(file.id, file);
    for (const id of this.#known.keys()) {
      if (this.#known.size <= mostKnown) break;
      this.#known.delete(id);
    }
  }

  // Sending.

  /** The files that belong to what is written there. */
  tray(draft: object): Tray {
    const tray = this.#trays.get(draft) ?? new Tray();
    this.#trays.set(draft, tray);
    return tray;
  }

  /** Puts files beside what is written, and begins to upload them. */
  async attach(tray: Tray, files: readonly File[]): Promise<void> {
    const room = mostFiles - tray.items.length;
    this.#tell(files.length > room ? t().files.tooMany(mostFiles) : "");
    const sender = await this.#need();
    if (!sender) return;
    const items = files.slice(0, mostFiles - tray.items.length).map((file) => sender.attach(file));
    tray.items = [...tray.items, ...items];
  }

  async detach(tray: Tray, item: Attachment): Promise<void> {
    tray.items = tray.items.filter((other) => other !== item);
    (await this.#sender)?.drop(item);
  }

  async again(item: Attachment): Promise<void> {
    (await this.#need())?.again(item);
  }

  /** Whether all in a tray can be sent; tells what is wrong otherwise. */
  canSend({ items }: Tray): boolean {
    const isRefused = items.some(({ state }) => state === "refused");
    this.#tell(isRefused ? t().files.mendFirst : "");
    return !isRefused;
  }

  /** Sends a message with what is in a tray, which is empty then. */
  async sendTray(draft: Draft, tray: Tray): Promise<void> {
    const { items } = tray;
    tray.items = [];
    const sender = await this.#need();
    const contents = items.map((item) => item.leave());
    this.#put(sender, { type: items[0]?.type(items) ?? "text", ...draft }, contents);
  }

  async sendVoice(draft: Draft, recording: File): Promise<void> {
    this.#put(await this.#need(), { ...draft, type: "voice" }, [recording]);
  }

  #put(sender: Sender | undefined, draft: Draft, contents: readonly Content[]): void {
    try {
      sender?.send(draft, contents);
    } catch (error) {
      this.#tell(explain(error));
    }
  }

  /** What a message's files are, where they wait. */
  async blobs(clientMsgId: string): Promise<readonly Blob[]> {
    return (await this.#need())?.blobs(clientMsgId) ?? [];
  }

  discard(clientMsgId: string): void {
    void this.#sender?.then((sender) => sender.discard(clientMsgId));
  }

  retry(clientMsgId: string): void {
    void this.#sender?.then((sender) => sender.retry(clientMsgId));
  }

  async #need(): Promise<Sender | undefined> {
    try {
      return await this.#load();
    } catch {
      this.#tell(t().files.notLoaded);
    }
  }

  /** Sends files; a part of the page that comes behind the rest of it. */
  #load(): Promise<Sender> {
    return (this.#sender ??= this.#makeSender().catch((error: unknown) => {
      this.#sender = undefined;
      throw error;
    }));
  }

  async #makeSender(): Promise<Sender> {
    const { Sender } = await import("./sender.svelte");
    const sender = new Sender(this, this.#client, this.#userId, this.#token);
    if (this.#isStopped) sender.close();
    return sender;
  }
}

export const progressKey = (clientMsgId: string, file: number): string => `${clientMsgId}/${file}`;

/**
 * The address of a file for one element of the page: the same for as long as it works, for another one would load the file again. To be
 * made while a component is.
 */
export class Address {
  src = $state("");
  /** The file cannot be had. */
  isBroken = $state(false);
  readonly #files: () => Files;
  readonly #path: () => string;
  #hasFailed = false;

  constructor(files: () => Files, path: () => string) {
    this.#files = files;
    this.#path = path;
    $effect(() => {
      if (this.src === "" && path() !== "") this.src = files().address(path());
    });
    let connects = untrack(() => files().connects);
    $effect(() => {
      if (files().connects === connects) return;
      connects = files().connects;
      untrack(() => this.#begin());
    });
  }

  /** The element could not load it: the query may have ended. */
  async failed(): Promise<void> {
    if (this.#hasFailed) {
      this.isBroken = true;
      return;
    }
    this.#hasFailed = true;
    await this.#files().open();
    const src = this.#files().address(this.#path());
    if (src === this.src) this.isBroken = true;
    else this.src = src;
  }

  #begin(): void {
    if (!this.isBroken) return;
    this.isBroken = this.#hasFailed = false;
    this.src = "";
  }
}
