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
  chat: ["M4.5 5.5h15v10.5H11L6.5 20v-4h-2z"],
  smile: ["M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z", "M8.5 14c.9 1.3 2 2 3.5 2s2.6-.7 3.5-2", "M9 9.6v.4M15 9.6v.4"],
  reply: ["M9.5 6.5L4 12l5.5 5.5", "M4.5 12H14c3.5 0 6 2.2 6 6"],
  pencil: ["M4.5 19.5l.9-3.9L16.2 4.8a1.8 1.8 0 0 1 2.6 0l.4.4a1.8 1.8 0 0 1 0 2.6L8.4 18.6z", "M14.5 6.5l3 3"],
  link: ["M10 14a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7L11.6 6.7", "M14 10a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.5-1.5"],
  trash: ["M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.3 10.5v5.5M13.7 10.5v5.5"],
  copy: ["M9 9h10.5v10.5H9z", "M5.5 15H4.5V4.5H15v1"],
  gear: ["M4 8h7M15 8h5M4 16h3M11 16h9", "M13 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z", "M9 18.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z"],
  calendar: ["M4.5 6h15v14h-15z", "M4.5 10.5h15M8.5 3.5V8M15.5 3.5V8"],
  more: ["M6 12a.5.5 0 1 1-1 0 .5.5 0 0 1 1 0zM12.5 12a.5.5 0 1 1-1 0 .5.5 0 0 1 1 0zM19 12a.5.5 0 1 1-1 0 .5.5 0 0 1 1 0z"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  shield: ["M12 3.5l7.5 3v5.5c0 4.5-3.1 7.3-7.5 8.5-4.4-1.2-7.5-4-7.5-8.5V6.5z"],
  chart: ["M5 20V11M12 20V4.5M19 20v-6"],
  user: ["M12 11.5a3.800 3.800 0 1 0 0-7.6 3.800 3.800 0 0 0 0 7.6z", "M4.5 20.5c.6-4 3.4-6 7.5-6s6.9 2 7.5 6"],
  bell: ["M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15z", "M10 20.5h4"],
  keyboard: ["M3 6.5h18v11H3z", "M7 10.5h.01M10.3 10.5h.01M13.7 10.5h.01M17 10.5h.01M8 14h8"],
  moon: ["M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z"],
  at: ["M12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z", "M15.5 8.5v5a2.5 2.5 0 0 0 5 0V12a8.5 8.5 0 1 0-3.5 6.9"],
  download: ["M12 4v11M7 10.5l5 5 5-5M5 20h14"],
  database: ["M12 9c4 0 7-1.1 7-2.5S16 4 12 4 5 5.1 5 6.5 8 9 12 9z", "M5 6.5v11C5 18.9 8 20 12 20s7-1.1 7-2.5v-11M5 12c0 1.4 3 2.5 7 2.5s7-1.1 7-2.5"],
  list: ["M8.5 6.5H20M8.5 12H20M8.5 17.5H20M4.5 6.5h.01M4.5 12h.01M4.5 17.5h.01"],
  key: ["M8 17a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M11 10.5l8.5-6M16 7l2.5 3.5"],
  refresh: ["M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9M19.5 4.5V9H15"],
  play: ["M8 5.5l11 6.5-11 6.5z"],
  clock: ["M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z", "M12 7.5V12l3 2"],
};

/** A button that shows only an icon; its label is spoken and is its tip. */
export function iconButton(name, label, listener, properties = {}) {
  const { class: extra = "", ...rest } = properties;
  return element("button", { type: "button", class: `icon-button ${extra}`, label, tip: label, on: { click: listener }, ...rest }, icon(name));
}
