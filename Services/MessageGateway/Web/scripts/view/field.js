import { language } from "../words/language.js";
import { element, icon } from "./element.js";

let made = 0;

/** A labelled input with a hint below it. */
export function field({ label, hint, ...attributes }) {
  const id = `field-${++made}`;
  const input = element("input", { id, class: "input", "aria-describedby": hint ? `${id}-hint` : null, ...attributes });
  const box = element("div", { class: "input-box" }, input);
  const said = element("label", { class: "field-label", for: id, text: label });
  const hinted = hint ? element("p", { class: "field-hint", id: `${id}-hint`, text: hint }) : null;
  const whole = element(
    "div",
    { class: "field" },
    said,
    box,
    hinted,
  );
  /** Asks for something else from now on. */
  const say = (otherLabel, otherHint) => {
    language.bind(said, "text", otherLabel);
    if (hinted) language.bind(hinted, "text", otherHint);
  };
  return { whole, input, box, say };
}

/** A password that its writer can look at. */
export function passwordField(options) {
  const made = field({ type: "password", required: true, ...options });
  const show = element("button", { type: "button", class: "icon-button reveal", "aria-pressed": "false" }, icon("eye"));
  const say = () => language.bind(show, "aria-label", made.input.type === "password" ? "account.showPassword" : "account.hidePassword");
  show.addEventListener("click", () => {
    made.input.type = made.input.type === "password" ? "text" : "password";
    show.setAttribute("aria-pressed", String(made.input.type === "text"));
    say();
  });
  say();
  made.box.append(show);
  return made;
}

/** Where a form says what is wrong. */
export function formError() {
  const whole = element("p", { class: "form-error", role: "alert", hidden: true });
  return {
    whole,
    /** `source`: a key of words, or a function that gives the text. */
    show(source) {
      whole.hidden = false;
      language.bind(whole, "text", source);
    },
    clear() {
      language.unbind(whole);
      whole.hidden = true;
      whole.textContent = "";
    },
  };
}
