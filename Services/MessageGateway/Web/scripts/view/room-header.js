import { language } from "../words/language.js";
import { avatar, presenceDot } from "./avatar.js";
import { element, icon, iconButton } from "./element.js";
import { roomIcon, roomName } from "./room-name.js";

/** What is above a room's messages: its name, who is in it, and what can be done with it. */
export function roomHeader(room, name, presence, { back, members, calendar, settings, leave, status }) {
  const sign = !room ? null
    : room.kind === "direct" && room.with ? element("span", { class: "with-presence" }, avatar(room.with.username, room.with.displayName), presenceDot(presence))
    : icon(roomIcon(room));
  const title = room?.kind === "direct" && room.with ? `@${room.with.username}` : room?.title;
  return [
    iconButton("back", "room.back", back, { class: "only-narrow", "data-action": "back" }),
    element(
      "div",
      { class: "room-names" },
      element("h2", { class: "room-name", id: "room-name", tabindex: "-1" }, sign, element("bdi", {}, roomName(room, name))),
      title ? element("p", { class: "room-title", dir: "auto" }, title) : null,
    ),
    status,
    ...(room ? actions(room, { members, calendar, settings, leave }) : []),
  ];
}

function actions(room, { members, calendar, settings, leave }) {
  const people = element(
    "button",
    {
      type: "button",
      class: "button quiet members-button",
      label: () => `${language.say("room.members")}: ${language.say("rooms.members", { count: room.members })}`,
      tip: "room.members",
      "data-action": "members",
      on: { click: members },
    },
    icon("people"),
    element("span", { "aria-hidden": "true", text: () => language.number(room.members) }),
  );
  // On a narrow screen the settings lead to the rest.
  const date = (extra) => iconButton("calendar", "room.jumpToDate", calendar, { class: extra, "data-action": "calendar" });
  if (room.kind === "direct" || !room.joined) return [room.kind === "direct" ? null : people, date("")].filter(Boolean);
  return [
    people,
    date("only-wide"),
    iconButton("gear", "room.settings", settings, { "data-action": "settings" }),
    iconButton("leave", "room.leave", leave, { class: "only-wide", "data-action": "leave" }),
  ];
}
