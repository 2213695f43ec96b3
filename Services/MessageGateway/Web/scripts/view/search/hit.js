import { dateTimeOf } from "../../words/dates.js";
import { avatar } from "../avatar.js";
import { element, icon } from "../element.js";
import { roomPath } from "../place.js";
import { roomIcon, roomName } from "../room-name.js";

/** So much is shown before and after what was found. */
const AROUND = 120;

/** One message that was found; leads to its place in the room. */
export function hitItem({ message, highlights }, room) {
  const name = message.senderName || message.sender;
  return element(
    "li",
    { class: "hit" },
    element(
      "a",
      { class: "hit-link", href: roomPath(message.room, message.seq) },
      avatar(message.sender, name),
      element(
        "span",
        { class: "hit-text" },
        element(
          "span",
          { class: "hit-top" },
          element("bdi", { class: "sender" }, name),
          element("span", { class: "hit-room" }, icon(roomIcon(room)), element("bdi", {}, roomName(room, message.room))),
          element("time", { class: "time", datetime: message.sentAt, text: () => dateTimeOf(new Date(message.sentAt)) }),
        ),
        element("span", { class: "hit-body", dir: "auto" }, ...highlighted(message.body, highlights ?? [])),
      ),
    ),
  );
}

/** The text with marks where the words were found; the places are numbers of code points. */
function highlighted(body, highlights) {
  const points = [...body];
  const ranges = highlights.map((one) => (Array.isArray(one) ? one : [one.start, one.end])).filter(([start, end]) => start < end && end <= points.length);
  const first = ranges[0]?.[0] ?? 0;
  const from = first > AROUND ? first - AROUND : 0;
  const to = Math.min(points.length, Math.max(from + 2 * AROUND + 60, (ranges[0]?.[1] ?? 0) + AROUND));
  const nodes = from > 0 ? ["…"] : [];
  let done = from;
  for (const [start, end] of ranges) {
    if (start < done || end > to) continue;
    if (start > done) nodes.push(points.slice(done, start).join(""));
    nodes.push(element("mark", {}, points.slice(start, end).join("")));
    done = end;
  }
  nodes.push(points.slice(done, to).join(""));
  if (to < points.length) nodes.push("…");
  return nodes;
}
