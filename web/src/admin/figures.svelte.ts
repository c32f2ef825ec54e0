import { type Api, type FiguresAnswer, Refusal, type Sample } from "./api";

export type State = "connecting" | "live" | "lost";

interface Shown {
  samples: Sample[];
  about: Omit<FiguresAnswer, "samples"> | undefined;
  state: State;
}

/** Follows the server's figures and keeps those of the last ten minutes. */
export class Figures {
  // One value, so that what is shown is always of one moment.
  #shown = $state.raw<Shown>({ samples: [], about: undefined, state: "connecting" });

  readonly #api: Api;
  readonly #onRefused: (refusal: Refusal) => void;
  #ended = new AbortController();

  /** onRefused is called when the server lets the caller see nothing any more. */
  constructor(api: Api, onRefused: (refusal: Refusal) => void) {
    this.#api = api;
    this.#onRefused = onRefused;
  }

  get samples(): Sample[] {
    return this.#shown.samples;
  }

  get about(): Shown["about"] {
    return this.#shown.about;
  }

  get state(): State {
    return this.#shown.state;
  }

  async start(): Promise<void> {
    const { signal } = this.#ended;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#api.follow(signal, (name, data) => {
          attempt = 0;
          this.#hear(name, data);
        });
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refusal && (error.status === 401 || error.status === 403)) return this.#onRefused(error);
      }
      if (signal.aborted) return;
      this.#shown = { ...this.#shown, state: "lost" };
      await pause(Math.min(1000 * 2 ** attempt, 15_000), signal);
    }
  }

  stop(): void {
    this.#ended.abort();
  }

  #hear(name: string, data: unknown): void {
    if (name === "figures") {
      const { samples, ...about } = data as FiguresAnswer;
      this.#shown = { samples, about, state: "live" };
    } else if (name === "sample") {
      this.#shown = { ...this.#shown, samples: [...this.samples, data as Sample].slice(-300), state: "live" };
    } else if (name === "end") {
      this.stop();
      this.#onRefused(new Refusal(403, (data as { reason: string }).reason, ""));
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
