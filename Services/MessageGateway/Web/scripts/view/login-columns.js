import { dateTimeOf } from "../words/dates.js";
import { language } from "../words/language.js";
import { element } from "./element.js";

/** An IPv4 address as people know it, also where the server listens on both (RFC 4291 section 2.5.5.2). */
export const addressOf = (address) => address?.replace(/^::ffff:(?=\d+\.)/i, "");

/** An entry of the login log as columns; `withUser` for those who see everyone's. */
export function loginColumns({ withUser = false } = {}) {
  return [
    { title: "logins.at", kind: "when", cell: ({ at }) => () => dateTimeOf(new Date(at)) },
    ...(withUser ? [{ title: "account.username", cell: ({ username }) => (username ? element("bdi", {}, username) : null) }] : []),
    { title: "logins.outcome", cell: ({ outcome }) => outcomeOf(outcome) },
    { title: "sessions.address", kind: "when", cell: ({ address }) => addressOf(address) },
    { title: "sessions.client", cell: ({ client }) => (client ? element("bdi", {}, client) : null) },
  ];
}

/** In words if we have them, else as the server names it. */
function outcomeOf(outcome) {
  const key = `outcome.${outcome}`;
  const good = ["success", "registered", "logged_out"].includes(outcome);
  return element("span", { class: good ? "badge good" : "badge warn", text: () => (language.has(key) ? language.say(key) : outcome) });
}
