import { openDatabase } from "./database.js";
import type { MessageType } from "./wire.js";

/** A message that waits until the server has stored it. */
export interface Outgoing {
  /** Unique for its sender: by it the server stores a message once, however often it is sent. */
  clientMsgId: string;
  roomId?: string;
  recipientId?: string;
  content: string;
  type?: MessageType;
  replyTo?: string;
  attachments?: string[];
  /** When it was written; RFC 3339. */
  at: string;
  /** Its place in the queue: the lowest goes first. */
  order: number;
}

/**
 * Where the queue survives: messages by their `clientMsgId`, and marks of a few that were discarded, which look like
 * messages and are the client's business. What fails here is not fatal: the queue then lives in memory only. Changes may be
 * asked for before earlier ones are made, and are to be made in that order.
 */
export interface QueueStorage {
  /** All that is kept, in any order. */
  load(): Promise<Outgoing[]>;
  put(message: Outgoing): Promise<void>;
  remove(clientMsgId: string): Promise<void>;
  has(clientMsgId: string): Promise<boolean>;
  /** Runs work while nobody else who shares this storage does; absent: nobody shares it. */
  exclusively?<T>(work: () => Promise<T>): Promise<T>;
}

/** Keeps the queue as long as this object lives. */
export function memoryStorage(): QueueStorage {
  const kept = new Map<string, Outgoing>();
  return {
    load: async () => [...kept.values()],
    put: async (message) => void kept.set(message.clientMsgId, message),
    remove: async (clientMsgId) => void kept.delete(clientMsgId),
    has: async (clientMsgId) => kept.has(clientMsgId),
  };
}

const store = "outbox";

/** Keeps the queue in the browser's IndexedDB, under this name; all tabs of an origin share it. */
export function indexedDBStorage(name: string): QueueStorage {
  let opened: Promise<IDBDatabase> | undefined;
  const open = (): Promise<IDBDatabase> => (opened ??= openDatabase(name, createStore, () => (opened = undefined)));
  const run = async <T>(mode: IDBTransactionMode, act: (messages: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const transaction = (await open()).transaction(store, mode);
    const request = act(transaction.objectStore(store));
    transaction.commit(); // goes to the browser now: it is made even if the page is left in the next moment
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  };
  const storage: QueueStorage = {
    load: () => run("readonly", (messages) => messages.getAll() as IDBRequest<Outgoing[]>),
    put: async (message) => void (await run("readwrite", (messages) => messages.put(message))),
    remove: (clientMsgId) => run("readwrite", (messages) => messages.delete(clientMsgId)),
    has: async (clientMsgId) => (await run("readonly", (messages) => messages.count(clientMsgId))) > 0,
  };
  const locks = globalThis.navigator?.locks;
  if (locks) storage.exclusively = (work) => locks.request(name, work) as ReturnType<typeof work>;
  return storage;
}

function createStore(database: IDBDatabase): void {
  database.createObjectStore(store, { keyPath: "clientMsgId" });
}

/** IndexedDB where there is one, else memory. */
export function defaultStorage(userId: string): QueueStorage {
  return globalThis.indexedDB ? indexedDBStorage(`sockeye:${userId}`) : memoryStorage();
}
