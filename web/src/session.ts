import type { TokenSource } from "@sockeye/client";
import { browser, forget, load, save, tab } from "./storage";
import { t } from "./words/words.svelte";

export interface User {
  id: string;
  name: string;
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

/** That of this tab, else the account that signed in with this browser last. */
export function restoreSession(): Session | undefined {
  return load<Session | undefined>(tab, key, isSession, undefined) ?? load<Session | undefined>(browser, key, isSession, undefined);
}

/** Accounts stay signed in; demo users live in their tab, so that two tabs can be two people. */
export function keepSession(session: Session): void {
  save(tab, key, session);
  if (session.from === "account") save(browser, key, session);
}

export function dropSession(): void {
  forget(tab, key);
  forget(browser, key);
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

/** The token is good no longer, anywhere. Best effort. */
export async function signOutOfAccount({ from, token }: Session): Promise<void> {
  if (from === "account") await post("/api/v1/logout", {}, token).catch(() => {});
}

/** What the client asks for tokens: the one at hand first, new ones when that ends or is refused. */
export function renewal(session: Session): TokenSource {
  if (session.from !== "demo" && session.from !== "account") return session.token;
  let isFirst = true;
  let { token } = session;
  return async () => {
    if (isFirst) {
      isFirst = false;
      return token;
    }
    try {
      const renewed =
        session.from === "demo"
          ? await signInAsDemoUser(session.user.name)
          : accountSession(await post("/api/v1/token/refresh", {}, token));
      token = renewed.token;
      keepSession(renewed);
      return token;
    } catch (error) {
      if (error instanceof SignInError && error.isFinal) return "";
      throw error; // tried again
    }
  };
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
  const { code, detail } = (isRecord(answer) ? answer : {}) as { code?: string; detail?: string };
  throw new SignInError((code && t().errors[code]) || detail || t().refusedSignIn(response.status), response.status);
}

function accountSession(answer: unknown): Session {
  const { token, user } = answer as { token: string; user: { userId: string; username: string } };
  return { token, user: { id: user.userId, name: user.username }, from: "account" };
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
