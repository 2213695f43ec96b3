import { language } from "../words/language.js";

const SVG = "http://www.w3.org/2000/svg";

/** Builds an SVG element; `label` (a key of words or a function) is what it is called, `text` what it says; all else are attributes. */
export function svg(tag, { label, text, params, ...attributes } = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(name, value);
  if (label) language.bind(made, "aria-label", label, params);
  if (text) language.bind(made, "text", text, params);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
