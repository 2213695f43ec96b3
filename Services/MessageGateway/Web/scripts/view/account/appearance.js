import { preferences } from "../../model/preferences.js";
import { language } from "../../words/language.js";
import { element } from "../element.js";
import { mayNotify } from "../notifier.js";
import { choices, panel } from "../panel.js";

/** How the page looks and speaks in this browser, and what it may show on the desktop. */
export function show({ notices, again }) {
  const notifying = async (value) => {
    if (value !== "off" && !(await mayNotify())) {
      notices.say("notify.refused");
      preferences.set("notify", "off");
      return again();
    }
    preferences.set("notify", value);
  };
  return [
    panel(
      null,
      choices("theme.label", "theme", [["system", "theme.system"], ["light", "theme.light"], ["dark", "theme.dark"]], preferences.theme, (value) => preferences.set("theme", value)),
    ),
    panel(
      null,
      choices("language.label", "language", [["zh-Hant", "language.zhHant"], ["en", "language.en"]], language.current, (value) => language.use(value)),
    ),
    panel(
      null,
      choices("notify.label", "notify", [["off", "notify.off"], ["mentions", "notify.mentions"], ["all", "notify.all"]], preferences.notify, notifying),
      element("p", { class: "field-hint", text: "notify.hint" }),
    ),
  ];
}
