import { language } from "../../words/language.js";
import { element } from "../element.js";

/** The most of something, each with a bar behind it: a list that is its own table. `rows`: [{name, note?, value, href?}]. */
export function ranking(label, rows) {
  if (rows.length === 0) return element("p", { class: "nothing", text: "table.empty" });
  const most = Math.max(...rows.map(({ value }) => value), 1);
  return element(
    "ol",
    { class: "ranking", label },
    ...rows.map(({ name, note, value, href }) => {
      const meter = element("meter", { class: "ranking-bar", min: "0", max: most, value, "aria-hidden": "true" });
      const text = [element("bdi", { class: "ranking-name" }, name), note ? element("bdi", { class: "ranking-note" }, note) : null];
      return element(
        "li",
        { class: "ranking-row" },
        href ? element("a", { class: "ranking-label", href }, ...text) : element("span", { class: "ranking-label" }, ...text),
        meter,
        element("span", { class: "ranking-value", text: () => language.number(value) }),
      );
    }),
  );
}
