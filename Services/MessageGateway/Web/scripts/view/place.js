/** Which room the address names: `#/NAME`, or none. The browser's back button and a reload then do what they should. */
export function placeNow() {
  const match = /^#\/(.+)$/.exec(location.hash);
  if (!match) return null;
  try {
    return decodeURIComponent(match[1]).normalize("NFC");
  } catch {
    return null;
  }
}

export function goTo(room) {
  location.hash = room ? `#/${encodeURIComponent(room)}` : "#/";
}
