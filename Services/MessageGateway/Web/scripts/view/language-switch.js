import { language } from "../words/language.js";
import { element } from "./element.js";

/** Each language by its own name, whichever is chosen. */
const NAMES = { "zh-Hant": "中文", en: "English" };

export function languageSwitch() {
  const buttons = Object.entries(NAMES).map(([tag, name]) =>
    element("button", { type: "button", class: "language", lang: tag, on: { click: () => language.use(tag) } }, name),
  );
  const mark = () => buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.lang === language.current)));
  language.addEventListener("change", mark);
  mark();
  return element("div", { class: "languages", role: "group", label: "language.label" }, ...buttons);
}
