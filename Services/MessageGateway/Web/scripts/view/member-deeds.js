import "./dialog-words.js";
import { confirmDialog } from "./dialog.js";
import { menuButton } from "./menu.js";

const HOUR_MS = 3_600_000;

/** The menu of what this user may do about a member; null if nothing. */
export function memberDeeds(member, { chat, room, notices, refill }) {
  const { username, displayName, role } = member;
  if (username === chat.account.user.username) return null;
  const owner = room.role === "owner";
  const moderator = owner || (room.role === "moderator" && role === "member");
  if (!room.joined || room.kind === "direct" || !moderator) return null;
  const attempt = async (method, params = {}) => {
    try {
      await chat.manage(method, room.room, { username, ...params });
      await refill();
    } catch (error) {
      notices.fail(error);
    }
  };
  const sure = (key, act) => confirmDialog({ title: `deeds.${key}Title`, params: { name: displayName }, text: `deeds.${key}Text`, action: `deeds.${key}`, act });
  const items = [];
  if (owner && role === "member") items.push({ text: "deeds.makeModerator", icon: "shield", act: () => attempt("setRole", { role: "moderator" }) });
  if (owner && role === "moderator") items.push({ text: "deeds.makeMember", icon: "user", act: () => attempt("setRole", { role: "member" }) });
  if (owner) items.push({ text: "deeds.transfer", icon: "key", act: () => sure("transfer", () => attempt("transfer")) });
  if (member.mutedUntil) items.push({ text: "deeds.unmute", icon: "bell", act: () => attempt("unmute") });
  else items.push({ text: "deeds.mute", icon: "bell", act: () => attempt("mute", { until: new Date(Date.now() + HOUR_MS).toISOString() }) });
  items.push({ text: "deeds.remove", icon: "leave", act: () => sure("remove", () => attempt("remove")) });
  items.push({ text: "deeds.ban", icon: "close", danger: true, act: () => sure("ban", () => attempt("remove", { ban: true })) });
  return menuButton("more", "deeds.menu", items);
}
