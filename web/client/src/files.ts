import type { Draft, SockeyeClient } from "./client.js";
import { Refused } from "./errors.js";
import { newClientMsgId } from "./ids.js";
import { defaultParcels, type Parcel, type ParcelStorage, type WaitingFile } from "./parcels.js";
import { discardUpload, mayPass, upload, type UploadAccess } from "./upload.js";
import type { FileInfo, Refusal } from "./wire.js";

export { Refused } from "./errors.js";
export { indexedDBParcels, memoryParcels, type Parcel, type ParcelStorage, type WaitingFile } from "./parcels.js";
export type { FileInfo, FileMetadata } from "./wire.js";

export interface FileOutboxOptions extends UploadAccess {
  /** Sends the messages, once their files are at the server. */
  client: Pick<SockeyeClient, "send">;
  /** Whose files these are. */
  userId: string;
  /** Where what waits survives a reload; IndexedDB where there is one, else memory. */
  storage?: ParcelStorage;
  /** How many messages with files may wait; 100. */
  limit?: number;
  /** What waits has changed. */
  onChange?: (parcels: readonly Parcel[]) => void;
  /** Told how many bytes of a parcel's file, by its number, the server has. */
  onProgress?: (clientMsgId: string, file: number, sent: number) => void;
}

/** A file of a message: as it is, or as one of which an earlier upload has sent something, or all. */
export type Content = Blob | { blob: Blob; name?: string; uploadId?: string; file?: FileInfo };

const longestPause = 30; // s

/** Refusals of the token: there may be another one soon. */
const ofTokens = new Set(["authentication_failed", "token_expired", "token_revoked"]);

/**
 * Messages with files: each waits until its files are at the server, and then goes into the queue of the client. It is sent once,
 * also after a reload, and when there was no connection. One message after the other, in the order of calling; messages without
 * files do not wait for these.
 */
export class FileOutbox {
  readonly #options: FileOutboxOptions;
  readonly #storage: ParcelStorage;
  #parcels: readonly Parcel[] = [];
  /** What the files of those are that were written here, by `clientMsgId`. */
  readonly #blobs = new Map<string, readonly Blob[]>();
  /** Those that the storage did not take: what is here is all there is of them. */
  readonly #unkept = new Set<string>();
  /** Those that are in the client's queue and not settled there. */
  readonly #handed = new Set<string>();
  /** All changes of the storage so far are made. */
  #written: Promise<unknown> = Promise.resolve();
  #isRunning = false;
  #isClosed = false;
  /** What is being sent now. */
  #current: { clientMsgId: string; ending: AbortController } | undefined;
  #endPause = (): void => {};

  constructor(options: FileOutboxOptions) {
    this.#options = options;
    this.#storage = options.storage ?? defaultParcels(options.userId);
    void this.#look();
  }

  /** What waits for its files, in the order of writing. */
  get parcels(): readonly Parcel[] {
    return this.#parcels;
  }

