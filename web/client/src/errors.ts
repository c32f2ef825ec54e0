import type { Refusal } from "./wire.js";

/** The server said no. `message` is written for people; `code` never changes its meaning. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly code: string;
  /** Seconds after which the same may succeed. */
  readonly retryAfter: number | undefined;

  constructor(readonly refusal: Refusal) {
    super(refusal.message);
    this.code = refusal.code;
    this.retryAfter = refusal.retryAfter;
  }
}

/** No answer came: there is no connection, it broke, or the server is slow. */
export class Unanswered extends Error {
  override readonly name = "Unanswered";

  /** `transmitted`: the command went out, and may have been carried out. */
  constructor(
    message: string,
    readonly transmitted: boolean,
  ) {
    super(message);
  }
}
