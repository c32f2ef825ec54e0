const often = 5000; // ms

/** Something that is asked for again every few seconds while the page is seen, and at once when what is asked changes. */
export class Polled<T> {
  value = $state.raw<T | undefined>();
  problem = $state("");

  readonly #ask: () => Promise<T>;
  #turn = 0;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  /** Asks now. Of answers that overtake each other the last question's counts. */
  async refresh(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const value = await this.#ask();
      if (turn !== this.#turn) return;
      this.value = value;
      this.problem = "";
    } catch (error) {
      if (turn === this.#turn) this.problem = (error as Error).message;
    }
  }

  /** Begins to ask, every so many milliseconds; returns what ends it. Several may have it asked. */
  run(every = often): () => void {
    const timer = setInterval(() => document.visibilityState === "visible" && void this.refresh(), every);
    return () => {
      clearInterval(timer);
      this.#turn++;
    };
  }
}
