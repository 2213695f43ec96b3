import { Chat } from "./model/chat.js";
import { ConnectionState } from "./view/connection-state.js";
import { element } from "./view/element.js";
import { MainScreen } from "./view/main-screen.js";
import { Notices } from "./view/notices.js";
import { SignIn } from "./view/sign-in.js";
import { language } from "./words/language.js";

const url = new URL("/ws", location.href);
url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
const chat = new Chat(url.href);
const notices = new Notices();
const place = element("div", { class: "page" });
let screen = null;
let notice = null;

function show() {
  screen?.stop?.();
  if (chat.account.user) {
    screen = new MainScreen(chat, notices);
    place.replaceChildren(screen.whole);
    screen.shown();
  } else {
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    screen = new SignIn(chat, notice);
    place.replaceChildren(screen.whole);
    screen.focus();
  }
  notice = null;
}

function title() {
  const unread = chat.directory.totalUnread;
  document.title = unread > 0 ? `(${unread}) Everline` : "Everline";
}

// The address names rooms, so the skip link moves the focus and leaves the address alone.
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

document.body.replaceChildren(skip, new ConnectionState(chat.connection).whole, place, notices.whole);
language.apply();
chat.addEventListener("ended", () => {
  notice = "account.ended";
});
chat.addEventListener("account", show);
chat.directory.addEventListener("change", title);
chat.start();

// "Today" is another day after midnight.
let day = new Date().toDateString();
setInterval(() => {
  if (day === new Date().toDateString()) return;
  day = new Date().toDateString();
  language.apply();
}, 60_000);
