import type { Named } from "@sockeye/client";

/** How users are called, by their ids. */
export type Names = Readonly<Record<string, Named>>;

export type Kind = "room" | "direct";

/** Where messages go: a room, or one other user. */
export interface Place {
  readonly kind: Kind;
  readonly id: string;
}

export interface Person {
  userId: string;
  username: string;
  /** The login name of an account on this server; others have none. */
  login?: string | undefined;
}

/** How people call somebody apart from others of that name; empty without a login name. Ids are for programs. */
export function handle({ login }: { login?: string | undefined }): string {
  return login ? `@${login}` : "";
}

/** Whether the server has made an id, which says nothing to people. */
export function isMade(id: string): boolean {
  return /^(u_[a-z0-9]{8,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.test(id);
}

export function placeKey({ kind, id }: Place): string {
  return `${kind}:${id}`;
}

/** How commands name a place that messages are sent to. */
export function addressee({ kind, id }: Place): { roomId: string } | { recipientId: string } {
  return kind === "room" ? { roomId: id } : { recipientId: id };
}

/** How commands name a place whose messages are read. */
export function source({ kind, id }: Place): { roomId: string } | { userId: string } {
  return kind === "room" ? { roomId: id } : { userId: id };
}
