import { language } from "../words/language.js";

let loading = null;

/** All emoji by group: [{name, emoji: [{sign, names, words}]}]; loaded once, when first wanted. */
export function allEmoji() {
  loading ??= fetch("/emoji/emoji.json")
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`${answer.status}`))))
    .then(({ groups }) =>
      groups.map(({ name, emoji }) => ({
        name,
        emoji: emoji.map(([sign, en, zh, moreEn, moreZh]) => ({
          sign,
          names: { en, "zh-Hant": zh || en },
          words: `${en} ${en.replaceAll(" ", "_")} ${moreEn} ${zh} ${moreZh}`.toLowerCase(),
        })),
      })),
    )
    .catch((error) => {
      loading = null;
      throw error;
    });
  return loading;
}

/** Those with a name in either language that has `part` in it; such as begin with it come first. */
export async function findEmoji(part, most) {
  const wanted = part.toLowerCase();
  const found = [];
  for (const { emoji } of await allEmoji()) {
    for (const one of emoji) {
      const at = one.words.indexOf(wanted);
      if (at < 0) continue;
      const begins = ` ${one.words}`.includes(` ${wanted}`);
      const whole = ` ${one.words} `.includes(` ${wanted} `);
      found.push({ one, rank: (whole ? 0 : begins ? 1 : 2) * 1000 + (one.names[language.current].toLowerCase().startsWith(wanted) ? 0 : 500) });
    }
  }
  return found.sort((a, b) => a.rank - b.rank).slice(0, most).map(({ one }) => one);
}
