import { browser, forget, load, save, tab } from "../storage";
import type { Failed } from "./timeline";

// What a tab or a browser remembers of a user beside what waits to be sent, which the client keeps.

const isString = (value: unknown): value is string => typeof value === "string";
const isRecord = (value: unknown): value is Record<string, Record<string, number>> => typeof value === "object" && value !== null;
const isList = (value: unknown): value is Failed[] => Array.isArray(value) && value.every((item) => isRecord(item) && "message" in item);

/** The key of the place that was open. */
export function rememberedCurrent(userId: string): string {
  return load(tab, `sockeye:current:${userId}`, isString, "");
}

export function rememberCurrent(userId: string, key: string): void {
  save(tab, `sockeye:current:${userId}`, key);
}

/** Messages that were refused, which their writer has not dealt with. */
export function rememberedFailed(userId: string): Failed[] {
  return load(browser, `sockeye:failed:${userId}`, isList, []);
}

export function rememberFailed(userId: string, failed: readonly Failed[]): void {
  save(browser, `sockeye:failed:${userId}`, failed);
}

/** Up to where others have read, by place: the server tells it once. */
export function rememberedReaders(userId: string): Record<string, Record<string, number>> {
  return load(browser, `sockeye:readers:${userId}`, isRecord, {});
}

export function rememberReaders(userId: string, readers: Record<string, Record<string, number>>): void {
  save(browser, `sockeye:readers:${userId}`, readers);
}

/** Forgets all of the above. */
export function forgetUser(userId: string): void {
  forget(tab, `sockeye:current:${userId}`);
  for (const what of ["failed", "readers"]) forget(browser, `sockeye:${what}:${userId}`);
}
