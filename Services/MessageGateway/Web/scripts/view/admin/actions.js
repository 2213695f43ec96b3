import { dateTimeOf } from "../../words/dates.js";
import { language } from "../../words/language.js";
import { element } from "../element.js";
import { addressOf } from "../login-columns.js";
import { panel } from "../panel.js";
import { pages } from "../table.js";

const PAGE = 50;

/** What admins have done: nobody can change it afterwards. */
export async function show({ chat }) {
  const columns = [
    { title: "logins.at", kind: "when", cell: ({ at }) => () => dateTimeOf(new Date(at)) },
    { title: "actions.by", cell: ({ by }) => element("bdi", {}, by ?? "–") },
    { title: "actions.action", cell: ({ action }) => () => (language.has(`action.of.${action}`) ? language.say(`action.of.${action}`) : action) },
    { title: "actions.subject", cell: ({ subject }) => (subject ? element("bdi", {}, subject) : null) },
    { title: "sessions.address", kind: "when", cell: ({ address }) => addressOf(address) },
    { title: "actions.detail", cell: ({ detail }) => (detail ? element("bdi", {}, typeof detail === "string" ? detail : JSON.stringify(detail)) : null) },
  ];
  return panel(
    null,
    element("p", { class: "panel-text", text: "actions.text" }),
    await pages("admin.actions", columns, async (last) => {
      const { actions, hasMore } = await chat.ask("admin.actions", { limit: PAGE, ...(last ? { before: last.id } : {}) });
      return { rows: actions, more: hasMore };
    }),
  );
}
