import { element } from "./element.js";

const ADDRESS = /https?:\/\/[^\s<>"'「」『』（）【】《》，。；：！？、]+/y;

/** The http address that begins at a place of a text, or null. */
export function addressAt(text, index) {
  ADDRESS.lastIndex = index;
  const found = ADDRESS.exec(text)?.[0];
  if (!found) return null;
  const address = trimmed(found);
  return URL.canParse?.(address) ? address : null;
}

/** One of our own leads within the page; all others lead to a new one that knows nothing of this one. */
export function link(address) {
  const own = new URL(address);
  if (own.origin === location.origin && own.pathname.startsWith("/room/")) return element("a", { href: own.pathname + own.search }, address);
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, address);
}

/** The full stop or bracket after an address belongs to the sentence. */
function trimmed(address) {
  let end = address.replace(/[.,;:!?]+$/, "");
  if (end.endsWith(")") && !end.includes("(")) end = end.slice(0, -1);
  return end;
}
