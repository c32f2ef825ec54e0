/** What stands beside a message for a quick reaction. */
export const quickReactions: readonly string[] = ["👍", "❤️", "😂", "🎉", "👀"];

/** All that the picker offers. */
export const emoji: readonly string[] = Array.from(
  new Intl.Segmenter("en", { granularity: "grapheme" }).segment(
    "😀😃😄😁😅😂🙂😉😊😍😘😜🤔🤨😐😴😎🤓🥳😢😭😤😱😳🤗🤝👋👍👎👌✌️🤞👏🙌🙏💪👀❤️🧡💛💚💙💜💔✨⭐🔥🎉🎂🎁🏆💡✅❌❓❗⚠️⏰📌📎🔒🚀🐛🐟🌊☀️🌙🌈☕🍕🍎🍻",
  ),
  ({ segment }) => segment,
);
