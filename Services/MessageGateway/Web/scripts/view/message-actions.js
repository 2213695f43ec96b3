import { element, iconButton } from "./element.js";

/** One press away, for a message. */
const QUICK = ["👍", "❤️", "🎉"];

/**
 * What can be done with the message that the pointer or the keyboard is on: one toolbar, that goes from message to message.
 *
 * `can(message)` → {write, edit, delete}; `acts`: react(message, sign), choose(message, button), reply, edit, remove, copyLink, copyText.
 */
export class MessageActions {
  #list;
  #messageOf;
  #acts;
  #can;
  #bar = null;
  #item = null;

  constructor(list, { messageOf, can, acts }) {
    this.#list = list;
    this.#messageOf = messageOf;
    this.#acts = acts;
    this.#can = can;
    list.addEventListener("pointerover", (event) => event.pointerType === "mouse" && this.#show(event.target.closest(".message")));
    list.addEventListener("pointerleave", () => {
      if (!this.#bar?.contains(document.activeElement)) this.#show(null);
    });
    list.addEventListener("focusin", (event) => this.#show(event.target.closest(".message")));
    // On a touch screen a press on a message shows them, and another hides them.
    list.addEventListener("click", (event) => {
      if (event.pointerType !== "touch" || event.target.closest("a, button, summary, pre")) return;
      const item = event.target.closest(".message");
      this.#show(item === this.#item ? null : item);
    });
    list.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Whether a message's item has the keyboard. */
  get focused() {
    const item = document.activeElement?.closest?.(".message");
    return item && this.#list.contains(item) ? item : null;
  }

  #show(item) {
    if (item && !this.#list.contains(item)) item = null;
    if (item === this.#item && (!item || this.#bar?.isConnected)) return;
    this.#item?.classList.remove("active");
    this.#bar?.remove();
    this.#bar = null;
    this.#item = item;
    const message = item && this.#messageOf(item);
    if (!message || message.deleted) return;
    item.classList.add("active");
    this.#bar = this.#make(message);
    item.append(this.#bar);
  }

  #make(message) {
    const can = this.#can(message);
    const acts = this.#acts;
    const button = (icon, label, act) => iconButton(icon, label, act, { tabindex: "-1" });
    const quick = QUICK.map((sign) =>
      element(
        "button",
        { type: "button", class: "icon-button quick", tabindex: "-1", label: "message.reactWith", params: { reaction: sign }, on: { click: () => acts.react(message, sign) } },
        sign,
      ),
    );
    const buttons = [
      ...(can.write ? quick : []),
      can.write && button("smile", "message.react", (event) => acts.choose(message, event.currentTarget)),
      can.write && button("reply", "message.reply", () => acts.reply(message)),
      can.edit && button("pencil", "message.edit", () => acts.edit(message)),
      button("link", "message.copyLink", () => acts.copyLink(message)),
      button("copy", "message.copyText", () => acts.copyText(message)),
      can.delete && button("trash", "message.delete", () => acts.remove(message)),
    ].filter(Boolean);
    buttons[0].tabIndex = 0;
    const bar = element("div", { class: "message-actions", role: "toolbar", label: "message.actions" }, ...buttons);
    bar.addEventListener("keydown", (event) => along(event, buttons));
    return bar;
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.target.matches(".message")) return;
    const message = this.#messageOf(event.target);
    if (!message || message.deleted) return;
    const can = this.#can(message);
    const act = {
      r: can.write && this.#acts.reply,
      e: can.edit && this.#acts.edit,
      l: this.#acts.copyLink,
      c: this.#acts.copyText,
      Delete: can.delete && this.#acts.remove,
      "+": can.write && ((one) => this.#acts.choose(one, this.#bar?.querySelector("button") ?? event.target)),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act(message);
  }
}

/** In a toolbar the arrows go from button to button (ARIA Authoring Practices). */
function along(event, buttons) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  const next = buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length];
  for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
  next.focus();
}