  /** Has a message sent as soon as its files are at the server. Throws RangeError when too many wait already. */
  send(draft: Draft, contents: readonly Content[]): Parcel {
    const { limit = 100 } = this.#options;
    if (this.#parcels.length >= limit) throw new RangeError(`${limit} messages with files wait already: no more can`);
    const whole = contents.map((content) => (content instanceof Blob ? { blob: content } : content));
    const files = whole.map(({ blob, ...known }): WaitingFile => {
      const name = (blob as Partial<File>).name ?? "";
      return { name, size: blob.size, type: blob.type, ...known };
    });
    const { attachments, ...message } = draft;
    const parcel: Parcel = { content: "", ...message, clientMsgId: draft.clientMsgId ?? newClientMsgId(), at: new Date().toISOString(), files };
    const blobs = whole.map(({ blob }) => blob);
    this.#blobs.set(parcel.clientMsgId, blobs);
    this.#keep(parcel, blobs); // before all else: the page may end at any moment
    this.#replace([...this.#parcels, parcel]);
    void this.#run();
    return parcel;
  }

  /** The content of a parcel's files. */
  async blobs(clientMsgId: string): Promise<readonly Blob[]> {
    return this.#blobs.get(clientMsgId) ?? (await this.#storage.blobs(clientMsgId).catch(() => []));
  }

  /** Takes a parcel back, and what the server has of its files. It may be on its way as a message already: then it stays one. */
  discard(clientMsgId: string): void {
    const parcel = this.#find(clientMsgId);
    if (!parcel) return;
    this.#settle(clientMsgId);
    parcel.files.forEach(({ uploadId, file }, i) => {
      const isGone = uploadId === undefined || parcel.failure?.file === i; // the server forgets what it does not take
      if (!isGone && !file) discardUpload(uploadId, this.#options).catch(() => {}); // or it goes by itself, after a day
    });
  }

  /** Tries again what was refused. */
  retry(clientMsgId: string): void {
    const parcel = this.#find(clientMsgId);
    if (!parcel?.failure) return;
    const { failure, ...again } = parcel;
    this.#change({ ...again, files: again.files.map(({ uploadId, ...file }) => file) });
    void this.#run();
  }

  /** There is a connection again, or somebody looks: goes on, with what other tabs have left too. */
  wake(): void {
    this.#endPause();
    void this.#look();
  }

  /** Sends nothing more. What waits stays in the storage. To be called before the client is closed. */
  close(): void {
    this.#isClosed = true;
    this.#current?.ending.abort(new Error("The outbox was closed"));
    this.#endPause();
  }

  #find(clientMsgId: string): Parcel | undefined {
    return this.#parcels.find((parcel) => parcel.clientMsgId === clientMsgId);
  }

  /** Takes over what is in the storage and not known here. */
  async #look(): Promise<void> {
    const kept = await this.#storage.load().catch(() => []);
    if (this.#isClosed) return;
    const strangers = kept.filter(({ clientMsgId }) => !this.#find(clientMsgId) && !this.#handed.has(clientMsgId));
    if (strangers.length > 0) this.#replace([...this.#parcels, ...strangers].sort((a, b) => a.at.localeCompare(b.at)));
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let failed = 0; !this.#isClosed; ) {
      const next = this.#parcels.find(({ failure }) => !failure);
      if (!next) break;
      const isSettled = await this.#exclusively(() => this.#deliver(next.clientMsgId));
      failed = isSettled ? 0 : failed + 1;
      if (!isSettled && !this.#isClosed) await this.#pause(Math.min(2 ** failed, longestPause));
    }
    this.#isRunning = false;
  }

  /** Tabs share what waits: one of them sends at a time. */
  async #exclusively(work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await (this.#storage.exclusively ? this.#storage.exclusively(work) : work());
    } catch {
      return false; // The lock was taken away.
    }
  }

