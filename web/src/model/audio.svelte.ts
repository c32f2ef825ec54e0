/** So many samples a second are kept of speech: it has nothing above half of that worth hearing. */
const speechRate = 24_000;
/** So many of what is only drawn. */
const drawnRate = 8_000;

/** Decodes what was recorded. Throws when the browser cannot. */
export function decode(bytes: ArrayBuffer, rate = speechRate): Promise<AudioBuffer> {
  return new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
}

/** How loud it is, in so many parts: 0 to 1, the loudest is 1. */
export function peaksOf(buffer: AudioBuffer, count: number): number[] {
  const samples = buffer.getChannelData(0);
  const length = Math.max(1, Math.floor(samples.length / count));
  const peaks = Array.from({ length: count }, (_, i) => {
    let most = 0;
    for (const sample of samples.subarray(i * length, (i + 1) * length)) most = Math.max(most, Math.abs(sample));
    return most;
  });
  return evened(peaks, count);
}

/** As loud as peaksOf says, without keeping what was decoded. Throws when the browser cannot decode it. */
export async function drawn(bytes: ArrayBuffer, count: number): Promise<{ peaks: number[]; seconds: number }> {
  const buffer = await decode(bytes, drawnRate);
  return { peaks: peaksOf(buffer, count), seconds: buffer.duration };
}

/** Numbers of any scale as so many of 0 to 1. */
export function evened(values: readonly number[], count: number): number[] {
  const most = Math.max(...values, 1e-6);
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * values.length) / count);
    const part = values.slice(from, Math.max(from + 1, Math.floor(((i + 1) * values.length) / count)));
    return Math.max(...part, 0) / most;
  });
}

let context: AudioContext | undefined;
/** The one that is heard: one at a time. */
let heard: Playback | undefined;

/** Plays what was decoded, from anywhere. */
export class Playback {
  isPlaying = $state(false);
  /** Where it stands, in seconds. */
  position = $state(0);
  readonly buffer: AudioBuffer;
  #source: AudioBufferSourceNode | undefined;
  /** What the clock of the context said when position 0 would have begun. */
  #zero = 0;

  constructor(buffer: AudioBuffer) {
    this.buffer = buffer;
  }

  async play(): Promise<void> {
    heard?.pause();
    heard = this;
    context ??= new AudioContext();
    await context.resume();
    if (heard !== this) return; // something else was begun meanwhile
    if (this.position >= this.buffer.duration - 0.05) this.position = 0;
    const source = (this.#source = context.createBufferSource());
    source.buffer = this.buffer;
    source.connect(context.destination);
    source.onended = () => this.#source === source && this.#end();
    this.#zero = context.currentTime - this.position;
    source.start(0, this.position);
    this.isPlaying = true;
    this.#follow(source);
  }

  pause(): void {
    if (!this.#source) return;
    this.#stop();
    this.isPlaying = false;
  }

  seek(seconds: number): void {
    const wasPlaying = this.isPlaying;
    this.#stop();
    this.position = Math.min(Math.max(seconds, 0), this.buffer.duration);
    if (wasPlaying) void this.play();
  }

  #end(): void {
    this.#stop();
    this.isPlaying = false;
    this.position = 0;
  }

  #stop(): void {
    const source = this.#source;
    this.#source = undefined;
    source?.stop();
  }

  #follow(source: AudioBufferSourceNode): void {
    if (this.#source !== source) return;
    this.position = Math.min(context!.currentTime - this.#zero, this.buffer.duration);
    requestAnimationFrame(() => this.#follow(source));
  }
}
