import { type Draft, type FileInfo, newClientMsgId, Refused, type Refusal, type SockeyeClient } from "@sockeye/client";
import { type Content, FileOutbox, type Parcel } from "@sockeye/client/files";
import { discardUpload, upload } from "@sockeye/client/upload";
import { type Files, progressKey } from "./files.svelte";
import { typeOf } from "./kinds";

const atOnce = 2; // uploads of what stands in composers

/** A file that is to go with a message: it is uploaded while that is written. */
export class Attachment {
  readonly key = newClientMsgId();
  readonly file: File;
  state = $state<"waiting" | "sending" | "done" | "refused">("waiting");
  /** How many bytes the server has. */
  sent = $state(0);
  /** Why the server does not take it. */
  refusal = $state.raw<Refusal | undefined>();
  uploadId: string | undefined;
  info: FileInfo | undefined;
  ending: AbortController | undefined;
  /** It is of a composer no more. */
  hasLeft = false;

  constructor(file: File) {
    this.file = file;
  }

  /** What a message with all of these is. */
  type(items: readonly Attachment[]) {
    return typeOf(items.map(({ file, info }) => info?.mimetype ?? file.type));
  }

  /** Goes with a message, which goes on with its upload. */
  leave(): Content {
    this.hasLeft = true;
    this.ending?.abort(new Error("It goes on with its message"));
    const { file: blob, uploadId, info } = this;
    return { blob, name: blob.name, ...(uploadId !== undefined && { uploadId }), ...(info && { file: info }) };
  }
}

/** Uploads files, and sends messages with them: now, or as soon as there is a connection, after a reload too. */
export class Sender {
  readonly #files: Files;
  readonly #client: SockeyeClient;
  readonly #token: () => string;
  readonly #outbox: FileOutbox;
  /** Of composers, in the order in which they were chosen. */
  #queue: Attachment[] = [];
  readonly #running = new Set<Attachment>();
  readonly #off: () => void;

  constructor(files: Files, client: SockeyeClient, userId: string, token: () => string) {
    this.#files = files;
    this.#client = client;
    this.#token = token;
    this.#outbox = new FileOutbox({
      client,
      userId,
      token,
      onChange: (parcels) => this.#changed(parcels),
      onProgress: (clientMsgId, file, sent) => files.progress.set(progressKey(clientMsgId, file), sent),
    });
    this.#off = client.on("state", (state) => {
      if (state !== "online") return;
      this.#outbox.wake();
      this.#pump();
    });
  }

  close(): void {
    this.#off();
    this.#outbox.close();
    for (const { ending } of this.#running) ending?.abort(new Error("The page is left"));
    this.#queue = [];
  }

  attach(file: File): Attachment {
    const item = new Attachment(file);
    this.#queue.push(item);
    this.#pump();
    return item;
  }

  again(item: Attachment): void {
    item.refusal = item.uploadId = undefined;
    item.state = "waiting";
    this.#queue.push(item);
    this.#pump();
  }

  /** Ends an upload, and has the server forget it. Best effort: what no message carries goes by itself after a day. */
  drop(item: Attachment): void {
    this.#queue = this.#queue.filter((other) => other !== item);
    item.ending?.abort(new Error("It was removed"));
    const { info, uploadId } = item;
    if (info) void fetch(`/api/v1/files/${info.id}`, { method: "DELETE", headers: { Authorization: `Bearer ${this.#token()}` } }).catch(() => {});
    else if (uploadId !== undefined) discardUpload(uploadId, { token: this.#token }).catch(() => {});
  }

  send(draft: Draft, contents: readonly Content[]): void {
    this.#outbox.send(draft, contents);
  }

  blobs(clientMsgId: string): Promise<readonly Blob[]> {
    return this.#outbox.blobs(clientMsgId);
  }

  discard(clientMsgId: string): void {
    this.#outbox.discard(clientMsgId);
  }

  retry(clientMsgId: string): void {
    this.#outbox.retry(clientMsgId);
  }

  #changed(parcels: readonly Parcel[]): void {
    this.#files.parcels = parcels;
    const keys = new Set<string>();
    for (const { clientMsgId, files } of parcels) {
      files.forEach(({ file }, i) => {
        keys.add(progressKey(clientMsgId, i));
        if (file) this.#files.learn(file);
      });
    }
    for (const key of this.#files.progress.keys()) if (!keys.has(key)) this.#files.progress.delete(key);
  }

  #pump(): void {
    while (this.#client.state === "online" && this.#running.size < atOnce) {
      const item = this.#queue.shift();
      if (!item) return;
      if (!item.hasLeft) void this.#upload(item);
    }
  }

  async #upload(item: Attachment): Promise<void> {
    const ending = (item.ending = new AbortController());
    this.#running.add(item);
    item.state = "sending";
    try {
      const info = await upload(item.file, {
        token: this.#token,
        signal: ending.signal,
        ...(item.uploadId !== undefined && { resume: item.uploadId }),
        onCreated: (id) => (item.uploadId = id),
        onProgress: (sent) => (item.sent = sent),
      });
      item.info = info;
      this.#files.learn(info);
      item.state = "done";
    } catch (error) {
      if (!ending.signal.aborted) this.#failed(item, error);
    } finally {
      item.ending = undefined;
      this.#running.delete(item);
      this.#pump();
    }
  }

  #failed(item: Attachment, error: unknown): void {
    if (error instanceof Refused) {
      item.refusal = error.refusal;
      item.uploadId = undefined; // the server has forgotten what it does not take
      item.state = "refused";
      return;
    }
    item.state = "waiting"; // until there is a connection, or the user tries again
    if (this.#client.state === "online") item.state = "refused";
    else this.#queue.unshift(item);
  }
}
