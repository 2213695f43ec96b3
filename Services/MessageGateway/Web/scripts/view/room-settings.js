import { Abilities } from "../model/abilities.js";
import { exported } from "../model/exporting.js";
import { dateTimeOf } from "../words/dates.js";
import { language } from "../words/language.js";
import "./dialog-words.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, formError } from "./field.js";
import { messageLink } from "./place.js";
import { roomKind, roomName } from "./room-name.js";
import { saveAs } from "./save-as.js";

/** What a room is, and for its owners and moderators a way to change it. */
export async function roomSettings({ chat, room, log, notices, acts }) {
  const manages = room.role === "owner" || room.role === "moderator";
  const facts = element(
    "dl",
    { class: "facts" },
    fact("settings.kind", roomKind(room)),
    fact("settings.members", () => language.number(room.members)),
    fact("settings.messages", () => language.number(log.lastSeq)),
    room.role ? fact("settings.role", `members.${room.role}`) : null,
    room.title && !manages ? fact("settings.topic", () => room.title) : null,
  );
  const act = (text, go) =>
    element("button", { type: "button", class: "button", text, on: { click: () => {
      dialog.close();
      go();
    } } });
  const address = new URL(messageLink(room.room)).href;
  const copy = element("button", {
    type: "button",
    class: "button",
    text: "settings.copyLink",
    on: {
      click: () => navigator.clipboard.writeText(address).then(() => notices.say("message.linkCopied"), (error) => notices.fail(error)),
    },
  });
  const dialog = openDialog(
    { title: "settings.title", params: { room: roomName(room) } },
    facts,
    manages ? topicForm(chat, room, notices) : null,
    element(
      "div",
      { class: "dialog-actions start" },
      copy,
      act("room.jumpToDate", acts.calendar),
      act("room.leave", acts.leave),
    ),
  );
  const inside = dialog.querySelector(".dialog-inside");
  const abilities = new Abilities(chat);
  const [searches, exports] = await Promise.all([abilities.offers("history.search"), abilities.offers("history.export")]);
  if (searches) copy.after(searchLink(room, dialog));
  if (exports) copy.after(exportButton(chat, room, notices, dialog));
  const banned = manages ? await bans(chat, room, notices) : null;
  if (banned) inside.append(banned);
}

function searchLink({ room }, dialog) {
  return element("a", { class: "button", href: `/search?room=${encodeURIComponent(room)}`, text: "settings.search", on: { click: () => dialog.close() } });
}

/** All of the room's messages as a file, one JSON object a line; stops if the dialog is closed. */
function exportButton(chat, { room }, notices, dialog) {
  const stop = new AbortController();
  dialog.addEventListener("close", () => stop.abort());
  const button = element("button", { type: "button", class: "button", text: "settings.export" });
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    const lines = [];
    try {
      for await (const page of exported(chat, { room }, stop.signal)) {
        lines.push(...page);
        language.bind(button, "text", "settings.exporting", { count: lines.length });
      }
      if (!stop.signal.aborted) saveAs(`${room}.jsonl`, `${lines.join("\n")}\n`, "application/x-ndjson");
    } catch (error) {
      notices.fail(error);
    }
    button.removeAttribute("aria-disabled");
    language.bind(button, "text", "settings.export");
  });
  return button;
}

function fact(label, value) {
  return element("div", { class: "fact" }, element("dt", { text: label }), element("dd", { text: value }));
}

function topicForm(chat, room, notices) {
  const error = formError();
  const topic = field({ label: "create.topic", name: "title", maxlength: "200", autocomplete: "off", value: room.title ?? "" });
  topic.box.append(element("button", { type: "submit", class: "button primary", text: "action.save" }));
  const form = element("form", { class: "stack", novalidate: true }, error.whole, topic.whole);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    error.clear();
    try {
      await chat.manage("update", room.room, { title: topic.input.value.trim() });
      notices.say("settings.saved");
    } catch (failure) {
      error.show(() => language.describe(failure));
    }
  });
  return form;
}

/** Who may not come back; nothing from a server that does not tell. */
async function bans(chat, room, notices) {
  try {
    const { bans: banned } = await chat.ask("room.bans", { room: room.room });
    if (banned.length === 0) return null;
    return element("section", { class: "bans" }, element("h3", { class: "field-label", text: "settings.bans" }), element("ul", { class: "members" }, ...banned.map((ban) => row(ban))));
  } catch {
    return null;
  }

  function row({ username, displayName, at, until, reason }) {
    const item = element(
      "li",
      { class: "member" },
      element(
        "span",
        { class: "user-names" },
        element("bdi", { class: "user-name" }, displayName || username),
        element("span", { class: "user-username", text: () => (until ? language.say("settings.bannedUntil", { until: dateTimeOf(new Date(until)) }) : language.say("settings.bannedAt", { at: dateTimeOf(new Date(at)) })) }),
        reason ? element("bdi", { class: "user-username" }, reason) : null,
      ),
      element("button", {
        type: "button",
        class: "button small",
        text: "settings.unban",
        on: { click: () => chat.manage("unban", room.room, { username }).then(() => gone(item), (error) => notices.fail(error)) },
      }),
    );
    return item;
  }

  /** The keyboard goes on to the next one; after the last, to the dialog. */
  function gone(item) {
    const had = item.contains(document.activeElement);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    const dialog = item.closest("dialog");
    if (next) item.remove();
    else item.closest(".bans").remove();
    if (had) (next ?? dialog)?.querySelector("button").focus();
  }
}
