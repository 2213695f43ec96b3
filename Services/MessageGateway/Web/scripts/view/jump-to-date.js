import "./dialog-words.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, formError } from "./field.js";
import { language } from "../words/language.js";

/** Asks for a day, and brings the reader to the first message of it or after it. */
export function jumpToDate({ chat, log }) {
  const error = formError();
  const today = new Date();
  const local = new Date(today - today.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
  const day = field({ label: "jump.day", name: "day", type: "date", max: local, value: local, required: true });
  const form = element(
    "form",
    { class: "stack", novalidate: true },
    error.whole,
    day.whole,
    element(
      "div",
      { class: "dialog-actions" },
      element("button", { type: "button", class: "button quiet", text: "action.cancel", on: { click: () => dialog.close() } }),
      element("button", { type: "submit", class: "button primary", text: "jump.go" }),
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // At its beginning, by the reader's clock.
    const time = new Date(`${day.input.value}T00:00:00`);
    if (Number.isNaN(time.getTime())) return error.show("jump.noDay");
    try {
      const found = await chat.reader.showTime(log, time);
      if (!found) return error.show("jump.nothing");
      dialog.close();
    } catch (failure) {
      error.show(() => language.describe(failure));
    }
  });
  const dialog = openDialog({ title: "jump.title" }, form);
  day.input.focus();
}
