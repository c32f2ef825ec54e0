import { browser, load, save } from "../storage";

const key = "sockeye:sound";
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";

// Two soft tones, the second a fourth above the first.
const tones = [
  { at: 0, hertz: 659.26 },
  { at: 0.11, hertz: 880 },
];
const length = 0.35; // s, of each
const loudness = 0.12; // of 1
const least = 0.0001; // an exponential never comes to nothing
const rest = 2000; // ms: many messages at once are one sound

/** The sound of a message on this device, made in the browser. */
export class Sound {
  #isOn = $state(load(browser, key, isBoolean, true));
  #context: AudioContext | undefined;
  #playedAt = -Infinity;

  get isOn(): boolean {
    return this.#isOn;
  }

  set isOn(isOn: boolean) {
    this.#isOn = isOn;
    save(browser, key, isOn);
    this.#playedAt = -Infinity;
    this.play(); // how it sounds
  }

  /** Browsers let pages be heard that were clicked on; before that, and where there is no sound, this does nothing. */
  play(): void {
    const now = performance.now();
    if (!this.#isOn || now - this.#playedAt < rest || !navigator.userActivation?.hasBeenActive || !globalThis.AudioContext) return;
    this.#playedAt = now;
    this.#context ??= new AudioContext();
    void this.#context.resume().catch(() => {});
    for (const tone of tones) ring(this.#context, tone.hertz, this.#context.currentTime + tone.at);
  }
}

function ring(context: AudioContext, hertz: number, at: number): void {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = hertz;
  gain.gain.setValueAtTime(least, at);
  gain.gain.exponentialRampToValueAtTime(loudness, at + 0.015);
  gain.gain.exponentialRampToValueAtTime(least, at + length);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + length);
}
