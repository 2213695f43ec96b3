const keyOf = (name) => name.normalize("NFKC").toLowerCase();

/** Whether a message names this user: by the server's word, or from a server that says nothing of mentions by the text. */
export function mentionsUser(message, username) {
  if (message.deleted) return false;
  const key = keyOf(username);
  if (Array.isArray(message.mentions)) return message.mentions.some((name) => keyOf(name) === key);
  return message.body.includes("@") && mentionAt(message.body, (text) => keyOf(text).startsWith(key) && endsName(keyOf(text), key.length));
}

function mentionAt(body, test) {
  for (let at = body.indexOf("@"); at >= 0; at = body.indexOf("@", at + 1)) if (test(body.slice(at + 1, at + 1 + 64))) return true;
  return false;
}

/** A name of Latin letters ends where another letter does not follow; in scripts without spaces it may. */
function endsName(text, length) {
  return !/[a-z0-9_]/.test(text[length] ?? "") || !/[a-z0-9_]/.test(text[length - 1] ?? "");
}

/**
 * The part of `text` right after an `@` that is a name: the longest of `known` if the server told whom the message names, else as far as the
 * characters of a username go. Empty if there is none.
 */
export function nameAfterAt(text, known) {
  const run = /^[\p{L}\p{M}\p{N}._-]{2,64}/u.exec(text)?.[0] ?? "";
  if (!run) return "";
  if (!known) return run.replace(/[._-]+$/, "");
  const keys = new Set(known.map(keyOf));
  for (let end = run.length; end >= 2; end--) if (keys.has(keyOf(run.slice(0, end)))) return run.slice(0, end);
  return "";
}

export const sameName = (a, b) => keyOf(a) === keyOf(b);
