import { dayPlus } from "../../words/dates.js";
import { element } from "../element.js";
import { field } from "../field.js";
import { loginColumns } from "../login-columns.js";
import { panel } from "../panel.js";
import { goTo } from "../place.js";
import { pages } from "../table.js";

const PAGE = 50;

/** Every attempt to log in, by anybody. */
export async function show({ chat, params }) {
  const wanted = (name) => params.get(name) ?? "";
  const username = field({ label: "account.username", name: "username", autocomplete: "off", autocapitalize: "none", spellcheck: "false", value: wanted("username") });
  const address = field({ label: "logins.address", name: "address", autocomplete: "off", value: wanted("address") });
  const since = field({ label: "logins.since", name: "since", type: "date", value: wanted("since") });
  const until = field({ label: "logins.until", name: "until", type: "date", value: wanted("until") });
  const form = element("form", { class: "filter-grid" }, username.whole, address.whole, since.whole, until.whole, element("div", { class: "filter-go" }, element("button", { type: "submit", class: "button", text: "logins.filter" })));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const sought = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
    goTo(`/admin/logins?${sought}`);
  });
  const filter = {};
  if (wanted("username")) filter.username = wanted("username");
  if (wanted("address")) filter.address = wanted("address");
  if (wanted("since")) filter.since = dayPlus(wanted("since"), 0).toISOString();
  if (wanted("until")) filter.until = dayPlus(wanted("until"), 1).toISOString();
  const list = await pages("admin.logins", loginColumns({ withUser: true }), async (last) => {
    const { logins, hasMore } = await chat.ask("admin.logins", { ...filter, limit: PAGE, ...(last ? { before: last.id } : {}) });
    return { rows: logins, more: hasMore };
  });
  return panel(null, form, list);
}
