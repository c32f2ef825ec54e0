import { language } from "../words/words.svelte";
import { en, type Words } from "./en";
import { zh } from "./zh";

/** The words of now, in the language that the user has chosen here or in the chat. */
export function words(): Words {
  return language() === "zh" ? zh : en;
}
