import { locale } from "./words.svelte";

const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** A number of bytes, in steps of 1,000 as limits are given. */
export function fileSize(bytes: number): string {
  let unit = 0;
  let value = bytes;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  const maximumFractionDigits = unit === 0 || value >= 9.95 ? 0 : 1;
  return value.toLocaleString(locale(), { style: "unit", unit: units[unit]!, unitDisplay: unit === 0 ? "long" : "short", maximumFractionDigits });
}

/** How long something plays, as players show it. */
export function playTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
