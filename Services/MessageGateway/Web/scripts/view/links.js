import { element } from "./element.js";

const ADDRESS = /https?:\/\/[^\s<>"'「」『』（）【】《》，。；：！？、]+/g;

/** A text as nodes: what is an http address becomes a link, all else stays text; together they are the text, character for character. */
export function linked(text) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    if (!URL.canParse?.(address)) continue;
    if (match.index > done) nodes.push(text.slice(done, match.index));
    nodes.push(element("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, address));
    done = match.index + address.length;
  }
  if (done < text.length) nodes.push(text.slice(done));
  return nodes;
}

/** The full stop or bracket after an address belongs to the sentence. */
function trimmed(address) {
  let end = address.replace(/[.,;:!?]+$/, "");
  if (end.endsWith(")") && !end.includes("(")) end = end.slice(0, -1);
  return end;
}
