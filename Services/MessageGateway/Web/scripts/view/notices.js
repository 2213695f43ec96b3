import { language } from "../words/language.js";
import { element } from "./element.js";

const SHOWN_MS = 6000;
/** Of those that were not yet gone, the newest are shown. */
const MOST = 4;

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
    this.whole.append(notice);
    setTimeout(() => notice.remove(), SHOWN_MS);
  }
}
