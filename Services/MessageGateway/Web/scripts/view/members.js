import { language } from "../words/language.js";
import { avatar } from "./avatar.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { field, formError } from "./field.js";

/** Who is in a room, and for those who are in a private one a way to bring others in. */
export async function membersDialog(chat, room) {
  const list = element("ul", { class: "members", "aria-busy": "true" });
  const mine = chat.account.user.username;
  const fill = async () => {
    const members = await chat.members(room.room);
    list.replaceChildren(...members.map((member) => row(member, member.username === mine)));
    list.removeAttribute("aria-busy");
  };
  const inviting = room.kind === "private" && room.joined;
  openDialog(
    { title: "members.title", params: { room: room.room }, drawer: true },
    inviting ? inviteForm(chat, room, fill) : null,
    list,
  );
  try {
    await fill();
  } catch (failure) {
    list.removeAttribute("aria-busy");
    list.replaceChildren(element("li", { class: "form-error", role: "alert", text: () => language.describe(failure) }));
  }
}

function row({ username, displayName, role }, self) {
  return element(
    "li",
    { class: "member" },
    avatar(username, displayName),
    element(
      "span",
      { class: "user-names" },
      element("span", { class: "user-name" }, element("bdi", {}, displayName), self ? element("span", { class: "self", text: "members.you" }) : null),
      element("bdi", { class: "user-username" }, `@${username}`),
    ),
    role === "owner" || role === "moderator" ? element("span", { class: "role", text: `members.${role}` }) : null,
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
      await chat.invite(room.room, name);
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
