import { Abilities } from "../model/abilities.js";
import { language } from "../words/language.js";
import { element, icon, iconButton } from "./element.js";
import { loadStyles } from "./styles.js";

/**
 * A view of several parts, each with an address of its own, one shown at a time.
 *
 * A part: {name, title, icon, needs?, load}. `load()` gives a module with `show(context)`, which makes what is shown; context: {chat, notices,
 * params, signal, again()}. Parts that need a method which the server has not are not offered.
 */
export class PartsView {
  whole;
  #chat;
  #notices;
  #path;
  #parts;
  #nav;
  #content = element("div", { class: "part", tabindex: "-1" });
  #stop = null;
  #shown = null;

  constructor(chat, { notices, back, place, path, title, parts }) {
    this.#chat = chat;
    this.#notices = notices;
    this.#path = path;
    this.#parts = parts;
    this.#nav = element("nav", { class: "part-nav", label: title }, ...parts.map((part) => this.#link(part)));
    this.whole = element(
      "section",
      { class: "parts", "aria-labelledby": "parts-title" },
      element(
        "header",
        { class: "room-top" },
        iconButton("back", "room.back", back, { class: "only-narrow" }),
        element("div", { class: "room-names" }, element("h2", { class: "room-name", id: "parts-title", tabindex: "-1", text: title })),
      ),
      element("div", { class: "parts-body" }, this.#nav, this.#content),
    );
    this.#place = place;
  }

  #place;

  async shown() {
    this.whole.querySelector("h2").focus();
    await Promise.all(["/styles/parts.css", "/styles/overlays.css"].map(loadStyles));
    this.go(this.#place);
  }

  stop() {
    this.#stop?.abort();
    this.#shown = null;
  }

  go({ part, params }) {
    const found = this.#parts.find((one) => one.name === part) ?? this.#parts[0];
    for (const link of this.#nav.children) {
      if (link.dataset.part === found.name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.#center();
    return this.#show(found, params);
  }

  #center() {
    this.#nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }

  async #show(part, params) {
    this.#stop?.abort();
    const stop = (this.#stop = new AbortController());
    const again = () => !stop.signal.aborted && this.#show(part, params);
    if (this.#shown !== part) this.#content.replaceChildren(element("p", { class: "timeline-note loading", role: "status", text: "app.loading" }));
    this.#shown = part;
    try {
      const { show } = await part.load();
      const made = await show({ chat: this.#chat, notices: this.#notices, params, signal: stop.signal, again });
      if (stop.signal.aborted) return;
      this.#put(element("h3", { class: "part-title", text: part.title }), ...[made].flat().filter(Boolean));
    } catch (error) {
      if (stop.signal.aborted) return;
      this.#content.replaceChildren(
        element("h3", { class: "part-title", text: part.title }),
        element("p", { class: "form-error", role: "alert", text: () => language.describe(error) }),
        element("button", { type: "button", class: "button", text: "message.retry", on: { click: again } }),
      );
    }
  }

  /** What is shown anew keeps the keyboard where it was: on the control of the same name, or the same one of several. */
  #put(...nodes) {
    const before = document.activeElement;
    const wanted = this.#content.contains(before) && before !== this.#content ? nameOf(before) : null;
    const index = wanted === null ? -1 : this.#named(wanted).indexOf(before);
    this.#content.replaceChildren(...nodes);
    if (index < 0) return;
    const there = this.#named(wanted);
    (there[Math.min(index, there.length - 1)] ?? this.#content).focus({ preventScroll: true });
  }

  #named(name) {
    return [...this.#content.querySelectorAll("a, button, input, select, summary, [tabindex]")].filter((node) => nameOf(node) === name);
  }

  #link({ name, title, icon: sign, needs }) {
    const link = element("a", { class: "part-link", href: `${this.#path}/${name}`, "data-part": name }, icon(sign), element("span", { text: title }));
    if (needs) {
      link.hidden = true;
      new Abilities(this.#chat).offers(needs).then((offered) => {
        link.hidden = !offered;
        // It moves those beside it, and may be the one that is shown.
        this.#center();
      });
    }
    return link;
  }
}

const nameOf = (node) => `${node.tagName} ${node.name ?? ""} ${node.getAttribute("aria-label") ?? (node.matches("button, a, summary") ? node.textContent : "")}`;
