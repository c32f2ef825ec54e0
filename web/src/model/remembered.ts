import { browser, load, save, tab } from "../storage";
import { type Place, placeKey } from "./place";
import type { Failed } from "./timeline";

// What a tab or a browser remembers of a user beside what waits to be sent, which the client keeps.

const mostNames = 500;

const isString = (value: unknown): value is string => typeof value === "string";
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isReaders = (value: unknown): value is Record<string, Record<string, number>> => isRecord(value) && Object.values(value).every(isRecord);
const isNames = (value: unknown): value is Record<string, string> => isRecord(value) && Object.values(value).every(isString);
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

/** Up to where others have read, by place: the server tells it once. */
export function rememberedReaders(userId: string): Record<string, Record<string, number>> {
  return load(browser, `sockeye:readers:${userId}`, isReaders, {});
}

export function rememberReaders(userId: string, readers: Record<string, Record<string, number>>): void {
  save(browser, `sockeye:readers:${userId}`, readers);
}
