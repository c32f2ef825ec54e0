import type { Passing, SockeyeClient } from "@sockeye/client";
import { SvelteMap } from "svelte/reactivity";
import { t } from "../words/words.svelte";
import { addressee, type Place, placeKey } from "./place";

const sayAgainAfter = 3000; // ms, while the text changes
const expiresAfter = 6000; // ms, for those who are not heard of again

interface Typist {
  userId: string;
  name: string;
  expiry: ReturnType<typeof setTimeout>;
}

/** Who types where, and telling others that this user does. Only a hint: nothing is tried twice. */
export class Typing {
  #client: SockeyeClient;
  #typists = new SvelteMap<string, readonly Typist[]>(); // by place
  #told = new Map<string, number>(); // by place: when the others were told last, in ms

  constructor(client: SockeyeClient) {
    this.#client = client;
    client.on("typing:start", (event) => this.#started(event));
    client.on("typing:stop", (event) => this.stopped(placeOf(event), event.userId));
    client.on("state", (state) => state !== "online" && this.clear());
  }

  /** The names of those who type there, in the order in which they began. */
  names(place: Place): string[] {
    return (this.#typists.get(placeKey(place)) ?? []).map((typist) => typist.name);
  }

  /** This user has changed what is in the composer. */
  changed(place: Place, text: string): void {
    if (text.trim() === "") return this.ended(place);
    const key = placeKey(place);
    const now = performance.now();
    if (now - (this.#told.get(key) ?? -Infinity) < sayAgainAfter) return;
    this.#told.set(key, now);
    this.#tell("start", place);
  }

  /** This user has sent the text, or turned to something else. */
  ended(place: Place): void {
    if (this.#told.delete(placeKey(place))) this.#tell("stop", place);
  }

  /** Somebody has sent a message there, or has stopped. */
  stopped(place: Place, userId: string): void {
    const key = placeKey(place);
    const typists = this.#typists.get(key) ?? [];
    const typist = typists.find((other) => other.userId === userId);
    if (!typist) return;
    clearTimeout(typist.expiry);
    const others = typists.filter((other) => other !== typist);
    if (others.length > 0) this.#typists.set(key, others);
    else this.#typists.delete(key);
  }

  clear(): void {
    for (const typists of this.#typists.values()) for (const { expiry } of typists) clearTimeout(expiry);
    this.#typists.clear();
    this.#told.clear();
  }

  #started(event: Passing): void {
    const { userId } = event;
    const place = placeOf(event);
    const key = placeKey(place);
    const typists = this.#typists.get(key) ?? [];
    const expiry = setTimeout(() => this.stopped(place, userId), expiresAfter);
    const typist: Typist = { userId, name: event.username ?? t().somebody, expiry };
    const known = typists.find((other) => other.userId === userId);
    clearTimeout(known?.expiry);
    this.#typists.set(key, known ? typists.map((other) => (other === known ? typist : other)) : [...typists, typist]);
  }

  #tell(what: "start" | "stop", place: Place): void {
    if (this.#client.state !== "online") return;
    this.#client.typing[what](addressee(place) as { roomId: string }).catch(() => {});
  }
}

function placeOf({ roomId, userId }: Passing): Place {
  return roomId === undefined ? { kind: "direct", id: userId } : { kind: "room", id: roomId };
}
