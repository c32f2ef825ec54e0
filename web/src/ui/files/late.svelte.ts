import type * as Parts from "./parts";

// What the page needs only where somebody looks at files or sends some. It comes behind the rest of the page.

let loaded = $state.raw<typeof Parts | undefined>();
let isMissing = $state(false);
let loading: Promise<void> | undefined;

/** Those parts, once they are there. Whoever asks first has them loaded. */
export function parts(): typeof Parts | undefined {
  if (!loaded && !isMissing) loading ??= load();
  return loaded;
}

/** They could not be loaded: there is no connection, or the server has another build by now. */
export function areMissing(): boolean {
  return isMissing;
}

async function load(): Promise<void> {
  try {
    loaded = await import("./parts");
  } catch {
    isMissing = true;
    window.addEventListener("online", () => (isMissing = false), { once: true });
  } finally {
    loading = undefined;
  }
}

/** Browsers record in pages that are served securely only. */
export const canRecord = "mediaDevices" in navigator && "MediaRecorder" in window;
