/** One build of the chat. */
export interface Shell {
  /** Says which: the SHA-256 of the page, in hexadecimal digits. */
  page: string;
  /** Paths of all that the page loads. When one changes, its name does, and with it the page. */
  files: readonly string[];
}

/** SHA-256 in hexadecimal digits. */
export async function sum(content: BufferSource): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
