/** Where tokens come from: your backend, usually. Nothing (or "") means that nobody is signed in. */
export type TokenSource = string | (() => string | null | undefined | Promise<string | null | undefined>);

/** What the client reads of a token; the server alone verifies it. */
export interface Claims {
  userId: string;
  username: string;
  /** When it ends, in ms since 1970; undefined: never. */
  expiresAt: number | undefined;
}

/** Keeps the token of now, and asks for another when it is needed. */
export class TokenKeeper {
  readonly #source: TokenSource;
  #token = "";
  #asking: Promise<string> | undefined;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  get claims(): Claims {
    return claimsOf(this.#token);
  }

  /**
   * The token of now, or a new one when it has ended or `fresh` asks for it. Fails as the source does. The source is asked
   * once at a time: a token to refresh with may be good only once.
   */
  async get(fresh: boolean): Promise<string> {
    const { expiresAt } = this.claims;
    const hasEnded = expiresAt !== undefined && expiresAt - Date.now() < margin;
    if (!fresh && !hasEnded && this.#token !== "") return this.#token;
    return (this.#asking ??= this.#ask().finally(() => (this.#asking = undefined)));
  }

  async #ask(): Promise<string> {
    this.#token = (typeof this.#source === "function" ? await this.#source() : this.#source) ?? "";
    return this.#token;
  }

  /** The token of now is of no use: the next `get` asks for another. */
  forget(): void {
    this.#token = "";
  }

  /** A source that can give another token than before. */
  get canRenew(): boolean {
    return typeof this.#source === "function";
  }

  /** How long to wait before the token of now is to be refreshed, in ms: a minute before its end, or half-way. undefined: it never ends. */
  get refreshIn(): number | undefined {
    const { expiresAt } = this.claims;
    if (expiresAt === undefined || !this.canRenew) return undefined;
    const left = expiresAt - Date.now();
    const longest = 2 ** 31 - 1; // of a timer
    return Math.min(Math.max(left - Math.min(left / 2, minute), 1000), longest);
  }
}

const minute = 60_000;
const margin = 1000; // ms

/** Reads the claims of a JSON Web Token; empty ones of what is none. */
export function claimsOf(token: string): Claims {
  let claims: Record<string, unknown> = {};
  try {
    const body = atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(body, (byte) => byte.charCodeAt(0)))) as typeof claims;
  } catch {
    // The server will say so.
  }
  const exp = claims["exp"];
  return {
    userId: String(claims["sub"] ?? claims["id"] ?? ""),
    username: String(claims["username"] ?? claims["name"] ?? ""),
    expiresAt: typeof exp === "number" ? exp * 1000 : undefined,
  };
}
