import type { TokenSource } from "@sockeye/client";
import { browser, forget, load, save, tab } from "./storage";
import { explainRefusal, t } from "./words/words.svelte";

export interface User {
  id: string;
  name: string;
  /** Of an account on this server. */
  login?: string;
}

/** Where a token came from, which says how to get the next one. */
export type Origin = "demo" | "account" | "token";

export interface Session {
  token: string;
  user: User;
  /** Without it there is no next token. */
  from?: Origin;
}

/** Something that a person is told as it is. `status` is that of the server's answer; 0 when there was none. */
export class SignInError extends Error {
  constructor(
    message: string,
    readonly status = 0,
  ) {
    super(message);
  }

  /** The server means it: asking again later changes nothing. Everything else passes. */
  get isFinal(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

/** The server runs without `--dev`: there are no demo users, only accounts and tokens. */
export class NoDemoUsers extends SignInError {
  override get isFinal(): boolean {
    return true;
  }
}

const key = "sockeye:session";
const every = 20_000; // ms between looks at whether a token is to be renewed
const early = 600_000; // ms before its end: then a token is renewed that lasts long enough

/** That of this tab, else the account that signed in with this browser last. */
export function restoreSession(): Session | undefined {
  return load<Session | undefined>(tab, key, isSession, undefined) ?? load<Session | undefined>(browser, key, isSession, undefined);
}

/** Accounts stay signed in; demo users live in their tab, so that two tabs can be two people. */
function keep(session: Session): void {
  save(tab, key, session);
  if (session.from === "account") save(browser, key, session);
}

/** Somebody who is signed in: holds the token of now and keeps it for the next visit, until one of the two ends. */
export class SignedIn {
  readonly user: User;
  /** Called when there is another token. */
  onRenewed: (() => void) | undefined;
  #session: Session;
  #hasEnded = false;

  constructor(session: Session) {
    this.user = session.user;
    this.#session = session;
    keep(session);
  }

  get token(): string {
    return this.#session.token;
  }

  /** What the client asks for tokens: the one at hand first, new ones when that ends or is refused. */
  get tokens(): TokenSource {
    if (!this.canRenew) return this.token;
    let isFirst = true;
    return async () => {
      if (!isFirst) return this.renew();
      isFirst = false;
      return this.token;
    };
  }

  get canRenew(): boolean {
    return this.#session.from === "demo" || this.#session.from === "account";
  }

  /** A new token; "" when there is none any more. Throws SignInError when there may be one later. */
  async renew(): Promise<string> {
    const { from, user, token } = this.#session;
    try {
      const renewed = from === "demo" ? await signInAsDemoUser(user.name) : accountSession(await post("/api/v1/token/refresh", {}, token));
      if (this.#hasEnded) {
        await revoke(renewed); // It came too late, and nobody is to have it.
        return "";
      }
      this.#session = renewed;
      keep(renewed);
      this.onRenewed?.();
      return renewed.token;
    } catch (error) {
      if (error instanceof SignInError && error.isFinal) return "";
      throw error; // tried again
    }
  }

  /** Renews the token before it ends; returns what ends that. A client renews by itself what it was given. */
  stayFresh(): () => void {
    const look = (): void => {
      if (this.canRenew && Date.now() > renewAt(this.token)) void this.renew().catch(() => {}); // tried again
    };
    const timer = setInterval(look, every);
    return () => clearInterval(timer);
  }

  /** The token is good no longer: forgets it. What another tab has kept since stays. */
  end(): void {
    this.#hasEnded = true;
    forget(tab, key);
    if (load<Session | undefined>(browser, key, isSession, undefined)?.token === this.token) forget(browser, key);
  }

  /** Nobody is to be signed in here any more, and the token is good no longer, anywhere, once `hasLeft`; that is best effort. */
  async signOut(hasLeft?: Promise<void>): Promise<void> {
    this.end();
    forget(browser, key);
    await hasLeft;
    await revoke(this.#session);
  }
}

/** Signs a demo user in. Throws NoDemoUsers, or another SignInError. */
export async function signInAsDemoUser(name: string): Promise<Session> {
  try {
    const { token, user } = (await post("/api/dev/login", { name })) as { token: string; user: User };
    return { token, user, from: "demo" };
  } catch (error) {
    const hasNone = error instanceof SignInError && (error.status === 404 || error.status === 405);
    throw hasNone ? new NoDemoUsers(t().noDemo, error.status) : error;
  }
}

/** Throws SignInError. */
export async function signIn(login: string, password: string): Promise<Session> {
  return accountSession(await post("/api/v1/login", { login, password }));
}

/** Throws SignInError. */
export async function register(login: string, username: string, password: string): Promise<Session> {
  return accountSession(await post("/api/v1/accounts", { login, password, ...(username !== "" && { username }) }));
}

async function revoke({ from, token }: Session): Promise<void> {
  if (from === "account") await post("/api/v1/logout", {}, token).catch(() => {});
}

/**
 * Reads who a pasted token speaks for. Only for display: whether the token is good is the server's
 * decision, made when the socket connects. Throws SignInError.
 */
export function sessionFromToken(text: string): Session {
  const token = text.trim().replace(/^Bearer\s+/i, "");
  const claims = readClaims(token);
  const id = claims?.sub ?? claims?.id;
  if (typeof id !== "string" && typeof id !== "number") throw new SignInError(t().notAToken);
  const name = [claims?.username, claims?.name].find((value) => typeof value === "string" && value !== "");
  return { token, user: { id: String(id), name: typeof name === "string" ? name : String(id) }, from: "token" };
}

async function post(path: string, body: object, token?: string): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    });
  } catch {
    throw new SignInError(t().unreachable);
  }
  const answer: unknown = response.status === 204 ? {} : await response.json().catch(() => undefined);
  if (response.ok) return answer;
  const { code = "", detail = "", field, limit } = (isRecord(answer) ? answer : {}) as { code?: string; detail?: string; field?: string; limit?: number };
  const why = explainRefusal({ code, message: detail, ...(field !== undefined && { field }), ...(limit !== undefined && { limit }) });
  throw new SignInError(why || t().refusedSignIn(response.status), response.status);
}

function accountSession(answer: unknown): Session {
  const { token, user } = answer as { token: string; user: { userId: string; username: string; login?: string } };
  return { token, user: { id: user.userId, name: user.username, ...(user.login !== undefined && { login: user.login }) }, from: "account" };
}

/** When a token is to be renewed, in ms since 1970: well before its end. */
function renewAt(token: string): number {
  const { exp, iat } = readClaims(token) ?? {};
  if (typeof exp !== "number") return Infinity;
  const lasts = typeof iat === "number" ? (exp - iat) * 1000 : 2 * early;
  return exp * 1000 - Math.min(early, lasts / 2);
}

function readClaims(token: string): Record<string, unknown> | undefined {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

function isSession(value: unknown): value is Session {
  const { token, user, from } = (isRecord(value) ? value : {}) as Partial<Session>;
  return typeof token === "string" && (from === undefined || typeof from === "string") && isRecord(user) && typeof user.id === "string" && typeof user.name === "string";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
