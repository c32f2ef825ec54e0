// Whose notifications this browser shows, and the token by which the worker answers to them while no page is open. The page says so
// as soon as notifications are on and as often as the token is renewed, and takes it back when they are turned off and at sign-out.
// IndexedDB is of this origin alone, as is the storage where pages keep their tokens; the worker answers no request with it, and sends
// it to its own server alone.

declare const self: ServiceWorkerGlobalScope;

/** As src/model/device.svelte.ts says it. */
const ownerMessage = "sockeye:owner";

const database = "sockeye-owner"; // none of those of the client library, which begin with "sockeye:"
const store = "owner";
const key = 1;

export interface Owner {
  userId: string;
  token: string;
  /** Of the page: en or zh. */
  language: string;
}

/** Has this worker learn from pages whose notifications it shows. */
export function learnOwner(): void {
  self.addEventListener("message", (event) => {
    const { type, owner } = (event.data ?? {}) as { type?: unknown; owner?: unknown };
    if (type === ownerMessage) event.waitUntil((last = last.then(() => take(isOwner(owner) ? owner : undefined)).catch(() => {})));
  });
}

/** The message before: they are taken in their order. */
let last: Promise<void> = Promise.resolve();

/** What was shown to one user is neither read nor answered by the next. */
async function take(owner: Owner | undefined): Promise<void> {
  const before = await currentOwner();
  await run("readwrite", (owners) => (owner ? owners.put(owner, key) : owners.delete(key)) as IDBRequest<unknown>);
  if (!before || before.userId === owner?.userId) return;
  for (const notification of await self.registration.getNotifications()) notification.close();
}

/** Undefined when nobody's are, and where the browser keeps nothing. */
export async function currentOwner(): Promise<Owner | undefined> {
  const owner: unknown = await run("readonly", (owners) => owners.get(key) as IDBRequest<unknown>).catch(() => undefined);
  return isOwner(owner) ? owner : undefined;
}

function isOwner(value: unknown): value is Owner {
  const { userId, token, language } = (value ?? {}) as Partial<Owner>;
  return typeof userId === "string" && typeof token === "string" && typeof language === "string";
}

async function run<T>(mode: IDBTransactionMode, act: (owners: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opened = await open();
  try {
    const transaction = opened.transaction(store, mode);
    const request = act(transaction.objectStore(store));
    return await new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    opened.close();
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(store);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
