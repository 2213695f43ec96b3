import { language } from "../words/language.js";
import { avatar } from "./avatar.js";
import { element } from "./element.js";

const SHOWN = 8;
/** `@` and part of a name, `:` and part of an emoji's name, right before the place of writing. */
const BEGUN = /(?:^|[\s(（「，。、！？>*_~])([@:])([\p{L}\p{M}\p{N}._+-]{0,32})$/u;

/** Offers names of people and of emoji while they are being written: arrows choose, Enter or Tab takes, Escape leaves. */
export class Completion {
  whole = element("ul", { class: "completion", id: "completion", role: "listbox", label: "compose.suggestions", hidden: true });
  #text;
  #members;
  #changed;
  #offers = [];
  #chosen = 0;
  #left = null;
  #asked = 0;

  /** `members()`: a promise of who may be named here; `changed()`: the text is another. */
  constructor(text, { members, changed }) {
    this.#text = text;
    this.#members = members;
    this.#changed = changed;
    text.setAttribute("aria-autocomplete", "list");
    text.addEventListener("blur", () => this.#hide());
    text.addEventListener("click", () => this.look());
    text.addEventListener("compositionend", () => this.look());
  }

  /** After each change of the text. */
  async look() {
    const begun = this.#begun();
    const turn = ++this.#asked;
    if (!begun || (begun.sign === ":" && begun.part.length < 2) || this.#left === begun.start) return this.#hide(begun);
    const offers = await (begun.sign === "@" ? this.#people(begun.part) : emoji(begun.part)).catch(() => []);
    if (turn !== this.#asked) return;
    this.#offers = offers;
    this.#chosen = 0;
    if (offers.length === 0) return this.#hide(begun);
    this.#render();
  }

  /** Whether the key was for the offers. */
  pressed(event) {
    if (this.whole.hidden || event.ctrlKey || event.metaKey || event.altKey) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.#chosen = (this.#chosen + step + this.#offers.length) % this.#offers.length;
      this.#render();
    } else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") {
      this.#take(this.#offers[this.#chosen]);
    } else if (event.key === "Escape") {
      this.#left = this.#begun()?.start ?? null;
      this.#hide();
      event.stopPropagation();
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  #begun() {
    const { value, selectionStart, selectionEnd } = this.#text;
    if (selectionStart !== selectionEnd) return null;
    const found = BEGUN.exec(value.slice(Math.max(0, selectionStart - 40), selectionStart));
    if (!found) return null;
    return { sign: found[1], part: found[2], start: selectionStart - found[2].length - 1, end: selectionStart };
  }

  async #people(part) {
    const wanted = part.normalize("NFKC").toLowerCase();
    const rank = ({ username, displayName }) => {
      const [user, shown] = [username.normalize("NFKC").toLowerCase(), displayName.normalize("NFKC").toLowerCase()];
      return user.startsWith(wanted) ? 0 : shown.startsWith(wanted) ? 1 : user.includes(wanted) || shown.includes(wanted) ? 2 : 3;
    };
    const found = (await this.#members()).map((member) => ({ member, rank: rank(member) })).filter((one) => one.rank < 3);
    found.sort((a, b) => a.rank - b.rank || a.member.username.localeCompare(b.member.username));
    return found.slice(0, SHOWN).map(({ member: { username, displayName } }) => ({
      text: `@${username} `,
      show: () => [avatar(username, displayName), element("bdi", { class: "completion-name" }, displayName), element("bdi", { class: "completion-note" }, `@${username}`)],
    }));
  }

  #take(offer) {
    const begun = this.#begun();
    if (!begun || !offer) return this.#hide();
    this.#text.setRangeText(offer.text, begun.start, begun.end, "end");
    this.#hide();
    this.#changed();
  }

  #hide(begun) {
    // Left by Escape counts for this word only.
    if (begun !== undefined && this.#left !== (begun?.start ?? null)) this.#left = null;
    this.whole.hidden = true;
    this.#offers = [];
    this.#text.removeAttribute("aria-activedescendant");
    this.#text.removeAttribute("aria-controls");
  }

  #render() {
    const items = this.#offers.map((offer, index) =>
      element(
        "li",
        {
          class: "completion-item",
          id: `completion-${index}`,
          role: "option",
          "aria-selected": String(index === this.#chosen),
          on: {
            // Before the text loses the focus.
            pointerdown: (event) => {
              event.preventDefault();
              this.#take(offer);
            },
          },
        },
        ...offer.show(),
      ),
    );
    this.whole.replaceChildren(...items);
    this.whole.hidden = false;
    items[this.#chosen].scrollIntoView({ block: "nearest" });
    this.#text.setAttribute("aria-controls", "completion");
    this.#text.setAttribute("aria-activedescendant", `completion-${this.#chosen}`);
  }
}

async function emoji(part) {
  const { findEmoji } = await import("../emoji/find.js");
  return (await findEmoji(part, SHOWN)).map(({ sign, names }) => ({
    text: `${sign} `,
    show: () => [
      element("span", { class: "completion-sign", "aria-hidden": "true" }, sign),
      element("span", { class: "completion-name" }, names[language.current] || names.en),
    ],
  }));
}
