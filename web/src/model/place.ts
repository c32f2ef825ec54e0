export type Kind = "room" | "direct";

/** Where messages go: a room, or one other user. */
export interface Place {
  readonly kind: Kind;
  readonly id: string;
}

export interface Person {
  userId: string;
  username: string;
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
