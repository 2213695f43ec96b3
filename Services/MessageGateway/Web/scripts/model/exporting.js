/** All that the server keeps of this user, one JSON object a line: the account, then every message they wrote. */
export async function exportAccount(chat, { account, messages, told, signal }) {
  const lines = [];
  if (account) lines.push(JSON.stringify(await chat.ask("auth.export")));
  if (messages) for await (const page of exported(chat, { account: true }, signal)) {
    lines.push(...page);
    told(lines.length);
  }
  return `${lines.join("\n")}\n`;
}

/** The lines of a room's or an account's export, page after page. */
export async function* exported(chat, what, signal) {
  let after;
  do {
    const params = { ...what, format: what.format ?? "jsonl", ...(after === undefined ? {} : { after }) };
    const { lines, next } = await chat.ask("history.export", params);
    yield lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
    after = next;
  } while (after !== undefined && after !== null && !signal?.aborted);
}
