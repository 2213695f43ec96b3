import { allEmoji, findEmoji } from "../emoji/find.js";
import { language } from "../words/language.js";
import "./dialog-words.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";

const COLUMNS = 8;
const FOUND = 96;
const OFTEN = ["👍", "❤️", "😂", "🎉", "🙏", "👀", "✅", "🚀"];

/** A sheet of all emoji, with a search by name; `chosen` gets the one that is pressed. */
export async function chooseEmoji(chosen) {
  const sheet = element("div", { class: "emoji-sheet" });
  const search = element("input", {
    type: "search",
    class: "input",
    label: "emoji.find",
    placeholder: "emoji.find",
    autocomplete: "off",
    on: { input: () => show() },
  });
  const dialog = openDialog({ title: "emoji.title", class: "emoji-dialog" }, search, sheet);
  const take = (sign) => {
    dialog.close();
    chosen(sign);
  };
  const button = (sign, name) => element("button", { type: "button", class: "emoji", label: name, tip: name, tabindex: "-1", on: { click: () => take(sign) } }, sign);
  const group = (heading, buttons) =>
    element("section", {}, element("h3", { class: "emoji-heading", text: heading }), element("div", { class: "emoji-grid" }, ...buttons));
  const named = ({ sign, names }) => button(sign, () => names[language.current]);
  const show = async () => {
    const wanted = search.value.trim();
    const groups = await allEmoji();
    if (wanted !== search.value.trim()) return;
    if (wanted) {
      const found = await findEmoji(wanted, FOUND);
      sheet.replaceChildren(found.length ? group("emoji.found", found.map(named)) : element("p", { class: "rooms-note", role: "status", text: "emoji.none" }));
    } else {
      const often = group("emoji.often", OFTEN.map((sign) => button(sign, () => sign)));
      sheet.replaceChildren(often, ...groups.map(({ name, emoji }) => group(`emoji.group.${name.split(" ")[0].toLowerCase()}`, emoji.map(named))));
    }
    const first = sheet.querySelector(".emoji");
    if (first) first.tabIndex = 0;
  };
  sheet.addEventListener("keydown", (event) => walk(event, sheet));
  search.addEventListener("keydown", (event) => {
    const first = sheet.querySelector(".emoji");
    if (event.isComposing || event.keyCode === 229 || !first) return;
    if (event.key === "ArrowDown") {
      event.preventDefault();
      first.focus();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (search.value.trim()) first.click();
    }
  });
  search.focus();
  await show().catch(() => sheet.replaceChildren(element("p", { class: "form-error", role: "alert", text: "error.disconnected" })));
}

function walk(event, sheet) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS }[event.key];
  if (!step) return;
  const all = [...sheet.querySelectorAll(".emoji")];
  const at = all.indexOf(document.activeElement);
  const next = all[Math.min(all.length - 1, at + step)];
  if (at < 0) return;
  event.preventDefault();
  if (at + step < 0) return sheet.parentElement.querySelector("input").focus();
  all[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
