import { Refused } from "./errors.js";
import { TokenKeeper, type TokenSource } from "./token.js";
import type { FileInfo, Refusal } from "./wire.js";

export { Refused } from "./errors.js";
export type { TokenSource } from "./token.js";
export type { FileInfo, FileMetadata } from "./wire.js";

/** Where the server is, and whose files these are. */
export interface UploadAccess {
  /** The server's address; the page's own by default. */
  url?: string;
  /** As that of `SockeyeClient`. */
  token: TokenSource;
  /** How long the server may take for one request, in ms: 60,000. That has to be enough for one piece. */
  timeout?: number;
}

export interface UploadOptions extends UploadAccess {
  /** What the file is called; by default what it says itself. The server shortens it, and takes a path off. */
  name?: string;
  /** Ends it. What the server has by then stays there for a day: go on with `resume`, or call `discardUpload`. */
  signal?: AbortSignal;
  /** The id of an upload of the same file that did not end, as `onCreated` told it. One that is gone begins anew. */
  resume?: string;
  /** Told the upload's id, which is that of the file too, before any piece is sent. */
  onCreated?: (id: string) => void;
  /** Told how many bytes the server has, of how many: behind each piece. */
  onProgress?: (sent: number, size: number) => void;
  /** How much is sent at a time, in bytes: 262,144. What is lost with a connection is at most one piece. */
  pieceSize?: number;
  /** How many attempts in a row may fail: 5. Between them it waits 500 ms, doubled each time, or as long as the server says. */
  attempts?: number;
}

/**
 * Sends a file to the server, in pieces, and goes on where it was when a connection is lost. Its `id` is for the `attachments` of
 * messages. Throws Refused for what the server does not take (`file_too_large`, `file_type_not_allowed`, `file_quota_exceeded`,
 * `storage_full`, …), the reason of `signal` when that ends it, and what the last attempt failed with when there is no connection.
 * See https://tus.io/protocols/resumable-upload.
 */
export async function upload(file: Blob, options: UploadOptions): Promise<FileInfo> {
  const { pieceSize = 262_144, attempts = 5, signal, onCreated, onProgress } = options;
  if (!(pieceSize >= 1) || !(attempts >= 1)) throw new RangeError("pieceSize and attempts must be 1 or more");
  const server = new Server(options, signal);
  const name = options.name ?? (file as Partial<File>).name ?? "";
  let id = options.resume;
  let offset: number | undefined; // undefined: the server is to be asked
  for (let failed = 0; ; ) {
    try {
      if (id === undefined) {
        id = await server.create(file.size, name);
        offset = 0;
        onCreated?.(id);
      }
      if (offset === undefined) {
        offset = await server.offsetOf(id);
        onProgress?.(offset, file.size);
      }
      while (offset < file.size) {
        offset = await server.append(id, offset, file.slice(offset, offset + pieceSize));
        failed = 0;
        onProgress?.(offset, file.size);
      }
      return await server.file(id);
    } catch (error) {
      signal?.throwIfAborted();
      if (offset === undefined && failed === 0 && id === options.resume && isGone(error)) {
        id = undefined;
        continue;
      }
      failed++;
      if (failed >= attempts || !mayPass(error)) throw error;
      offset = undefined;
      const seconds = error instanceof Refused ? error.retryAfter : undefined;
      await pause(seconds !== undefined ? seconds * 1000 : 250 * 2 ** failed, signal);
    }
  }
}

/** Has the server forget an upload that did not end. One that is gone is well. Throws Refused, or what the connection failed with. */
export async function discardUpload(id: string, access: UploadAccess): Promise<void> {
  try {
    await new Server(access).ask("DELETE", `uploads/${encodeURIComponent(id)}`);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

const notFound = "upload_not_found";
const isGone = (error: unknown): boolean => error instanceof Refused && error.code === notFound;

/** What another attempt may mend: lost connections, and what the server says of this moment only. @internal */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof HTTPRefused)) return !(error instanceof Refused) && !(error instanceof RangeError);
  const { status, code } = error;
  return code === "upload_offset_mismatch" || status === 423 || status === 429 || (status >= 500 && status !== 507);
}

