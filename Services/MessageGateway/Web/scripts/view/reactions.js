import { language } from "../words/language.js";
import { element } from "./element.js";

/** So many are shown at once; the rest comes on a press. */
const SHOWN = 12;
/** Names that are said with a reaction. */
const NAMED = 8;

/** Who felt what about a message; a press joins in, or takes one's own back. */
export function reactionBar(message, me, react) {
  const buttons = message.reactions.map((one) => button(message, one, me, react));
  const whole = element("div", { class: "reactions", role: "group", label: "message.reactions" }, ...buttons.slice(0, SHOWN));
  if (buttons.length <= SHOWN) return whole;
  const more = element(
    "button",
    {
      type: "button",
      class: "reaction reaction-more",
      label: "message.moreReactions",
      params: { count: buttons.length - SHOWN },
      on: {
        click: () => {
          more.replaceWith(...buttons.slice(SHOWN));
          buttons[SHOWN].focus();
        },
      },
    },
    `+${buttons.length - SHOWN}`,
  );
  whole.append(more);
  return whole;
}

function button(message, { reaction, count, users = [] }, me, react) {
  const names = users.map((user) => (typeof user === "string" ? user : user.username));
  const mine = names.includes(me);
  const say = () => {
    const shown = names.slice(0, NAMED);
    const others = count - shown.length;
    const list = new Intl.ListFormat(language.current, { type: "conjunction" });
    const who = list.format(others > 0 ? [...shown, language.say("message.others", { count: others })] : shown);
    return language.say("message.reacted", { reaction, who, count });
  };
  return element(
    "button",
    {
      type: "button",
      class: mine ? "reaction mine" : "reaction",
      "aria-pressed": String(mine),
      label: say,
      tip: say,
      on: { click: () => react(message, reaction, mine) },
    },
    element("bdi", { class: "reaction-sign" }, reaction),
    element("span", { class: "reaction-count", text: () => language.number(count) }),
  );
}

/** Whether this user has given a reaction to a message. The list of who did holds the first twenty. */
export function hasReacted(message, reaction, me) {
  const found = message.reactions?.find((one) => one.reaction === reaction);
  return (found?.users ?? []).some((user) => (typeof user === "string" ? user : user.username) === me);
}
