import { nameAfterAt } from "../model/mentions.js";
import { element } from "./element.js";
import { addressAt, link } from "./links.js";

const CANDIDATE = /`+|\*\*|\*|~~|_|https?:\/\/|@/g;
const TAGS = { "**": "strong", "*": "em", _: "em", "~~": "s" };
/** Marks within marks, at most. */
const DEPTH = 3;
const LETTER = /[A-Za-z0-9]/;

/** What marks something as formatted: there for whoever copies the nodes' text, hidden from who looks or listens. */
export const marker = (text) => element("span", { class: "marker" }, text);

/** One line as nodes. Time grows with its length, whatever it holds: a mark whose end was looked for in vain is not looked for again. */
export function inline(line, context, depth = 0) {
  const nodes = [];
  const dead = new Set();
  let done = 0;
  const put = (index, length, node) => {
    if (index > done) nodes.push(line.slice(done, index));
    nodes.push(node);
    done = index + length;
  };
  const candidate = new RegExp(CANDIDATE);
  for (let found; (found = candidate.exec(line)); candidate.lastIndex = Math.max(candidate.lastIndex, done)) {
    const [mark] = found;
    const { index } = found;
    if (mark.startsWith("http")) {
      const address = addressAt(line, index);
      if (address) put(index, address.length, link(address));
    } else if (mark === "@") {
      const name = LETTER.test(line[index - 1] ?? "") ? "" : nameAfterAt(line.slice(index + 1, index + 1 + 64), context.mentions);
      if (name) put(index, name.length + 1, mention(name, context));
    } else if (!dead.has(mark)) {
      const end = mark.startsWith("`") ? codeEnd(line, mark, index) : opens(line, mark, index) ? markEnd(line, mark, index) : null;
      if (end === -1) dead.add(mark);
      if (end === null || end === -1) continue;
      const inner = line.slice(index + mark.length, end);
      const tag = mark.startsWith("`") ? "code" : TAGS[mark];
      const content = tag === "code" || depth === DEPTH ? [inner] : inline(inner, context, depth + 1);
      put(index, end + mark.length - index, element(tag, {}, marker(mark), ...content, marker(mark)));
    }
  }
  if (done < line.length) nodes.push(line.slice(done));
  return nodes;
}

function mention(name, { isMe }) {
  return element("span", { class: isMe(name) ? "mention me" : "mention" }, `@${name}`);
}

function codeEnd(line, mark, index) {
  for (let end = line.indexOf(mark, index + mark.length); end >= 0; ) {
    let after = end + mark.length;
    while (line[after] === "`") after += 1;
    if (after === end + mark.length && end > index + mark.length) return end;
    end = line.indexOf(mark, after);
  }
  return -1;
}

/** 2 * 3 * 4 and a_name_like_this are what they are. */
function opens(line, mark, index) {
  const next = line[index + mark.length] ?? " ";
  if (/\s/.test(next) || next === mark[0]) return false;
  return mark === "**" || mark === "~~" || !LETTER.test(line[index - 1] ?? "");
}

/** Where the mark ends; -1 if nowhere in the rest of the line, which does not depend on where it began. */
function markEnd(line, mark, index) {
  for (let end = line.indexOf(mark, index + mark.length); end >= 0; end = line.indexOf(mark, end + 1)) {
    if (end === index + mark.length || /\s/.test(line[end - 1])) continue;
    if (mark === "**" || mark === "~~") return end;
    if (line[end + 1] === mark || line[end - 1] === mark) continue;
    if (!LETTER.test(line[end + 1] ?? "")) return end;
  }
  return -1;
}