  /** Sends a parcel's files, and the message. False: there is no connection, and it is to be tried again. */
  async #deliver(clientMsgId: string): Promise<boolean> {
    if (this.#isClosed || !(await this.#isThere(clientMsgId))) return true;
    const ending = new AbortController();
    this.#current = { clientMsgId, ending };
    try {
      const blobs = await this.blobs(clientMsgId);
      for (let i = 0; i < (this.#find(clientMsgId)?.files.length ?? 0); i++) {
        if (!(await this.#sendFile(clientMsgId, i, blobs[i], ending.signal))) return false;
        if (ending.signal.aborted || this.#find(clientMsgId)?.failure) return true;
      }
      if (await this.#isThere(clientMsgId)) this.#hand(clientMsgId);
      return true;
    } finally {
      this.#current = undefined;
    }
  }

  /** False when there is no connection. */
  async #sendFile(clientMsgId: string, number: number, blob: Blob | undefined, signal: AbortSignal): Promise<boolean> {
    const { name, uploadId, file } = this.#find(clientMsgId)!.files[number]!;
    if (file) return true;
    if (!blob) return this.#fail(clientMsgId, number, { code: "file_not_found", message: "The browser has lost the file" });
    try {
      const sent = await upload(blob, {
        ...this.#options,
        name,
        signal,
        attempts: 2,
        ...(uploadId !== undefined && { resume: uploadId }),
        onCreated: (uploadId) => this.#note(clientMsgId, number, { uploadId }),
        onProgress: (bytes) => this.#options.onProgress?.(clientMsgId, number, bytes),
      });
      this.#note(clientMsgId, number, { file: sent });
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      if (!(error instanceof Refused) || mayPass(error) || ofTokens.has(error.code)) return false;
      return this.#fail(clientMsgId, number, error.refusal);
    }
  }

  /**
   * Whether a parcel still waits. Another tab may have sent or discarded it, or gone on with its uploads: the storage knows.
   */
  async #isThere(clientMsgId: string): Promise<boolean> {
    const parcel = this.#find(clientMsgId);
    if (!parcel) return false;
    if (this.#unkept.has(clientMsgId)) return true;
    await this.#written;
    if (this.#unkept.has(clientMsgId)) return true;
    const kept = await this.#storage.get(clientMsgId).catch(() => parcel);
    if (!this.#find(clientMsgId)) return false; // discarded meanwhile
    if (kept) this.#replace(this.#parcels.map((each) => (each.clientMsgId === clientMsgId ? kept : each)));
    else this.#settle(clientMsgId);
    return kept !== undefined;
  }

  /**
   * Gives a message to the client, which keeps it from here on. The storage has it until it is settled: if the page ends now, the next
   * one gives it to the client again, whose queue and whose server know it by its id.
   */
  #hand(clientMsgId: string): void {
    const { at, files, failure, ...draft } = this.#find(clientMsgId)!;
    this.#handed.add(clientMsgId);
    const sent = this.#options.client.send({ ...draft, attachments: files.map(({ file }) => file!.id) } as Draft);
    this.#replace(this.#parcels.filter((parcel) => parcel.clientMsgId !== clientMsgId));
    const settle = (): void => {
      this.#handed.delete(clientMsgId);
      if (!this.#isClosed) this.#settle(clientMsgId);
    };
    sent.then(settle, (error: unknown) => {
      if (!(error instanceof RangeError)) return settle(); // The client tells of it.
      this.#handed.delete(clientMsgId);
      this.#replace([...this.#parcels, { at, files, ...draft }]);
      this.#fail(clientMsgId, 0, { code: "", message: error.message });
    });
  }

  #fail(clientMsgId: string, file: number, refusal: Refusal): true {
    const parcel = this.#find(clientMsgId);
    if (parcel) this.#change({ ...parcel, failure: { refusal, file } });
    return true;
  }

  #note(clientMsgId: string, number: number, known: Partial<WaitingFile>): void {
    const parcel = this.#find(clientMsgId);
    if (parcel) this.#change({ ...parcel, files: parcel.files.map((file, i) => (i === number ? { ...file, ...known } : file)) });
  }

  #change(parcel: Parcel): void {
    this.#keep(parcel);
    this.#replace(this.#parcels.map((each) => (each.clientMsgId === parcel.clientMsgId ? parcel : each)));
  }

  #settle(clientMsgId: string): void {
    if (this.#current?.clientMsgId === clientMsgId) this.#current.ending.abort(new Error("The message was discarded"));
    this.#blobs.delete(clientMsgId);
    this.#unkept.delete(clientMsgId);
    this.#write(() => this.#storage.remove(clientMsgId));
    if (this.#find(clientMsgId)) this.#replace(this.#parcels.filter((parcel) => parcel.clientMsgId !== clientMsgId));
  }

  #replace(parcels: readonly Parcel[]): void {
    this.#parcels = parcels;
    this.#options.onChange?.(parcels);
  }

  #keep(parcel: Parcel, blobs?: readonly Blob[]): void {
    if (this.#unkept.has(parcel.clientMsgId)) return;
    this.#write(async () => {
      const isKept = await this.#storage.put(parcel, blobs).then(() => true, () => false);
      if (!isKept && blobs) this.#unkept.add(parcel.clientMsgId);
    });
  }

  #write(change: () => Promise<unknown>): void {
    this.#written = Promise.allSettled([this.#written, change()]);
  }

  #pause(seconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.#endPause = () => (clearTimeout(timer), resolve());
    });
  }
}
