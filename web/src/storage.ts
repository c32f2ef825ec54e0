// JSON in the browser's storage. Storage may be forbidden or full (private windows, policies); the
// page then works without memory instead of failing, so reads fall back and writes are best effort.

export function load<T>(area: () => Storage, key: string, isValid: (value: unknown) => value is T, fallback: T): T {
  try {
    const text = area().getItem(key);
    if (text === null) return fallback;
    const value: unknown = JSON.parse(text);
    return isValid(value) ? value : fallback;
  } catch {
    return fallback;
  }
}

export function save(area: () => Storage, key: string, value: unknown): void {
  try {
    area().setItem(key, JSON.stringify(value));
  } catch {
    // Nothing to do: the state stays in memory for as long as the page is open.
  }
}

export function forget(area: () => Storage, key: string): void {
  try {
    area().removeItem(key);
  } catch {
    // See save.
  }
}

/** Forgets all keys that begin like this. */
export function forgetAll(area: () => Storage, prefix: string): void {
  try {
    const keys = Array.from({ length: area().length }, (_, i) => area().key(i) ?? "");
    for (const key of keys) if (key.startsWith(prefix)) forget(area, key);
  } catch {
    // See save.
  }
}

/** Per tab: two tabs can be two users. */
export const tab = (): Storage => window.sessionStorage;

/** Shared by all tabs of this browser. */
export const browser = (): Storage => window.localStorage;
