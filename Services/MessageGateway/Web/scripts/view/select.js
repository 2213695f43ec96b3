import { element } from "./element.js";

let made = 0;

/** A labelled choice. `options`: [[value, key or function]]. */
export function select({ label, value, ...attributes }, options) {
  const id = `select-${++made}`;
  const input = element("select", { id, class: "input", ...attributes }, ...options.map(([option, text]) => element("option", { value: option, text })));
  if (value !== undefined) input.value = value;
  return { whole: element("div", { class: "field" }, element("label", { class: "field-label", for: id, text: label }), input), input };
}
