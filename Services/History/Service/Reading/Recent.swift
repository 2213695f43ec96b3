import EverlineProtocol
import EverlineRedis
import Metrics

/// The newest messages: from Redis' window if it can be trusted, completed or replaced from PostgreSQL if not.
struct Recent: Sendable {
    let rooms: RoomStates
    let messages: MessageReader
    let window: RoomWindow

    func read(_ params: RoomParams, reader user: Int64) async throws -> RecentResult {
        let room = try await rooms.room(params.room, reader: user)
        guard room.lastSeq > 0 else { return Self.result([], "redis", room) }
        if let found = await fromWindow(room) { return found }
        // Perhaps the window had already what was committed after the counter was read.
        let again = try await rooms.room(params.room, reader: user)
        if (again.lastSeq, again.lastRev) != (room.lastSeq, room.lastRev), let found = await fromWindow(again) { return found }
        return try await fromPostgres(again)
    }

    /// `nil` if the window does not end at the counter, lacks a revision, belongs to another epoch, or cannot be had.
    private func fromWindow(_ room: ReadableRoom) async -> RecentResult? {
        guard let content = try? await window.content(room: room.id), content.epoch == room.epoch,
            content.rev >= room.lastRev
        else { return nil }
        let run = content.run
        guard let last = run.last?.seq, let first = run.first?.seq, last <= room.lastSeq else { return nil }
        let missing = room.lastSeq - last
        // Long enough: all there is, or as many as are asked for once it is completed.
        guard missing < Int64(window.size) / 2, first == 1 || run.count + Int(missing) >= window.size else { return nil }
        var all = run.map(\.json)
        if missing > 0 {
            guard let rest = try? await messages.after(last, in: room, limit: missing), rest.count == missing else { return nil }
            let encoded = rest.map { $0.jsonBytes() }
            _ = window.append(room: room.id, epoch: room.epoch, first: last + 1, rev: room.lastRev, messages: encoded)
            all += encoded
        }
        return Self.result(Array(all.suffix(window.size)), "redis", room)
    }

    private func fromPostgres(_ room: ReadableRoom) async throws -> RecentResult {
        let found = try await messages.before(room.lastSeq + 1, in: room, limit: Int64(window.size))
        let encoded = found.map { $0.jsonBytes() }
        if let first = found.first {
            // Whether it comes to that or not, the reader has the answer.
            _ = window.append(
                room: room.id, epoch: room.epoch, first: first.seq, rev: room.lastRev, messages: encoded, whole: true)
        }
        return Self.result(encoded, "postgres", room)
    }

    private static func result(_ messages: [[UInt8]], _ source: String, _ room: ReadableRoom) -> RecentResult {
        Counter(label: "everline_recent_total", dimensions: [("source", source)]).increment()
        return RecentResult(messages: messages, source: source, epoch: room.epoch, lastSeq: room.lastSeq)
    }
}
