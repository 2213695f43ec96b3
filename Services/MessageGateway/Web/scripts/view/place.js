/** In place of `.` and `..`, which mean something else in an address; no name is encoded to this. */
const NAMELESS = "%7E";

/**
 * Where in the page one is, by its address: `/` the rooms, `/room/NAME` a room, `/room/NAME/123` a message in it, `/search?…`, `/account/…` and
 * `/admin/…`. The browser's back button and a reload then do what they should.
 */
export function placeNow() {
  // Links of an older page.
  const old = /^#\/(.+)$/.exec(location.hash);
  if (old) history.replaceState(null, "", `/room/${old[1]}`);
  const [, view, first, second] = location.pathname.split("/");
  if (view === "room" && first) {
    const room = (first === NAMELESS && new URLSearchParams(location.search).get("name")) || decoded(first);
    if (room) return { view: "room", room, seq: /^[1-9]\d{0,15}$/.test(second ?? "") ? Number(second) : null };
  }
  if (view === "search") return { view: "search", params: new URLSearchParams(location.search) };
  if (view === "account" || view === "admin") return { view, part: first ?? "", params: new URLSearchParams(location.search) };
  return { view: "home" };
}

export const roomPath = (room, seq) => {
  const [name, query] = /^\.\.?$/.test(room) ? [NAMELESS, `?name=${room.replaceAll(".", "%2E")}`] : [encodeURIComponent(room), ""];
  return `/room/${name}${seq ? `/${seq}` : ""}${query}`;
};

/** The whole address of a message, to be given to others. */
export const messageLink = (room, seq) => new URL(roomPath(room, seq), location.origin).href;

export function goTo(path, { replace = false } = {}) {
  if (path !== location.pathname + location.search) history[replace ? "replaceState" : "pushState"](null, "", path);
  dispatchEvent(new Event("place"));
}

/** A press on a link of ours changes the place without loading the page anew. */
export function followLinks() {
  addEventListener("popstate", () => dispatchEvent(new Event("place")));
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.("a[href]");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (!/^\/($|room\/|search|account|admin)/.test(link.pathname)) return;
    event.preventDefault();
    goTo(link.pathname + link.search);
  });
}

function decoded(text) {
  try {
    return decodeURIComponent(text).normalize("NFC");
  } catch {
    return null;
  }
}
