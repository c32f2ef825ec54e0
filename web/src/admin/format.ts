// Numbers and times as text, in the language of the page.

import { locale } from "../words/words.svelte";
import { words } from "./words";

const formatsOf = (tag: string) => ({
  whole: new Intl.NumberFormat(tag, { maximumFractionDigits: 0 }),
  one: new Intl.NumberFormat(tag, { maximumFractionDigits: 1 }),
  short: new Intl.NumberFormat(tag, { notation: "compact", maximumFractionDigits: 1 }),
  clock: new Intl.DateTimeFormat(tag, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  day: new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short" }),
  date: new Intl.DateTimeFormat(tag, { day: "numeric", month: "short", timeZone: "UTC" }),
  month: new Intl.DateTimeFormat(tag, { month: "short", year: "numeric", timeZone: "UTC" }),
  relative: new Intl.RelativeTimeFormat(tag, { numeric: "auto", style: "short" }),
});

/** Made once for each language: they are slow to make. */
const made = new Map<string, ReturnType<typeof formatsOf>>();

function formats(): ReturnType<typeof formatsOf> {
  const tag = locale();
  if (!made.has(tag)) made.set(tag, formatsOf(tag));
  return made.get(tag)!;
}

export const count = (n: number): string => formats().whole.format(n);
export const decimal = (n: number): string => formats()[n >= 100 ? "whole" : "one"].format(n);
export const compact = (n: number): string => (n < 10_000 ? decimal(n) : formats().short.format(n));
export const percent = (n: number): string => `${decimal(n)} %`;

/** Milliseconds. */
export function latency(ms: number): string {
  if (ms >= 1000) return `${formats().one.format(ms / 1000)} s`;
  if (ms >= 1) return `${decimal(ms)} ms`;
  return `${count(ms * 1000)} µs`;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(n: number): string {
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 ? count(n) : decimal(n)} ${units[unit]}`;
}

export const time = (at: Date): string => formats().clock.format(at);
export const dateTime = (at: Date): string => formats().day.format(at);

/** A day in UTC, as counts of usage are by. */
export const date = (at: Date): string => formats().date.format(at);
export const month = (at: Date): string => formats().month.format(at);

/** How long ago, or how long until then. */
export function fromNow(at: Date, now = Date.now()): string {
  const { relative } = formats();
  const seconds = Math.round((at.getTime() - now) / 1000);
  const size = Math.abs(seconds);
  if (size < 60) return relative.format(seconds, "second");
  if (size < 3600) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 86_400) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86_400), "day");
}

/** How long, in its two largest units. */
export function duration(seconds: number): string {
  const { units } = words();
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), units.day],
    [Math.floor(seconds / 3600) % 24, units.hour],
    [Math.floor(seconds / 60) % 60, units.minute],
    [Math.floor(seconds) % 60, units.second],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return `0 ${units.second}`;
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(" ");
}

/** What people see of the id of a node. */
export const nodeName = (id: string): string => id.slice(0, 8);
