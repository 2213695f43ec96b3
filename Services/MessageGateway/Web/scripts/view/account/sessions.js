import { agoOf, dateTimeOf } from "../../words/dates.js";
import { language } from "../../words/language.js";
import { element } from "../element.js";
import { addressOf } from "../login-columns.js";
import { panel } from "../panel.js";
import { table } from "../table.js";

/** Where one is logged in, with an end to each. */
export async function show({ chat, notices, again }) {
  const { sessions } = await chat.ask("auth.sessions");
  const end = async (params) => {
    try {
      const { ended } = await chat.ask("auth.revoke", params);
      notices.say("sessions.ended", { count: ended ?? 1 });
      again();
    } catch (error) {
      notices.fail(error);
    }
  };
  const others = sessions.filter((session) => !session.current).length;
  return panel(
    null,
    table(
      "account.sessions",
      [
        { title: "sessions.client", cell: (one) => clientOf(one) },
        { title: "sessions.address", kind: "when", cell: ({ address }) => addressOf(address) },
        { title: "sessions.began", kind: "when", cell: ({ createdAt }) => () => dateTimeOf(new Date(createdAt)) },
        { title: "sessions.seen", kind: "when", cell: ({ lastSeenAt }) => (lastSeenAt ? () => agoOf(new Date(lastSeenAt)) : null) },
        {
          kind: "actions",
          cell: (one) =>
            one.current
              ? element("span", { class: "role", text: "sessions.this" })
              : element("button", { type: "button", class: "button small", text: "sessions.end", on: { click: () => end({ sessionId: one.id }) } }),
        },
      ],
      sessions,
    ),
    others > 0
      ? element("div", { class: "form-actions" }, element("button", { type: "button", class: "button danger", text: () => language.say("sessions.endOthers", { count: others }), on: { click: () => end({ others: true }) } }))
      : null,
  );
}

const clientOf = ({ client }) => (client ? element("bdi", {}, client) : element("span", { text: "sessions.unknown" }));
