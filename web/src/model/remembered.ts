import { browser, forget, forgetAll, load, save, tab } from "../storage";
import type { Receipts } from "./conversation.svelte";
import { type Names, type Place, placeKey } from "./place";
import type { Failed } from "./timeline";

// What a tab or a browser remembers of a user beside what waits to be sent, which the client keeps.

/** Set by who does not want to be asked about notifications again. */
export const declinedKey = (userId: string): string => `sockeye:push-declined:${userId}`;

const mostNames = 500;

/** Receipts, and how those are called who have read. */
export type Kept = Receipts & { names?: Names };

const isString = (value: unknown): value is string => typeof value === "string";
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isNames = (value: unknown): value is Record<string, string> => isRecord(value) && Object.values(value).every(isString);
const isReceipts = (value: unknown): value is Kept => isRecord(value) && isRecord(value.readers) && isRecord(value.unplaced);
const isList = (value: unknown): value is Failed[] => Array.isArray(value) && value.every((item) => isRecord(item) && "message" in item);

/** The key of the place that was open. */
export function rememberedCurrent(userId: string): string {
  return load(tab, `sockeye:current:${userId}`, isString, "");
}

export function rememberCurrent(userId: string, key: string): void {
  save(tab, `sockeye:current:${userId}`, key);
}

/** How the places of the list are called, by their keys: for when the server cannot be asked. */
export function rememberedNames(userId: string): Record<string, string> {
  return load(browser, `sockeye:names:${userId}`, isNames, {});
}

export function rememberNames(userId: string, places: readonly (Place & { name: string })[]): void {
  const latest = places.slice(0, mostNames).map((place) => [placeKey(place), place.name]);
  save(browser, `sockeye:names:${userId}`, Object.fromEntries(latest));
}

/** Messages that were refused, which their writer has not dealt with. */
export function rememberedFailed(userId: string): Failed[] {
  return load(browser, `sockeye:failed:${userId}`, isList, []);
}

export function rememberFailed(userId: string, failed: readonly Failed[]): void {
  save(browser, `sockeye:failed:${userId}`, failed);
}

/** Who has read what in a place. */
export function rememberedReceipts(userId: string, place: string): Kept {
  return load(browser, receiptsKey(userId, place), isReceipts, { readers: {}, unplaced: {} });
}

export function rememberReceipts(userId: string, place: string, receipts: Kept): void {
  save(browser, receiptsKey(userId, place), receipts);
}

/** Any text can be an id: none looks as if it were another's with a place. */
const receiptsKey = (userId: string, place: string): string => `sockeye:readers:${encodeURIComponent(userId)}:${place}`;

/** Forgets all of the above. */
export function forgetUser(userId: string): void {
  forget(tab, `sockeye:current:${userId}`);
  forget(browser, `sockeye:failed:${userId}`);
  forget(browser, `sockeye:names:${userId}`);
  forget(browser, declinedKey(userId));
  forgetAll(browser, receiptsKey(userId, ""));
}
