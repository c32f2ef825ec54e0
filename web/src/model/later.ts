/** When most people mean by later. */
export interface Choice {
  readonly name: "hour" | "tomorrow" | "monday";
  readonly at: Date;
}

/** What is offered at a time, the soonest first: in an hour, and at nine in the morning of tomorrow and of the next Monday. */
export function choices(now: Date): Choice[] {
  const morning = (days: number): Date => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, 9);
  const untilMonday = (8 - now.getDay()) % 7 || 7;
  const all: Choice[] = [
    { name: "hour", at: new Date(now.getTime() + 60 * 60_000) },
    { name: "tomorrow", at: morning(1) },
  ];
  return untilMonday === 1 ? all : [...all, { name: "monday", at: morning(untilMonday) }];
}

/** A time as a field of type datetime-local has it: the user's own, to the minute. */
export function forInput(at: Date): string {
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${String(at.getFullYear()).padStart(4, "0")}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The time in such a field; undefined while there is none. */
export function fromInput(value: string): Date | undefined {
  const at = new Date(value);
  return value === "" || Number.isNaN(at.getTime()) ? undefined : at;
}
