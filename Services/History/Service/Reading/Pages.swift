import EverlineProtocol
import EverlineReading

/// Pages of older messages.
struct Pages: Sendable {
    let rooms: RoomStates
    let messages: MessageReader

    func read(_ params: PageParams, reader user: Int64) async throws -> PageResult {
        let room = try await rooms.room(params.room, reader: user)
        if let epoch = params.epoch, epoch != room.epoch { throw RPCError(.epochChanged) }
        let limit = params.limit
        switch params.anchor {
        case .before(let seq):
            // One more than asked for tells whether there are more.
            let found = try await messages.before(seq, in: room, limit: limit + 1)
            return Self.result(found.suffix(Int(limit)), more: found.count > Int(limit), room)
        case .after(let seq):
            let found = try await messages.after(seq, in: room, limit: limit + 1)
            return Self.result(found.prefix(Int(limit)), more: found.count > Int(limit), room)
        case .around(let seq): return try await around(seq, limit, room)
        case .at(let time):
            // After the last message: the page ends with it.
            return try await around(try await messages.first(since: time, in: room) ?? room.lastSeq, limit, room)
        }
    }

    /// Half before the message and half from it on; where one side is short the other fills the page.
    private func around(_ seq: Int64, _ limit: Int64, _ room: ReadableRoom) async throws -> PageResult {
        let centre = min(max(seq, 1), max(room.lastSeq, 1))
        let first = max(1, min(centre - limit / 2, room.lastSeq - limit + 1))
        let found = try await messages.after(first - 1, in: room, limit: limit)
        let last = found.last?.seq ?? 0
        return Self.result(found[...], more: first > 1 || last < room.lastSeq, room)
    }

    private static func result(_ messages: ArraySlice<Message>, more: Bool, _ room: ReadableRoom) -> PageResult {
        PageResult(
            messages: RawList(encoding: messages, expectedBytes: messages.reduce(0) { $0 + $1.body.utf8.count + 320 }),
            hasMore: more,
            epoch: room.epoch)
    }
}
