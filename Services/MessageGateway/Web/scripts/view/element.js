import { language } from "../words/language.js";

/** What a property of `element` says, and the attribute that it is said in. */
const SPOKEN = { text: "text", label: "aria-label", tip: "title", placeholder: "placeholder" };

/**
 * Builds an element. Text only ever becomes text nodes and attribute values, so nothing that people write can become markup.
 *
 * Properties: `class`; `on` {event: listener}; `text`, `label`, `tip`, `placeholder` (a key of words, or a function, said anew when the
 * language changes) with `params`; anything else is an attribute (true: present, false, null: absent). Children: nodes and strings.
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  const { on, params, ...rest } = properties;
  for (const [name, value] of Object.entries(rest)) {
    if (name in SPOKEN) language.bind(made, SPOKEN[name], value, params);
    else if (typeof value === "boolean") made.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  for (const [event, listener] of Object.entries(on ?? {})) made.addEventListener(event, listener);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A line icon of 24 × 24, of the paths named in `icons`. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const d of icons[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

const icons = {
  back: ["M15 5l-7 7 7 7"],
  plus: ["M12 5v14M5 12h14"],
  close: ["M6 6l12 12M18 6L6 18"],
  hash: ["M9 4L7 20M17 4l-2 16M4 9h17M3 15h17"],
  lock: ["M6 11h12v9H6z", "M8.5 11V8a3.5 3.5 0 0 1 7 0v3"],
  people: ["M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z", "M2.5 20c.4-3.6 2.9-5.5 6.5-5.5s6.1 1.9 6.5 5.5", "M16 4.4a3.5 3.5 0 0 1 0 6.2M18 14.8c2 .7 3.2 2.5 3.5 5.2"],
  leave: ["M14 4H5v16h9", "M10 12h11M17.5 8.5L21 12l-3.5 3.5"],
  power: ["M12 3.5v8", "M7.2 6.5a8 8 0 1 0 9.6 0"],
  send: ["M5 12h13M12.5 6l6 6-6 6"],
  down: ["M12 5v14M6 13l6 6 6-6"],
  search: ["M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z", "M15.5 15.5L20 20"],
  eye: ["M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z", "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z"],
  alert: ["M12 4l9 16H3z", "M12 10v4.5M12 17.2v.3"],
  clock: ["M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z", "M12 7.5V12l3 2"],
};

/** A button that shows only an icon; its label is spoken and is its tip. */
export function iconButton(name, label, listener, properties = {}) {
  const { class: extra = "", ...rest } = properties;
  return element("button", { type: "button", class: `icon-button ${extra}`, label, tip: label, on: { click: listener }, ...rest }, icon(name));
}
