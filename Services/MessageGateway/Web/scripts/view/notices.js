import { language } from "../words/language.js";
import { element } from "./element.js";

const SHOWN_MS = 6000;

/** Short messages at the edge of the page, spoken when they come, gone by themselves. */
export class Notices {
  whole = element("div", { class: "notices", role: "status" });

  fail(error) {
    this.#add(element("p", { class: "notice wrong", text: () => language.describe(error) }));
  }

  #add(notice) {
    this.whole.append(notice);
    setTimeout(() => notice.remove(), SHOWN_MS);
  }
}
