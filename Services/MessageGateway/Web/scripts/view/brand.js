import { element } from "./element.js";

const SVG = "http://www.w3.org/2000/svg";

/** Three lines that go on, the last of them live. */
export function mark() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "mark");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("aria-hidden", "true");
  const lines = [
    ["mark-line", "M7 9.5h18"],
    ["mark-line", "M7 16h12"],
    ["mark-line mark-live", "M7 22.5h8"],
    ["mark-line mark-live", "M21.5 22.5h.01"],
  ];
  for (const [name, d] of lines) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

export function brand() {
  return element("span", { class: "brand" }, mark(), element("span", { class: "brand-name", text: "app.name" }));
}
