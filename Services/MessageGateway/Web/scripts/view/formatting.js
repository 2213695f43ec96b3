import { sameName } from "../model/mentions.js";
import { element } from "./element.js";
import { inline, marker } from "./inline.js";

/** A text without any of these is shown as it is. */
const PERHAPS = /[*_~`>@]|^\s{0,3}(?:[-•]|\d{1,3}[.)])\s|https?:/mu;
const ITEM = /^ {0,3}(?:[-*•]|(\d{1,3})[.)])\s+(?=\S)/;
const CLOSING = /^```\s*$/;
const FENCE = /^```[\w+#.-]{0,20}\s*$/;
/** Up to three pictures and nothing else. */
const PICTURES = /^(?:\p{Extended_Pictographic}(?:\ufe0f|\u200d\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s*){1,3}$/u;

/**
 * A message's text as nodes: bold, italic, struck, code, blocks of code, quotes, lists, links and names. Its marks stay in it, hidden, so that
 * the nodes' text is the message's, character for character, whatever it is.
 *
 * `me`: the reader's username; `mentions`: whom the message names, if the server tells.
 */
export function formatted(text, { me, mentions } = {}) {
  if (!PERHAPS.test(text)) return [text];
  const context = { mentions, isMe: (name) => me !== undefined && sameName(name, me) };
  const lines = text.split("\n");
  // Beyond this no fence is closed, and none need be looked for.
  context.lastFence = lines.findLastIndex((line) => CLOSING.test(line));
  const nodes = [];
  for (let index = 0; index < lines.length; ) {
    const block = codeBlock(lines, index, context) ?? run(lines, index, ">", quote, context) ?? run(lines, index, ITEM, list, context);
    if (!block) {
      nodes.push(...inline(lines[index], context));
      index += 1;
      if (index < lines.length) nodes.push(startsBlock(lines, index, context) ? marker("\n") : "\n");
      continue;
    }
    nodes.push(block.node);
    index = block.next;
    if (index < lines.length) nodes.push(marker("\n"));
    // A block stands apart by itself: the empty line after it adds none.
    if (lines[index] === "" && index + 1 < lines.length) {
      nodes.push(marker("\n"));
      index += 1;
    }
  }
  return nodes;
}

export const isPictures = (text) => text.length <= 40 && PICTURES.test(text);

/** What a message says, in one line, for where there is no place for more. */
export function excerpt(text, length = 140) {
  const line = text.replace(/```[\w+#.-]{0,20}/g, " ").replace(/`|\*\*|~~/g, "").replace(/\s+/g, " ").trim();
  const characters = [...line.slice(0, length * 2)];
  return characters.length > length ? `${characters.slice(0, length).join("")}…` : line;
}

function startsBlock(lines, index, context) {
  return lines[index].startsWith(">") || ITEM.test(lines[index]) || (FENCE.test(lines[index]) && closingFence(lines, index, context) > 0);
}

function closingFence(lines, index, { lastFence }) {
  for (let end = index + 1; end <= lastFence; end++) if (CLOSING.test(lines[end])) return end;
  return -1;
}

function codeBlock(lines, index, context) {
  if (!FENCE.test(lines[index])) return null;
  const end = closingFence(lines, index, context);
  if (end < 0) return null;
  const code = lines.slice(index + 1, end).join("\n");
  const before = marker(`${lines[index]}\n`);
  const after = marker(code === "" && end === index + 1 ? lines[end] : `\n${lines[end]}`);
  return { node: element("pre", { class: "code-block", tabindex: "0" }, before, element("code", {}, code), after), next: end + 1 };
}

/** Lines one below another that begin alike. */
function run(lines, index, begins, make, context) {
  const fits = (line) => (typeof begins === "string" ? line.startsWith(begins) : begins.test(line));
  let end = index;
  while (end < lines.length && fits(lines[end])) end += 1;
  return end === index ? null : { node: make(lines.slice(index, end), context), next: end };
}

function quote(lines, context) {
  const nodes = lines.flatMap((line, index) => {
    const mark = line.startsWith("> ") ? "> " : ">";
    return [index > 0 ? "\n" : null, marker(mark), ...inline(line.slice(mark.length), context)];
  });
  return element("blockquote", { class: "quote" }, ...nodes);
}

function list(lines, context) {
  const first = ITEM.exec(lines[0])[1];
  const items = lines.map((line, index) => {
    const [mark] = ITEM.exec(line);
    return element("li", {}, marker(mark), ...inline(line.slice(mark.length), context), index < lines.length - 1 ? marker("\n") : null);
  });
  return first === undefined
    ? element("ul", { class: "text-list" }, ...items)
    : element("ol", { class: "text-list", start: first }, ...items);
}
