import { agoOf, dateOf, momentOf } from "../../words/dates.js";
import { language } from "../../words/language.js";
import { openDialog } from "../dialog.js";
import { element, icon } from "../element.js";
import { field, passwordField } from "../field.js";
import { actionForm, panel } from "../panel.js";
import { pages } from "../table.js";
import { goTo } from "../place.js";
import { avatar } from "../avatar.js";
import { userDeeds } from "./user-deeds.js";

const PAGE = 50;

/** Everyone who has an account, and what an admin may do about it. */
export async function show(context) {
  const { chat, params } = context;
  const query = params.get("q") ?? "";
  const search = element("input", { type: "search", class: "input", label: "users.find", placeholder: "users.find", autocomplete: "off", value: query });
  const form = element(
    "form",
    { class: "search-line", role: "search" },
    element("div", { class: "search" }, icon("search"), search),
    element("button", { type: "button", class: "button primary", text: "users.create", on: { click: () => create(context) } }),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = search.value.trim();
    goTo(wanted ? `/admin/users?q=${encodeURIComponent(wanted)}` : "/admin/users");
  });
  const list = await pages("admin.users", columns(context), async (last) => {
    const { users, hasMore } = await chat.ask("admin.users", { limit: PAGE, ...(query ? { query } : {}), ...(last ? { after: last.username } : {}) });
    return { rows: users, more: hasMore };
  });
  return panel(null, form, list);
}

function columns(context) {
  return [
    {
      title: "users.user",
      cell: ({ username, displayName }) =>
        element(
          "span",
          { class: "user-cell" },
          avatar(username, displayName),
          element("span", { class: "user-names" }, element("bdi", { class: "user-name" }, displayName), element("bdi", { class: "user-username" }, `@${username}`)),
        ),
    },
    { title: "users.state", cell: (user) => element("span", { class: "badges" }, ...badges(user)) },
    { title: "users.lastLogin", kind: "when", cell: ({ lastLoginAt }) => lastLoginAt && ago(new Date(lastLoginAt)) },
    { title: "users.created", kind: "when", cell: ({ createdAt }) => () => dateOf(new Date(createdAt)) },
    { title: "users.sessions", kind: "number", cell: ({ sessions }) => () => language.number(Array.isArray(sessions) ? sessions.length : (sessions ?? 0)) },
    { kind: "actions", cell: (user) => userDeeds(user, context) },
  ];
}

const ago = (at) => element("span", { text: () => agoOf(at), tip: () => momentOf(at) });

function badges({ admin, disabled, secondFactor, mustChange }) {
  const badge = (kind, text) => element("span", { class: `badge ${kind}`, text });
  const all = [
    disabled ? badge("bad", "users.disabled") : badge("good", "users.active"),
    admin && badge("", "users.admin"),
    secondFactor && badge("", "users.secondFactor"),
    mustChange && badge("warn", "users.mustChange"),
  ];
  return all.filter(Boolean);
}

function create({ chat, notices, again }) {
  const username = field({ label: "account.username", hint: "account.usernameHint", name: "username", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const shown = field({ label: "account.displayName", name: "displayName", autocomplete: "off", maxlength: "64" });
  const password = passwordField({ label: "account.password", hint: "account.passwordHint", name: "password", autocomplete: "new-password" });
  const must = check("mustChange", "users.mustChangeFirst", true);
  const admin = check("admin", "users.makeAdmin", false);
  const form = actionForm(
    {
      submit: "users.create",
      save: async (_, error) => {
        if (!fits(password.input.value)) return error.show("account.badPassword");
        const displayName = shown.input.value.trim();
        await chat.ask("admin.createUser", {
          username: username.input.value.trim(),
          password: password.input.value,
          ...(displayName ? { displayName } : {}),
          mustChange: must.input.checked,
          admin: admin.input.checked,
        });
        dialog.close();
        notices.say("users.created.done");
        again();
      },
    },
    username.whole,
    shown.whole,
    password.whole,
    must.whole,
    admin.whole,
  );
  const dialog = openDialog({ title: "users.create" }, form);
  username.input.focus();
}

/** Whether a password is as long as they are to be; of all else the server has the say. */
export function fits(password) {
  const { length } = [...password];
  return length >= 8 && length <= 256;
}

export function check(name, text, checked) {
  const input = element("input", { type: "checkbox", name, checked });
  return { whole: element("label", { class: "check" }, input, element("span", { text })), input };
}
