import EverlinePostgres
package import EverlineProtocol

/// A room and messages of it as one snapshot had them. Messages stay in libpq's memory until they are written as JSON, bytes to bytes.
package struct RoomPage: Sendable {
    package let room: ReadableRoom
    /// How many messages there are.
    package let count: Int
    /// About how many bytes they come to.
    package let expectedBytes: Int
    /// The users who sent them, each once.
    let senders: [Int64]
    private let rows: PostgresRows
    private let descending: Bool
    private let row: MessageRow
    private var names: [Int64: [UInt8]] = [:]

    /// Whether the room's own row, which no message's client id is in, goes before those of messages.
    static func isReadable(_ rows: PostgresRows) -> Bool { !rows.isEmpty && rows.isNull(0, MessageRow.clientID) }

    /// - Parameters:
    ///   - rows: the room's own row, then the messages'.
    ///   - descending: whether the messages come newest first.
    init(_ rows: PostgresRows, id: Int64, name: String, descending: Bool) throws {
        guard rows.hasTypes(MessageRow.types) else { throw PostgresError(.usage, "messages with other columns than theirs") }
        room = ReadableRoom(
            id: id, name: name, lastSeq: try rows.decode(0, 0), lastRev: try rows.decode(0, 5), epoch: try rows.decode(0, 2))
        count = rows.count - 1
        self.rows = rows
        self.descending = descending
        row = MessageRow(room: name, epoch: room.epoch)
        var found: [Int64] = []
        var bytes = 0
        rows.forEachRow(1..<rows.count) { cells in
            let sender = MessageRow.sender(cells)
            if found.last != sender, !found.contains(sender) { found.append(sender) }
            bytes += MessageRow.textBytes(cells)
        }
        senders = found
        expectedBytes = bytes + count * row.expectedBytes
    }

    /// - Parameter fields: of each sender, as `SenderNames` has them.
    func naming(_ fields: [Int64: [UInt8]]) -> RoomPage {
        var page = self
        page.names = fields
        return page
    }

    /// The number of the n-th message, oldest first.
    package func seq(_ index: Int) throws -> Int64 { try rows.decode(descending ? count - index : index + 1, 0) }

    /// As many of the wanted messages as a page may hold in bytes, and at least one: from `start` on, then those nearest to it on either side.
    package func fitting(_ wanted: Range<Int>, from start: Int) -> Range<Int> {
        guard expectedBytes > Limits.pageBytes, wanted.contains(start) else { return wanted }
        var sizes: [Int] = []
        sizes.reserveCapacity(count)
        rows.forEachRow(1..<count + 1, descending: descending) { sizes.append(MessageRow.textBytes($0) + row.expectedBytes) }
        var fitting = start..<start + 1
        var room = Limits.pageBytes - sizes[start]
        while true {
            let before = fitting.lowerBound > wanted.lowerBound ? fitting.lowerBound - 1 : nil
            let after = fitting.upperBound < wanted.upperBound ? fitting.upperBound : nil
            // The shorter side goes on first.
            let isBefore = before != nil && (after == nil || start - fitting.lowerBound <= fitting.upperBound - 1 - start)
            guard let next = isBefore ? before : after, sizes[next] <= room else { return fitting }
            room -= sizes[next]
            fitting = isBefore ? next..<fitting.upperBound : fitting.lowerBound..<next + 1
        }
    }

    /// Some of the messages, counted from the oldest, as a JSON array.
    package func array(_ wanted: Range<Int>) -> some WireEncodable { MessageArray(page: self, wanted: wanted) }

    /// Each message as JSON, oldest first.
    package func messages() -> [[UInt8]] {
        var all: [[UInt8]] = []
        all.reserveCapacity(count)
        rows.forEachRow(1..<count + 1, descending: descending) { cells in
            let sender = names[MessageRow.sender(cells)] ?? []
            var writer = JSONWriter(reserving: MessageRow.textBytes(cells) + row.expectedBytes)
            row.write(cells, sender, to: &writer)
            all.append(writer.bytes)
        }
        return all
    }

    fileprivate func write(_ wanted: Range<Int>, to writer: inout JSONWriter) {
        let (lower, upper) = (wanted.lowerBound + 1, wanted.upperBound + 1)
        writer.raw("[")
        var first = true
        rows.forEachRow(descending ? count + 2 - upper..<count + 2 - lower : lower..<upper, descending: descending) { cells in
            if !first { writer.raw(",") }
            first = false
            row.write(cells, names[MessageRow.sender(cells)] ?? [], to: &writer)
        }
        writer.raw("]")
    }
}

private struct MessageArray: WireEncodable {
    let page: RoomPage
    let wanted: Range<Int>

    func write(to writer: inout JSONWriter) { page.write(wanted, to: &writer) }
}
