import "./dialog-words.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";

const mac = /Mac|iPhone|iPad/.test(navigator.platform);
const MOD = mac ? "⌘" : "Ctrl";

/** What each does, for the list; `message` ones work on the message that has the keyboard. */
const LISTED = [
  ["shortcuts.anywhere", [
    [["?"], "shortcuts.list"], [[MOD, "K"], "shortcuts.switch"], [["Alt", "↑"], "shortcuts.previous"], [["Alt", "↓"], "shortcuts.next"],
    [["Alt", "Shift", "↓"], "shortcuts.unread"], [[MOD, "Shift", "F"], "shortcuts.search"], [["Alt", "N"], "shortcuts.create"], [["Esc"], "shortcuts.newest"],
  ]],
  ["shortcuts.writing", [
    [["Enter"], "shortcuts.send"], [["Shift", "Enter"], "shortcuts.newLine"], [["↑"], "shortcuts.editLast"], [[MOD, "B"], "shortcuts.bold"], [[MOD, "I"], "shortcuts.italic"],
    [[MOD, "E"], "shortcuts.code"], [["@"], "shortcuts.mention"], [[":"], "shortcuts.emoji"],
  ]],
  ["shortcuts.message", [
    [["↑", "↓"], "shortcuts.walk"], [["R"], "message.reply"], [["E"], "message.edit"], [["+"], "message.react"], [["L"], "message.copyLink"], [["C"], "message.copyText"],
    [["Delete"], "message.delete"],
  ]],
];

export function shortcutList() {
  openDialog(
    { title: "shortcuts.title", class: "wide-dialog" },
    element("div", { class: "shortcut-parts" }, ...LISTED.map(([title, rows]) => part(title, rows))),
  );
}

function part(title, rows) {
  return element(
    "section",
    {},
    element("h3", { class: "shortcut-heading", text: title }),
    element(
      "dl",
      { class: "shortcuts" },
      ...rows.map(([keys, text]) =>
        element("div", { class: "shortcut" }, element("dt", {}, ...keys.map((key) => element("kbd", {}, key))), element("dd", { text })),
      ),
    ),
  );
}
