import { element, iconButton } from "./element.js";
import { loadStyles } from "./styles.js";

let made = 0;

/** Opens a modal dialog: focus stays in it, Escape closes it, and the focus then goes back to where it was. */
export function openDialog({ title, params, drawer = false, class: extra = "" }, ...content) {
  loadStyles("/styles/overlays.css");
  const id = `dialog-${++made}`;
  const before = document.activeElement;
  const dialog = element(
    "dialog",
    { class: `dialog ${drawer ? "drawer" : ""} ${extra}`.trim(), "aria-labelledby": id },
    element(
      "div",
      { class: "dialog-inside" },
      element(
        "header",
        { class: "dialog-top" },
        element("h2", { class: "dialog-title", id, text: title, params }),
        iconButton("close", "action.close", () => dialog.close()),
      ),
      ...content,
    ),
  );
  // A press on the backdrop is one on the dialog itself, outside all of its content.
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The browser goes back by itself, and what was chosen may have led elsewhere since; a control that was drawn anew is found by its name.
    if (document.activeElement !== document.body) return;
    const name = before?.dataset.action;
    (before?.isConnected ? before : name && document.querySelector(`[data-action="${name}"]`))?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks before something that cannot be taken back; `act` runs on yes. */
export function confirmDialog({ title, params, text, textParams, action, act }) {
  const dialog = openDialog(
    { title, params },
    element("p", { class: "dialog-text", text, params: textParams }),
    element(
      "div",
      { class: "dialog-actions" },
      element("button", { type: "button", class: "button quiet", text: "action.cancel", on: { click: () => dialog.close() } }),
      element("button", {
        type: "button",
        class: "button danger",
        text: action,
        on: {
          click: () => {
            dialog.close();
            act();
          },
        },
      }),
    ),
  );
  dialog.querySelector(".dialog-actions .button").focus();
}
