import { element } from "./element.js";

/** A dot that says whether somebody is there; nothing when nothing is known. */
export function presenceDot(state) {
  if (!state) return null;
  return element("span", { class: `presence ${state}` }, element("span", { class: "only-spoken", text: `presence.${state}` }));
}
