import { panel } from "../panel.js";
import { pages } from "../table.js";
import { loginColumns } from "../login-columns.js";

const PAGE = 50;

/** Who tried to come in as this user, when and from where. */
export async function show({ chat }) {
  return panel(
    null,
    await pages("account.logins", loginColumns(), async (last) => {
      const { logins, hasMore } = await chat.ask("auth.logins", last ? { before: last.id, limit: PAGE } : { limit: PAGE });
      return { rows: logins, more: hasMore };
    }),
  );
}
