import { Abilities } from "../model/abilities.js";
import { language } from "../words/language.js";
import { avatar, presenceDot } from "./avatar.js";
import "./dialog-words.js";
import { openDialog } from "./dialog.js";
import { element, icon, iconButton } from "./element.js";
import { field, formError } from "./field.js";
import { memberDeeds } from "./member-deeds.js";
import { goTo, roomPath } from "./place.js";
import { roomName } from "./room-name.js";

/** So many rows at once; more come as one scrolls. */
const PAGE = 120;
const RANK = { owner: 0, moderator: 1, member: 2 };

/** Who is in a room; for its owners and moderators what they may do about it, and for members of a private one a way to bring others in. */
export async function membersDialog({ chat, room, notices }) {
  const list = element("ul", { class: "members", "aria-busy": "true" });
  const end = element("div", { class: "members-end" });
  const found = element("p", { class: "field-hint", role: "status" });
  const search = element("input", { type: "search", class: "input", label: "members.find", placeholder: "members.find", autocomplete: "off", on: { input: () => show() } });
  let members = [];
  let shown = [];
  let writes = false;
  const fill = async (fresh = false) => {
    if (fresh) chat.people.stale(room.room);
    members = [...(await chat.people.members(room.room))].sort(
      (a, b) => RANK[a.role] - RANK[b.role] || a.displayName.localeCompare(b.displayName, language.current),
    );
    // A server that marks what was read has rooms of two people as well.
    writes = await new Abilities(chat).offers("room.markRead");
    list.removeAttribute("aria-busy");
    show();
  };
  /** Filled anew, the keyboard stays with the same person, or where they were. */
  const refill = async () => {
    const row = document.activeElement?.closest(".member");
    const index = [...list.children].indexOf(row);
    const { username } = row?.dataset ?? {};
    await fill(true);
    if (index < 0) return;
    const there = shown.findIndex((member) => member.username === username);
    const wanted = Math.min(there < 0 ? index : there, shown.length - 1);
    while (list.children.length <= wanted) more();
    const item = list.children[wanted];
    (item?.querySelector(".menu-place button") ?? item?.querySelector("button") ?? search).focus();
  };
  const more = () => {
    const from = list.children.length;
    list.append(...shown.slice(from, from + PAGE).map((member) => row(member)));
  };
  const show = () => {
    const wanted = search.value.trim().normalize("NFKC").toLowerCase();
    shown = members.filter((member) => `${member.displayName} ${member.username}`.normalize("NFKC").toLowerCase().includes(wanted));
    language.bind(found, "text", "rooms.members", { count: shown.length });
    list.replaceChildren();
    more();
  };
  const row = (member) => memberRow(member, { chat, room, notices, writes, refill, close: () => dialog.close() });
  const inviting = room.joined && (room.kind === "private" || ["owner", "moderator"].includes(room.role));
  const dialog = openDialog(
    { title: "members.title", params: { room: roomName(room) }, drawer: true },
    inviting ? inviteForm(chat, room, () => fill(true)) : null,
    element("div", { class: "search members-search" }, icon("search"), search),
    found,
    list,
    end,
  );
  const watch = new IntersectionObserver(([entry]) => entry.isIntersecting && list.children.length < shown.length && more(), { root: dialog, rootMargin: "600px" });
  watch.observe(end);
  dialog.addEventListener("close", () => watch.disconnect());
  try {
    await fill();
  } catch (failure) {
    list.removeAttribute("aria-busy");
    list.replaceChildren(element("li", { class: "form-error", role: "alert", text: () => language.describe(failure) }));
  }
}

function memberRow(member, { chat, room, notices, writes, refill, close }) {
  const { username, displayName, role, mutedUntil } = member;
  const self = username === chat.account.user.username;
  const write = async () => {
    try {
      const name = await chat.directRoom(username);
      close();
      goTo(roomPath(name));
    } catch (error) {
      notices.fail(error);
    }
  };
  const deeds = memberDeeds(member, { chat, room, notices, refill });
  return element(
    "li",
    { class: "member", "data-username": username },
    element("span", { class: "with-presence" }, avatar(username, displayName), presenceDot(chat.people.presence(username) ?? member.presence)),
    element(
      "span",
      { class: "user-names" },
      element("span", { class: "user-name" }, element("bdi", {}, displayName), self ? element("span", { class: "self", text: "members.you" }) : null),
      element("bdi", { class: "user-username" }, `@${username}`),
    ),
    mutedUntil ? element("span", { class: "role muted-role", text: "members.muted" }) : null,
    role === "owner" || role === "moderator" ? element("span", { class: "role", text: `members.${role}` }) : null,
    self || !writes ? null : iconButton("chat", "members.write", write, { class: "small-icon member-write" }),
    deeds,
  );
}

function inviteForm(chat, room, refill) {
  const error = formError();
  const username = field({ label: "members.invite", name: "invitee", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  username.box.append(element("button", { type: "submit", class: "button primary", text: "members.inviteSubmit" }));
  const done = element("p", { class: "field-hint", role: "status" });
  const form = element("form", { class: "invite", novalidate: true }, error.whole, username.whole, done);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = username.input.value.trim().replace(/^@/, "");
    if (!name) return username.input.focus();
    error.clear();
    language.unbind(done);
    done.textContent = "";
    try {
      await chat.manage("invite", room.room, { username: name });
      username.input.value = "";
      language.bind(done, "text", "members.invited", { username: name });
      await refill();
    } catch (failure) {
      error.show(() => language.describe(failure));
    }
    username.input.focus();
  });
  return form;
}
