import { agoOf, dateTimeOf } from "../../words/dates.js";
import { language } from "../../words/language.js";
import { confirmDialog, openDialog } from "../dialog.js";
import { element } from "../element.js";
import { addressOf } from "../login-columns.js";
import { passwordField } from "../field.js";
import { menuButton } from "../menu.js";
import { actionForm } from "../panel.js";
import { goTo } from "../place.js";
import { table } from "../table.js";
import { check, fits } from "./users.js";

/** The menu of what an admin may do about a user. */
export function userDeeds(user, { chat, notices, again }) {
  const { username } = user;
  const self = username === chat.account.user.username;
  const attempt = async (method, params = {}) => {
    try {
      await chat.ask(`admin.${method}`, { username, ...params });
      notices.say("settings.saved");
      again();
    } catch (error) {
      notices.fail(error);
    }
  };
  const sure = (key, act) => confirmDialog({ title: `users.${key}Title`, params: { name: username }, text: `users.${key}Text`, action: `users.${key}`, act });
  const items = [
    { text: "users.showSessions", icon: "shield", act: () => sessions(user, { chat, notices }) },
    { text: "users.showLogins", icon: "list", act: () => goTo(`/admin/logins?username=${encodeURIComponent(username)}`) },
    { text: "users.setPassword", icon: "key", act: () => setPassword(user, { chat, notices, again }) },
    user.secondFactor && { text: "users.resetFactor", icon: "key", act: () => sure("resetFactor", () => attempt("resetSecondFactor")) },
    !self && (user.admin
      ? { text: "users.takeAdmin", icon: "user", act: () => sure("takeAdmin", () => attempt("setAdmin", { admin: false })) }
      : { text: "users.giveAdmin", icon: "shield", act: () => sure("giveAdmin", () => attempt("setAdmin", { admin: true })) }),
    !self && (user.disabled
      ? { text: "users.enable", icon: "check", act: () => attempt("enable") }
      : { text: "users.disable", icon: "close", danger: true, act: () => sure("disable", () => attempt("disable")) }),
  ].filter(Boolean);
  return menuButton("more", "users.menu", items);
}

function setPassword({ username }, { chat, notices, again }) {
  const password = passwordField({ label: "users.newPassword", hint: "account.passwordHint", name: "password", autocomplete: "new-password" });
  const must = check("mustChange", "users.mustChangeFirst", true);
  const form = actionForm(
    {
      submit: "users.setPassword",
      save: async (_, error) => {
        if (!fits(password.input.value)) return error.show("account.badPassword");
        await chat.ask("admin.setPassword", { username, password: password.input.value, mustChange: must.input.checked });
        dialog.close();
        notices.say("settings.saved");
        again();
      },
    },
    password.whole,
    must.whole,
  );
  const dialog = openDialog({ title: "users.setPasswordFor", params: { name: username } }, form);
  password.input.focus();
}

async function sessions({ username }, { chat, notices }) {
  const place = element("div", {});
  const fill = async () => {
    const { sessions: all } = await chat.ask("admin.sessions", { username });
    const index = [...place.querySelectorAll("button")].indexOf(document.activeElement);
    place.replaceChildren(table("users.sessionsOf", columns, all, { captionParams: { name: username } }));
    if (index < 0) return;
    // The keyboard goes on to the next one, if there is one.
    const buttons = place.querySelectorAll("button");
    (buttons[Math.min(index, buttons.length - 1)] ?? place.closest("dialog").querySelector("button")).focus();
  };
  const end = async (params) => {
    try {
      await chat.ask("admin.revoke", { username, ...params });
      await fill();
    } catch (error) {
      notices.fail(error);
    }
  };
  const columns = [
    { title: "sessions.client", cell: ({ client }) => (client ? element("bdi", {}, client) : element("span", { text: "sessions.unknown" })) },
    { title: "sessions.address", kind: "when", cell: ({ address }) => addressOf(address) },
    { title: "sessions.began", kind: "when", cell: ({ createdAt }) => () => dateTimeOf(new Date(createdAt)) },
    { title: "sessions.seen", kind: "when", cell: ({ lastSeenAt }) => (lastSeenAt ? () => agoOf(new Date(lastSeenAt)) : null) },
    { kind: "actions", cell: ({ id }) => element("button", { type: "button", class: "button small", text: "sessions.end", on: { click: () => end({ sessionId: id }) } }) },
  ];
  openDialog(
    { title: "users.sessionsOf", params: { name: username }, class: "wide-dialog" },
    place,
    element("div", { class: "dialog-actions" }, element("button", { type: "button", class: "button danger", text: "users.endAll", on: { click: () => end({}) } })),
  );
  await fill().catch((error) => place.replaceChildren(element("p", { class: "form-error", role: "alert", text: () => language.describe(error) })));
}
