import { Abilities } from "../../model/abilities.js";
import { avatar } from "../avatar.js";
import { element } from "../element.js";
import { field } from "../field.js";
import { actionForm, panel } from "../panel.js";

/** Who one is to others. */
export async function show({ chat, notices, again }) {
  const { user } = chat.account;
  const card = element(
    "div",
    { class: "profile-card" },
    avatar(user.username, user.displayName),
    element(
      "div",
      { class: "user-names" },
      element("bdi", { class: "user-name" }, user.displayName),
      element("bdi", { class: "user-username" }, `@${user.username}`),
    ),
    user.admin ? element("span", { class: "role", text: "account.isAdmin" }) : null,
  );
  if (!(await new Abilities(chat).offers("auth.profile"))) return panel(null, card);
  const name = field({ label: "account.shownName", hint: "account.shownNameHint", name: "displayName", autocomplete: "name", maxlength: "64", value: user.displayName });
  return panel(
    null,
    card,
    actionForm(
      {
        submit: "action.save",
        save: async () => {
          const answer = await chat.ask("auth.profile", { displayName: name.input.value.trim() });
          chat.account.renew(answer.user ?? answer);
          notices.say("settings.saved");
          again();
        },
      },
      name.whole,
    ),
  );
}
