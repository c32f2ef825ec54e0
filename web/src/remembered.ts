import type { Place } from "./conversation.svelte";
import { browser, forget, load, save, tab } from "./storage";

// The list of conversations is kept per user for this browser, the open one per user and tab.

interface NamedPlace extends Place {
  name: string;
}

const placesKey = (userId: string): string => `sockeye:conversations:${userId}`;
const currentKey = (userId: string): string => `sockeye:current:${userId}`;

export function rememberedPlaces(userId: string): NamedPlace[] {
  return load(browser, placesKey(userId), isNamedPlaces, []);
}

export function rememberPlaces(userId: string, places: readonly NamedPlace[]): void {
  save(browser, placesKey(userId), places.map(({ kind, id, name }) => ({ kind, id, name })));
}

export function rememberedCurrent(userId: string): string {
  return load(tab, currentKey(userId), (value) => typeof value === "string", "");
}

export function rememberCurrent(userId: string, key: string | undefined): void {
  if (key === undefined) forget(tab, currentKey(userId));
  else save(tab, currentKey(userId), key);
}

function isNamedPlaces(value: unknown): value is NamedPlace[] {
  return (
    Array.isArray(value) &&
    value.every(
      (place) =>
        (place?.kind === "room" || place?.kind === "direct") && typeof place.id === "string" && typeof place.name === "string",
    )
  );
}
