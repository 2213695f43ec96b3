/** What a room is called: a direct one by the other person. */
export const roomName = (room, name = room?.room) => (room?.kind === "direct" && room.with ? room.with.displayName || room.with.username : name);

export const roomIcon = (room) => ({ private: "lock", direct: "user" })[room?.kind] ?? "hash";

/** The words for a room's kind. */
export const roomKind = (room) => ({ private: "rooms.private", direct: "rooms.directKind" })[room?.kind] ?? "rooms.publicKind";
