package import EverlineProtocol
package import EverlineRedis
import Metrics
import Synchronization

/// The newest messages: from Redis' window if it can be trusted, completed or replaced from PostgreSQL if not.
package final class Recent: Sendable {
    private let rooms: RoomStates
    private let messages: MessageReader
    private let window: RoomWindow
    /// Reads of windows that are under way, and who waits for the same: what holds for the counters of one holds for all who read the same
    /// counters.
    private let underWay = Mutex<[ReadableRoom: [CheckedContinuation<[UInt8]?, Never>]]>([:])

    package init(rooms: RoomStates, messages: MessageReader, window: RoomWindow) {
        self.rooms = rooms
        self.messages = messages
        self.window = window
    }

    /// A `RecentResult` as JSON.
    ///
    /// - Parameter admit: throws if the reader is not of the room's epoch.
    package func read(
        _ params: RoomParams, reader user: Int64, admit: @Sendable (ReadableRoom) throws(RPCError) -> Void = { _ in }
    ) async throws -> [UInt8] {
        let room = try await rooms.room(params.room, reader: user)
        try admit(room)
        guard room.lastSeq > 0 else { return Self.result(RawList(), "redis", room) }
        if let found = await shared(room, reader: user) { return found }
        // Perhaps the window had already what was committed after the counter was read.
        let again = try await rooms.room(params.room, reader: user)
        try admit(again)
        if again != room, let found = await shared(again, reader: user) { return found }
        return try await fromPostgres(params.room, reader: user, admit)
    }

    private func shared(_ room: ReadableRoom, reader user: Int64) async -> [UInt8]? {
        let isFirst = underWay.withLock { reads in
            if reads[room] != nil { return false }
            reads[room] = []
            return true
        }
        if isFirst {
            let found = await fromWindow(room, reader: user)
            for other in underWay.withLock({ $0.removeValue(forKey: room) }) ?? [] { other.resume(returning: found) }
            return found
        }
        return await withCheckedContinuation { continuation in
            let waits = underWay.withLock { $0[room]?.append(continuation) != nil }
            // It has ended in this moment, so its answer cannot be had any more: as if the window could not be read.
            if !waits { continuation.resume(returning: nil) }
        }
    }

    /// `nil` if the window does not end at the counter, lacks a revision, belongs to another epoch, or cannot be had.
    private func fromWindow(_ room: ReadableRoom, reader user: Int64) async -> [UInt8]? {
        let first = max(1, room.lastSeq - Int64(window.size) + 1)
        guard let content = try? await window.content(room: room.id, numbers: first...room.lastSeq), content.epoch == room.epoch,
            content.rev >= room.lastRev
        else { return nil }
        var all = content.messages
        let missing = room.lastSeq - content.last
        if missing > 0 {
            // One snapshot proves of what epoch and room these are; what was revised since the counters were read may show, as in the window.
            guard
                let rest = try? await messages.page(.after(content.last), room: room.name, reader: user, limit: missing),
                rest.room.id == room.id, rest.room.epoch == room.epoch, rest.count == missing,
                (try? rest.seq(rest.count - 1)) == room.lastSeq
            else { return nil }
            let encoded = rest.messages()
            _ = window.append(room: room.id, epoch: room.epoch, first: content.last + 1, rev: room.lastRev, messages: encoded)
            for message in encoded { all.append(message) }
        }
        return Self.result(all, "redis", room)
    }

    /// Counters, epoch and messages of one snapshot.
    private func fromPostgres(_ name: String, reader user: Int64, _ admit: (ReadableRoom) throws(RPCError) -> Void) async throws
        -> [UInt8]
    {
        let page = try await messages.page(.before(.max), room: name, reader: user, limit: Int64(window.size))
        try admit(page.room)
        let encoded = page.messages()
        if page.count > 0 {
            Self.rebuilds.increment()
            // Whether it comes to that or not, the reader has the answer.
            _ = window.append(
                room: page.room.id, epoch: page.room.epoch, first: try page.seq(0), rev: page.room.lastRev, messages: encoded,
                whole: true)
        }
        return Self.result(RawList(encoded), "postgres", page.room)
    }

    private static func result(_ messages: RawList, _ source: String, _ room: ReadableRoom) -> [UInt8] {
        (source == "redis" ? redis : postgres).increment()
        return RecentResult(messages: messages, source: source, epoch: room.epoch, lastSeq: room.lastSeq).jsonBytes()
    }

    private static let rebuilds = Counter(label: "everline_window_rebuilds_total")
    private static let redis = Counter(label: "everline_recent_total", dimensions: [("source", "redis")])
    private static let postgres = Counter(label: "everline_recent_total", dimensions: [("source", "postgres")])
}
