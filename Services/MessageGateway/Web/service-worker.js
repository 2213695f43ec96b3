// Keeps the page itself, so that it opens without a network: scripts, styles and pictures, never a message and never an answer of the server.
const KEPT = "everline-shell";
const PATIENCE_MS = 3000;
const SHELL = /^\/(?:$|index\.html$|manifest\.webmanifest$|scripts\/|styles\/|images\/|emoji\/)/;

const PLACE = /^\/(?:$|room\/|search|account|admin)/;

self.addEventListener("install", (event) => event.waitUntil(keepFirst().then(() => self.skipWaiting())));

/** The page, and what it names as needed from the start. */
async function keepFirst() {
  const cache = await caches.open(KEPT);
  const answer = await fetch("/");
  if (!answer.ok) throw new Error(`/ answered ${answer.status}`);
  const text = await answer.clone().text();
  await cache.put("/", answer);
  await cache.addAll(Array.from(text.matchAll(/(?:href|src)="(\/[^"]+)"/g), ([, path]) => path));
}

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  // Every place within the page is the same page.
  if (request.mode === "navigate" && PLACE.test(url.pathname)) event.respondWith(newest(request, "/"));
  else if (SHELL.test(url.pathname)) event.respondWith(newest(request, url.pathname));
});

/** The server's if it answers in time, else what was kept. */
async function newest(request, key) {
  const cache = await caches.open(KEPT);
  const kept = await cache.match(key);
  const fetched = fetch(request).then((answer) => {
    if (answer.ok && answer.type === "basic" && !answer.redirected) cache.put(key, answer.clone());
    return answer;
  });
  if (!kept) return fetched;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  return Promise.race([fetched.catch(() => kept), late]);
}
