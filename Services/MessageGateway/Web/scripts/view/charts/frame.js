import { element } from "../element.js";

/** A chart with what it was drawn from behind it, as a table. */
export function chartFrame(chart, legend, behind) {
  return element(
    "figure",
    { class: "chart-frame" },
    element("div", { class: "chart-place" }, chart),
    legend,
    element("details", { class: "chart-table" }, element("summary", { text: "charts.table" }), behind),
  );
}
