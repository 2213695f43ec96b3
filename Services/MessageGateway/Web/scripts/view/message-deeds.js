import { confirmDialog } from "./dialog.js";
import { excerpt } from "./formatting.js";
import { messageLink } from "./place.js";
import { hasReacted } from "./reactions.js";

/** What a reader may do with messages, and how it is done. */
export function deedsOf(chat, notices, { composer }) {
  const me = () => chat.account.user?.username;
  const room = (message) => chat.directory.get(message.room);
  const attempt = async (work) => {
    try {
      await work();
    } catch (error) {
      notices.fail(error);
      throw error;
    }
  };
  const quietly = (work) => attempt(work).catch(() => {});
  const react = (message, sign, remove = hasReacted(message, sign, me())) => quietly(() => chat.revisions.react(message, sign, remove));
  const copy = (text, said) => quietly(async () => {
    await navigator.clipboard.writeText(text);
    notices.say(said);
  });
  return {
    can: (message) => ({
      write: room(message)?.joined === true,
      edit: message.sender === me() && room(message)?.joined === true,
      delete: room(message)?.joined === true && (message.sender === me() || ["owner", "moderator"].includes(room(message)?.role)),
    }),
    change: (message, body) => attempt(() => chat.revisions.edit(message, body)),
    acts: {
      react,
      choose: (message) => import("./emoji-picker.js").then(({ chooseEmoji }) => chooseEmoji((sign) => react(message, sign, false))),
      reply: (message) => composer().reply(message),
      edit: (message) => composer().edit(message),
      copyLink: (message) => copy(messageLink(message.room, message.seq), "message.linkCopied"),
      copyText: (message) => copy(message.body, "message.textCopied"),
      remove: (message) =>
        confirmDialog({
          title: "message.deleteTitle",
          text: "message.deleteText",
          textParams: { text: excerpt(message.body, 200) },
          action: "message.delete",
          act: () => quietly(() => chat.revisions.delete(message)),
        }),
    },
  };
}
