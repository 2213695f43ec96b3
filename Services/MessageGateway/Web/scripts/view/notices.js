import { language } from "../words/language.js";
import { element } from "./element.js";

const SHOWN_MS = 6000;
/** Of those that were not yet gone, the newest are shown. */
const MOST = 4;
const SETTLE_MS = 100;

/** Short messages at the edge of the page, spoken when they come, gone by themselves. */
export class Notices {
  whole = element("div", { class: "notices", role: "status" });

  fail(error) {
    this.#add(element("p", { class: "notice wrong", text: () => language.describe(error) }));
  }

  /** `key`: of words. */
  say(key, params) {
    this.#add(element("p", { class: "notice", text: key, params }));
  }

  /** One that stays until it is answered. */
  ask(key, action, act) {
    const notice = element(
      "div",
      { class: "notice asking" },
      element("span", { text: key }),
      element("button", { type: "button", class: "button small", text: action, on: { click: () => { notice.remove(); act(); } } }),
    );
    this.whole.append(notice);
  }

  #add(notice) {
    const passing = this.whole.querySelectorAll(".notice:not(.asking)");
    if (passing.length >= MOST) passing[0].remove();
    // A place that has just come is not listened to yet.
    if (this.#move()) setTimeout(() => this.whole.append(notice), SETTLE_MS);
    else this.whole.append(notice);
    setTimeout(() => notice.remove(), SHOWN_MS);
  }

  /** Outside of a modal dialog nothing is spoken, and it lies beneath: into the one that is open, if it is not there. */
  #move() {
    const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
    if (this.whole.parentElement === (dialog ?? document.body)) return false;
    (dialog ?? document.body).append(this.whole);
    dialog?.addEventListener("close", () => this.#move(), { once: true });
    return true;
  }
}
