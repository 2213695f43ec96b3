import { mentionsUser } from "../model/mentions.js";
import { dayOf, momentOf, sameDay, timeOf } from "../words/dates.js";
import { language } from "../words/language.js";
import { avatar } from "./avatar.js";
import { element, icon } from "./element.js";
import { excerpt, formatted, isPictures } from "./formatting.js";
import { roomPath } from "./place.js";
import { reactionBar } from "./reactions.js";

/** Lines by one person within this time stand together under one name. */
const GROUP_MS = 5 * 60_000;

/**
 * One kept message. What depends on the one before it, its day and its name, is set by `follow`.
 *
 * `me`: the reader's username; `quoted(seq)`: the message that this one answers, `null` if it is not at hand; `react(message, reaction, remove)`.
 */
export function messageItem(message, { me, quoted, react }) {
  const sent = new Date(message.sentAt);
  const name = message.senderName || message.sender;
  const time = element("time", { class: "time", datetime: message.sentAt, text: () => timeOf(sent), tip: () => momentOf(sent) });
  const kinds = ["message", message.sender === me && "mine", message.sender !== me && mentionsUser(message, me) && "names-me"];
  return element(
    "li",
    {
      class: kinds.filter(Boolean).join(" "),
      id: `message-${message.seq}`,
      tabindex: "-1",
      "data-seq": message.seq,
      "data-client-id": message.clientId,
      "data-rev": message.rev ?? 0,
    },
    element("div", { class: "gutter" }, avatar(message.sender, name), element("span", { class: "gutter-time", "aria-hidden": "true", text: () => timeOf(sent) })),
    element(
      "div",
      { class: "line" },
      element("p", { class: "byline" }, element("bdi", { class: "sender", title: `@${message.sender}` }, name), time),
      message.replyTo && !message.deleted ? replied(message, quoted) : null,
      ...bodyOf(message, me),
      message.reactions?.length ? reactionBar(message, me, react) : null,
    ),
  );
}

/** The text, or that it was taken back. */
function bodyOf(message, me) {
  if (message.deleted) return [element("p", { class: "tombstone", text: "message.deleted" })];
  const body = element(
    "div",
    { class: isPictures(message.body) ? "body pictures" : "body", dir: "auto" },
    ...formatted(message.body, { me, mentions: message.mentions }),
  );
  if (!message.editedAt) return [body];
  const at = new Date(message.editedAt);
  return [body, element("p", { class: "edited", text: "message.edited", tip: () => momentOf(at) })];
}

/** Which message this one answers: who wrote it and how it begins; leads there. */
function replied(message, quoted) {
  const whole = element("a", { class: "replied", href: roomPath(message.room, message.replyTo), "data-reply-to": message.replyTo });
  fillReplied(whole, quoted(message.replyTo));
  return whole;
}

export function fillReplied(whole, answered) {
  const text = !answered ? element("span", { class: "replied-text", text: "message.replyUnknown", params: { seq: whole.dataset.replyTo } })
    : answered.deleted ? element("span", { class: "replied-text", text: "message.deleted" })
    : element("bdi", { class: "replied-text" }, excerpt(answered.body));
  whole.replaceChildren(
    icon("reply"),
    element("span", { class: "only-spoken", text: "message.inReplyTo" }),
    ...(answered ? [element("bdi", { class: "replied-name" }, answered.senderName || answered.sender), " "] : []),
    text,
  );
}

/** Sets what an item shows because of the message before it: a new day, the mark of what is unread, or the same person going on. */
export function follow(item, message, previous, unreadFrom) {
  const sent = new Date(message.sentAt);
  const before = previous && new Date(previous.sentAt);
  const newDay = !before || !sameDay(sent, before);
  const unread = message.seq === unreadFrom;
  const continued =
    !newDay && !unread && !message.replyTo && previous.sender === message.sender && previous.senderName === message.senderName && sent - before < GROUP_MS;
  item.classList.toggle("continued", continued);
  divider(item, "unread-from", unread, () => element("p", { class: "divider unread-from", text: "room.unreadFrom" }));
  divider(item, "day", newDay, () => element("p", { class: "divider day", text: () => dayOf(sent) }));
}

function divider(item, name, wanted, make) {
  const existing = item.querySelector(`:scope > .${name}`);
  if (wanted && !existing) item.prepend(make());
  if (!wanted) existing?.remove();
}

/** One message on its way: said to be waiting, being sent, or refused, then with what to do. */
export function pendingItem(entry, user, { retry, discard }) {
  const failed = entry.state === "failed";
  const reason = failed ? element("span", { class: "reason", text: () => language.describe(entry.error) }) : null;
  const actions = failed
    ? [
        element("button", { type: "button", class: "link-button", text: "message.retry", on: { click: retry } }),
        element("button", { type: "button", class: "link-button", text: "message.discard", on: { click: discard } }),
      ]
    : [];
  return element(
    "li",
    { class: `message mine pending ${entry.state}`, "data-client-id": entry.clientId, "data-state": entry.state },
    element("div", { class: "gutter" }, avatar(user.username, user.displayName)),
    element(
      "div",
      { class: "line" },
      element("div", { class: isPictures(entry.body) ? "body pictures" : "body", dir: "auto" }, ...formatted(entry.body)),
      element(
        "p",
        { class: "sending" },
        icon(failed ? "alert" : "clock"),
        element("span", { class: "sending-state", text: `message.${entry.state}` }),
        reason,
        ...actions,
      ),
    ),
  );
}
