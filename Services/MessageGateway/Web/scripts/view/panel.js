import { language } from "../words/language.js";
import { element } from "./element.js";
import { formError } from "./field.js";

/** A titled part of a settings page. */
export function panel(title, ...content) {
  return element("section", { class: "panel" }, title ? element("h4", { class: "panel-title", text: title }) : null, ...content);
}

/** A form of one button: `save()` does it, and what went wrong is said above. */
export function actionForm({ submit, danger = false, save }, ...content) {
  const error = formError();
  const button = element("button", { type: "submit", class: `button ${danger ? "danger" : "primary"}`, text: submit });
  const form = element("form", { class: "stack narrow", novalidate: true }, error.whole, ...content, element("div", { class: "form-actions" }, button));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    error.clear();
    // One that is disabled outright would lose the keyboard.
    button.setAttribute("aria-disabled", "true");
    try {
      await save(form, error);
    } catch (failure) {
      error.show(() => language.describe(failure));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
  return form;
}

/** A part that a server may lack: nothing then. */
export async function ifOffered(make) {
  try {
    return await make();
  } catch (error) {
    if (error.name === "method_not_found") return null;
    return element("p", { class: "form-error", role: "alert", text: () => language.describe(error) });
  }
}

/** One of several, chosen at once. `options`: [[value, key]]. */
export function choices(label, name, options, value, chosen) {
  return element(
    "fieldset",
    { class: "choices row-choices" },
    element("legend", { class: "field-label", text: label }),
    ...options.map(([option, text]) =>
      element(
        "label",
        { class: "choice" },
        element("input", { type: "radio", name, value: option, checked: option === value, on: { change: () => chosen(option) } }),
        element("span", { class: "choice-text" }, element("span", { class: "choice-name", text })),
      ),
    ),
  );
}
