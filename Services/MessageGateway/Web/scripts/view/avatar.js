import { element } from "./element.js";

const HUES = 12;
/** A character may carry any number of marks; an initial has room for two. */
const STACKED = /(\p{M}{2})\p{M}+/gu;
const segmenter = Intl.Segmenter && new Intl.Segmenter();

/** A round initial in a colour that follows from the username, the same for everyone. */
export function avatar(username, name) {
  return element("span", { class: `avatar hue-${hueOf(username)}`, "aria-hidden": "true" }, initials(name || username));
}

export function hueOf(username) {
  let hash = 2166136261;
  for (const character of username) hash = Math.imul(hash ^ character.codePointAt(0), 16777619);
  return (hash >>> 0) % HUES;
}

/** The first character, as readers count them; of two words in Latin letters one each. */
function initials(name) {
  const words = name.trim().split(/\s+/);
  const first = firstCharacter(words[0]);
  const second = words.length > 1 ? firstCharacter(words.at(-1)) : "";
  const latin = /^\p{Script=Latin}{2}$/u.test(first + second);
  return (latin ? first + second : first).replace(STACKED, "$1").toLocaleUpperCase();
}

function firstCharacter(word) {
  if (!segmenter) return Array.from(word)[0] ?? "";
  for (const { segment } of segmenter.segment(word)) return segment;
  return "";
}

/** A dot that says whether somebody is there; nothing when nothing is known. */
export function presenceDot(state) {
  if (!state) return null;
  return element("span", { class: `presence ${state}` }, element("span", { class: "only-spoken", text: `presence.${state}` }));
}
