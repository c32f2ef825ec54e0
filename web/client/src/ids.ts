/** An id that no other message has. Pages that are not served securely have no `randomUUID`. */
export function newClientMsgId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