/** Waits; throws the reason of the signal when that ends it. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let ended = (): void => {};
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    ended = () => (clearTimeout(timer), resolve());
    signal?.addEventListener("abort", ended);
  });
  signal?.removeEventListener("abort", ended);
  signal?.throwIfAborted();
}

class HTTPRefused extends Refused {
  constructor(
    readonly status: number,
    refusal: Refusal,
  ) {
    super(refusal);
  }
}

interface Answer {
  response: Response;
  text: string;
}

/** The server, as it takes uploads. */
class Server {
  readonly #url: string;
  readonly #tokens: TokenKeeper;
  readonly #timeout: number;

  constructor(
    { url = globalThis.location?.href, token, timeout = 60_000 }: UploadAccess,
    readonly signal?: AbortSignal,
  ) {
    this.#url = url;
    this.#tokens = new TokenKeeper(token);
    this.#timeout = timeout;
  }

  async create(size: number, name: string): Promise<string> {
    const { response } = await this.ask("POST", "uploads", {
      "Upload-Length": String(size),
      ...(name && { "Upload-Metadata": `filename ${encode(name)}` }),
    });
    return response.headers.get("Location")?.split("/").pop() ?? "";
  }

  async offsetOf(id: string): Promise<number> {
    return offsetIn(await this.ask("HEAD", `uploads/${encodeURIComponent(id)}`));
  }

  async append(id: string, offset: number, piece: Blob): Promise<number> {
    const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
    return offsetIn(await this.ask("PATCH", `uploads/${encodeURIComponent(id)}`, headers, piece));
  }

  async file(id: string): Promise<FileInfo> {
    const { text } = await this.ask("GET", `files/${encodeURIComponent(id)}`);
    return (JSON.parse(text) as { file: FileInfo }).file;
  }

  /** Asks; with another token when that of now is not good. */
  async ask(method: string, path: string, headers?: Record<string, string>, body?: Blob): Promise<Answer> {
    const send = async (fresh: boolean): Promise<Answer> => {
      const token = await this.#tokens.get(fresh);
      this.signal?.throwIfAborted();
      const ending = new AbortController();
      const abort = (): void => ending.abort(this.signal?.reason);
      const timer = setTimeout(() => ending.abort(new DOMException("The server does not answer", "TimeoutError")), this.#timeout);
      this.signal?.addEventListener("abort", abort);
      try {
        const response = await fetch(new URL(`/api/v1/${path}`, this.#url), {
          method,
          signal: ending.signal,
          headers: { Authorization: `Bearer ${token}`, "Tus-Resumable": "1.0.0", ...headers },
          ...(body && { body }),
        });
        return { response, text: await response.text() };
      } finally {
        clearTimeout(timer);
        this.signal?.removeEventListener("abort", abort);
      }
    };
    let answer = await send(false);
    if (answer.response.status === 401 && this.#tokens.canRenew) answer = await send(true);
    const { ok, status } = answer.response;
    if (ok) return answer;
    const { detail, ...refusal } = problemIn(answer);
    const code = refusal.code ?? (status === 404 ? notFound : ""); // answers to HEAD have no body
    throw new HTTPRefused(status, { ...refusal, code, message: detail ?? `HTTP ${status}` });
  }
}

/** What the server says is wrong; a proxy says something else, or nothing. */
function problemIn({ text }: Answer): Partial<Refusal> & { detail?: string } {
  try {
    return JSON.parse(text) as Partial<Refusal>;
  } catch {
    return {};
  }
}

function offsetIn({ response }: Answer): number {
  const offset = Number(response.headers.get("Upload-Offset") ?? NaN);
  if (!Number.isSafeInteger(offset)) throw new RangeError("The server does not say where the upload is");
  return offset;
}

/** As base64, of UTF-8. */
function encode(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
