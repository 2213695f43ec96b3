import { Chat } from "./model/chat.js";
import { ConnectionState } from "./view/connection-state.js";
import { element } from "./view/element.js";
import { LiveRegion } from "./view/live-region.js";
import { Notices } from "./view/notices.js";
import { loadStyles } from "./view/styles.js";
import { followLinks } from "./view/place.js";
import { roomName } from "./view/room-name.js";
import { soon } from "./view/soon.js";
import { keepTheme } from "./view/theme-switch.js";
import { language } from "./words/language.js";

const url = new URL("/ws", location.href);
url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
const LATER_MS = 1000;
const chat = new Chat(url.href);
const notices = new Notices();
const place = element("div", { class: "page" });
let screen = null;
let notice = null;

/** What is shown to whom; who is logged in needs no page to log in with, and the other way round. */
const screens = {
  main: async () => new (await import("./view/main-screen.js")).MainScreen(chat, notices),
  signIn: async () => {
    const [{ SignIn }] = await Promise.all([import("./view/sign-in.js"), loadStyles("/styles/sign-in.css")]);
    return new SignIn(chat, notice);
  },
  mustChange: async () => {
    const [{ ChangePassword }] = await Promise.all([import("./view/change-password.js"), loadStyles("/styles/sign-in.css"), loadStyles("/styles/parts.css")]);
    return new ChangePassword(chat);
  },
};
const screenNow = () => (!chat.account.user ? "signIn" : chat.account.user.mustChange ? "mustChange" : "main");
let turn = 0;

async function show() {
  screen?.stop?.();
  screen = null;
  const mine = ++turn;
  const kind = screenNow();
  let made;
  try {
    made = await screens[kind]();
  } catch (error) {
    // A script of it did not come; a module that failed once is not asked for again while this page lives.
    console.warn(error);
    return dispatchEvent(new Event("everline-incomplete"));
  }
  if (mine !== turn) return;
  if (kind !== "main") for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  screen = made;
  place.dataset.screen = kind;
  place.replaceChildren(screen.whole);
  screen.shown();
  notice = null;
  dispatchEvent(new Event("everline-started"));
}

/** How much is unread, and which room is open. */
function title() {
  const { directory, reader } = chat;
  const unread = directory.totalUnread;
  const room = reader.current ? roomName(directory.get(reader.current), reader.current) : null;
  document.title = `${unread > 0 ? `(${language.number(unread)}) ` : ""}${room ? `${language.isolated(room)} · ` : ""}Everline`;
}

// The skip link moves the focus and leaves the address alone.
const skip = element("a", {
  class: "skip-link",
  href: "#main",
  text: "app.skip",
  on: {
    click: (event) => {
      event.preventDefault();
      (document.querySelector(".composer-text, .timeline, .sign-in input") ?? document.querySelector("#main"))?.focus();
    },
  },
});

keepTheme();
followLinks();
document.body.replaceChildren(skip, new ConnectionState(chat.connection).whole, place, notices.whole, new LiveRegion(chat).whole);
language.apply();
language.addEventListener("change", title);
chat.addEventListener("ended", () => {
  notice = "account.ended";
});
chat.addEventListener("account", show);
chat.account.addEventListener("renewed", () => {
  if (place.dataset.screen === screenNow()) return;
  show();
  // What was refused until now is asked for anew.
  chat.connection.renew();
});
chat.directory.addEventListener("change", soon(title));
addEventListener("place", title);
chat.version.addEventListener("change", () => notices.ask("app.newVersion", "app.reload", () => location.reload()));
chat.start();
// What is not looked at first comes after it, when there is nothing else to do.
const idle = globalThis.requestIdleCallback ?? setTimeout;
const later = () => {
  loadStyles("/styles/overlays.css");
  import("./view/notifier.js").then(({ notify }) => notify(chat));
};
setTimeout(() => idle(later), LATER_MS);

// "Today" is another day after midnight.
let day = new Date().toDateString();
setInterval(() => {
  if (day === new Date().toDateString()) return;
  day = new Date().toDateString();
  language.apply();
}, 60_000);

// The shell opens without a network too, and then says that there is none. A browser that does not trust the certificate has no workers.
navigator.serviceWorker?.register("/service-worker.js").catch(() => {});
