import { mentionsUser } from "../model/mentions.js";
import { preferences } from "../model/preferences.js";
import { language } from "../words/language.js";
import { excerpt } from "./formatting.js";
import { goTo, roomPath } from "./place.js";
import { roomName } from "./room-name.js";

/** Shows what arrives on the desktop while nobody looks at it here, if that was chosen. */
export function notify(chat) {
  chat.reader.addEventListener("arrived", ({ detail: { log, message } }) => {
    const me = chat.account.user?.username;
    if (preferences.notify === "off" || message.sender === me || typeof Notification === "undefined" || Notification.permission !== "granted") return;
    if (!document.hidden && document.hasFocus() && chat.reader.current === log.room) return;
    const room = chat.directory.get(log.room);
    // A public one that was left goes on being read as long as it is at hand.
    if (!room?.joined) return;
    const direct = room?.kind === "direct";
    if (preferences.notify === "mentions" && !direct && !mentionsUser(message, me)) return;
    const name = message.senderName || message.sender;
    const title = direct ? name : language.say("notify.title", { name, room: roomName(room, log.room) });
    // One for a room: the newest takes the place of the one before it.
    const shown = make(title, { body: excerpt(message.body, 200), tag: `everline ${log.room}`, icon: "/images/icon.svg", lang: language.current });
    if (!shown) return;
    shown.onclick = () => {
      window.focus();
      goTo(roomPath(log.room, message.seq));
      shown.close();
    };
  });
}

/** Nothing where only a service worker may show one, as on phones. */
function make(title, options) {
  try {
    return new Notification(title, options);
  } catch {
    return null;
  }
}

/** Asks the browser for leave; whether it was given. */
export async function mayNotify() {
  if (typeof Notification === "undefined") return false;
  return (await Notification.requestPermission()) === "granted";
}
