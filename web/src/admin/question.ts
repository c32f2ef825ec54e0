/** What is asked before something is done. */
export interface Question {
  title: string;
  text: string;
  /** The word on the button. */
  action: string;
  /** Set for a block; without an address that is asked for too. */
  block?: { address?: string };
  /** Throws an Error whose message can be shown. */
  run: (given: { address: string; seconds: number; reason: string }) => Promise<void>;
}
