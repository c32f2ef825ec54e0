import { w } from "../words/filesinsight";
import { decode } from "./audio.svelte";

/** How long one may speak, in seconds. */
export const longest = 300;
const bitrate = 32_000; // bits a second: speech
const every = 100; // ms between looks at how loud it is

/** What browsers record in, the best for all to play first. */
const types = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];
const endings: Record<string, string> = { "audio/webm": "webm", "audio/ogg": "ogg", "audio/mp4": "m4a" };

/** A voice message that is recorded and listened to before it is sent. */
export class Recording {
  state = $state<"asking" | "recording" | "recorded" | "failed">("asking");
  problem = $state("");
  seconds = $state(0);
  /** How loud it was, every 100 ms: 0 to 1. */
  levels = $state.raw<readonly number[]>([]);
  file: File | undefined;
  /** To listen to; undefined where the browser does not decode what it records. */
  buffer = $state.raw<AudioBuffer | undefined>();
  #recorder: MediaRecorder | undefined;
  #stream: MediaStream | undefined;
  #context: AudioContext | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isOver = false;

  async start(): Promise<void> {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
      this.#stream = stream;
      if (this.#isOver) return this.#release();
      this.#record(stream);
    } catch (error) {
      const isDenied = error instanceof DOMException && (error.name === "NotAllowedError" || error.name === "SecurityError");
      this.#fail(isDenied ? w().microphoneDenied : w().noMicrophone);
    }
  }

  /** Ends the recording, which can be listened to and sent then. */
  stop(): void {
    if (this.#recorder?.state === "recording") this.#recorder.stop();
  }

  /** Nothing is left of it, and the microphone is free. */
  discard(): void {
    this.#isOver = true;
    this.stop();
    this.#release();
  }

  #record(stream: MediaStream): void {
    const mimeType = types.find((type) => MediaRecorder.isTypeSupported(type));
    const recorder = (this.#recorder = new MediaRecorder(stream, { audioBitsPerSecond: bitrate, ...(mimeType && { mimeType }) }));
    const chunks: Blob[] = [];
    recorder.ondataavailable = ({ data }) => data.size > 0 && chunks.push(data);
    recorder.onstop = () => void this.#finish(chunks, recorder.mimeType);
    recorder.onerror = () => this.#fail(w().noMicrophone);
    recorder.start(1000);
    this.#watch(stream);
    this.state = "recording";
  }

  /** Looks how loud it is, and how long. */
  #watch(stream: MediaStream): void {
    const began = performance.now();
    const context = (this.#context = new AudioContext());
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const most = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      this.levels = [...this.levels, Math.min(1, most)];
      this.seconds = (performance.now() - began) / 1000;
      if (this.seconds >= longest) this.stop();
    }, every);
  }

  async #finish(chunks: readonly Blob[], type: string): Promise<void> {
    this.#release();
    if (this.#isOver) return;
    const [plain = ""] = type.split(";");
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
    const file = new File([...chunks], `voice-${stamp}.${endings[plain] ?? "webm"}`, { type: plain });
    if (file.size === 0) return this.#fail(w().nothingRecorded);
    this.file = file;
    this.buffer = await decode(await file.arrayBuffer()).catch(() => undefined);
    if (this.buffer) this.seconds = this.buffer.duration;
    this.state = "recorded";
  }

  #fail(problem: string): void {
    this.#release();
    this.problem = problem;
    this.state = "failed";
  }

  #release(): void {
    clearInterval(this.#timer);
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    void this.#context?.close().catch(() => {});
    this.#stream = this.#context = undefined;
  }
}
