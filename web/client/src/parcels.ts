import { openDatabase } from "./database.js";
import type { FileInfo, MessageType, Refusal } from "./wire.js";

/** A file of a message that waits. */
export interface WaitingFile {
  name: string;
  /** In bytes. */
  size: number;
  /** What the browser takes it for. The server looks for itself. */
  type: string;
  /** The id of its upload, once that has begun. */
  uploadId?: string;
  /** What the server says of it, once it is there. */
  file?: FileInfo;
}

/** A message that waits until all of its files are at the server. */
export interface Parcel {
  /** Unique for its sender: by it the server stores the message once. */
  clientMsgId: string;
  roomId?: string;
  recipientId?: string;
  content: string;
  type?: MessageType;
  replyTo?: string;
  /** When it was written; RFC 3339. */
  at: string;
  files: readonly WaitingFile[];
  /** What the server does not take, and of which of the files it says so. The parcel waits for `retry` or `discard`. */
  failure?: { refusal: Refusal; file: number };
}

/** Where parcels survive, by their `clientMsgId`. What fails here is not fatal: a parcel then lives in memory only. */
export interface ParcelStorage {
  /** All that is kept, in any order. */
  load(): Promise<Parcel[]>;
  get(clientMsgId: string): Promise<Parcel | undefined>;
  /** The content of its files, in their order. */
  blobs(clientMsgId: string): Promise<readonly Blob[]>;
  /** Keeps a parcel; `blobs` comes with the first time. Without, only one that is kept is changed: another tab may have removed it. */
  put(parcel: Parcel, blobs?: readonly Blob[]): Promise<void>;
  remove(clientMsgId: string): Promise<void>;
  /** Runs work while nobody else who shares this storage does; absent: nobody shares it. */
  exclusively?<T>(work: () => Promise<T>): Promise<T>;
}

/** Keeps parcels as long as this object lives. */
export function memoryParcels(): ParcelStorage {
  const parcels = new Map<string, Parcel>();
  const contents = new Map<string, readonly Blob[]>();
  return {
    load: async () => [...parcels.values()],
    get: async (id) => parcels.get(id),
    blobs: async (id) => contents.get(id) ?? [],
    put: async (parcel, blobs) => {
      if (blobs || parcels.has(parcel.clientMsgId)) parcels.set(parcel.clientMsgId, parcel);
      if (blobs) contents.set(parcel.clientMsgId, blobs);
    },
    remove: async (id) => {
      parcels.delete(id);
      contents.delete(id);
    },
  };
}

const notes = "parcels";
const contents = "contents"; // apart: what becomes of a parcel is noted often, and its files are large

/** Keeps parcels in the browser's IndexedDB, under this name; all tabs of an origin share it. */
export function indexedDBParcels(name: string): ParcelStorage {
  let opened: Promise<IDBDatabase> | undefined;
  const open = (): Promise<IDBDatabase> => (opened ??= openDatabase(name, createStores, () => (opened = undefined)));
  const run = async <T>(mode: IDBTransactionMode, act: (notes: IDBObjectStore, contents: IDBObjectStore) => IDBRequest<T>, isAtOnce = true): Promise<T> => {
    const transaction = (await open()).transaction([notes, contents], mode);
    const request = act(transaction.objectStore(notes), transaction.objectStore(contents));
    if (isAtOnce) transaction.commit(); // goes to the browser now: it is made even if the page is left in the next moment
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  };
  const storage: ParcelStorage = {
    load: () => run("readonly", (notes) => notes.getAll() as IDBRequest<Parcel[]>),
    get: (id) => run("readonly", (notes) => notes.get(id) as IDBRequest<Parcel | undefined>),
    blobs: async (id) => (await run("readonly", (_, contents) => contents.get(id) as IDBRequest<readonly Blob[] | undefined>)) ?? [],
    put: async (parcel, blobs) => {
      if (blobs) {
        await run("readwrite", (notes, contents) => {
          contents.put([...blobs], parcel.clientMsgId);
          return notes.put(parcel);
        });
        return;
      }
      await run(
        "readwrite",
        (notes) => {
          const kept = notes.openCursor(parcel.clientMsgId);
          kept.onsuccess = () => kept.result?.update(parcel);
          return kept;
        },
        false, // the change follows the search
      );
    },
    remove: (id) =>
      run("readwrite", (notes, contents) => {
        contents.delete(id);
        return notes.delete(id);
      }),
  };
  const locks = globalThis.navigator?.locks;
  if (locks) storage.exclusively = (work) => locks.request(name, work) as ReturnType<typeof work>;
  return storage;
}

function createStores(database: IDBDatabase): void {
  database.createObjectStore(notes, { keyPath: "clientMsgId" });
  database.createObjectStore(contents);
}

/** IndexedDB where there is one, else memory. */
export function defaultParcels(userId: string): ParcelStorage {
  return globalThis.indexedDB ? indexedDBParcels(`sockeye:files:${userId}`) : memoryParcels();
}
