import { element } from "../element.js";

/** A chart with what it was drawn from behind it, as a table. `overTime`: where it is too wide for its place, the newest is looked at first. */
export function chartFrame(chart, legend, behind, { overTime = false } = {}) {
  const place = element("div", { class: "chart-place", tabindex: "0" }, chart);
  if (overTime) {
    // Once it is shown: it may be made long before.
    new ResizeObserver((_, seen) => {
      if (!place.isConnected) return;
      seen.disconnect();
      place.scrollTo({ left: place.scrollWidth, behavior: "instant" });
    }).observe(place);
  }
  return element(
    "figure",
    { class: "chart-frame" },
    place,
    legend,
    element("details", { class: "chart-table" }, element("summary", { text: "charts.table" }), behind),
  );
}
