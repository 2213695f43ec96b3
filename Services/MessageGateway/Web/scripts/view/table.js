import en from "../words/lists/en.js";
import zhHant from "../words/lists/zh-Hant.js";
import { language } from "../words/language.js";
import { element } from "./element.js";

language.add({ en, "zh-Hant": zhHant });

/**
 * Rows as a table; on a narrow screen each row is a card that names its columns.
 *
 * `columns`: [{title (a key of words), cell(row) (a node, a text or null), kind? ("number", "actions")}].
 */
export function table(caption, columns, rows, { empty = "table.empty", captionParams } = {}) {
  if (rows.length === 0) return element("p", { class: "nothing", text: empty });
  return element(
    "div",
    { class: "table-place", tabindex: "0", role: "region", label: caption, params: captionParams },
    element(
      "table",
      { class: "table", role: "table" },
      element("caption", { class: "only-spoken", text: caption, params: captionParams }),
      element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...columns.map(({ title, kind }) => head(title, kind)))),
      element("tbody", { role: "rowgroup" }, ...rows.map((row) => element("tr", { role: "row" }, ...columns.map((column) => cell(column, row))))),
    ),
  );
}

function head(title, kind) {
  return kind === "actions" ? element("td", { class: "actions", role: "cell" }) : element("th", { scope: "col", role: "columnheader", class: kind ?? null, text: title });
}

function cell({ title, cell: make, kind }, row) {
  const made = make(row);
  const text = typeof made === "function";
  const content = text ? element("span", { text: made }) : (made ?? "–");
  const whole = element("td", { class: kind ?? null, role: "cell" }, content);
  if (title) language.bind(whole, "data-title", title);
  return whole;
}

/** A list that goes on: each `load(previous)` gives {rows, more}; a button brings the next ones. */
export async function pages(caption, columns, load, options) {
  const place = element("div", { class: "pages" });
  const all = [];
  const next = async () => {
    const { rows, more } = await load(all.at(-1));
    all.push(...rows);
    place.replaceChildren(
      table(caption, columns, all, options),
      ...(more ? [element("button", { type: "button", class: "button", text: "table.more", on: { click: (event) => again(event.currentTarget) } })] : []),
    );
  };
  const again = async (button) => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    await next().catch(() => button.removeAttribute("aria-disabled"));
    // The button is another one now, or none.
    if (document.activeElement === document.body) (place.querySelector(":scope > button") ?? place.firstElementChild).focus({ preventScroll: true });
  };
  await next();
  return place;
}
