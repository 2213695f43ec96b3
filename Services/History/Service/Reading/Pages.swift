import EverlineProtocol
import EverlineReading

/// Pages of older messages.
struct Pages: Sendable {
    let sources: Sources

    /// A `PageResult` as JSON.
    func read(_ params: PageParams, reader user: Int64) async throws -> [UInt8] {
        switch params.anchor {
        case .before(let seq):
            // One more than asked for tells whether there are more.
            let page = try await page(.before(seq), params, user, limit: params.limit + 1)
            let wanted = page.fitting(max(0, page.count - Int(params.limit))..<page.count, from: page.count - 1)
            return PageAnswer(page: page, wanted: wanted, hasMore: wanted.lowerBound > 0).bytes
        case .after(let seq):
            let page = try await page(.after(seq), params, user, limit: params.limit + 1)
            let wanted = page.fitting(0..<min(page.count, Int(params.limit)), from: 0)
            return PageAnswer(page: page, wanted: wanted, hasMore: wanted.upperBound < page.count).bytes
        case .around, .at:
            // Where the page lies is found first. If another epoch began in between, that was another history: once more, in the new one.
            for _ in 0..<2 {
                let room = try await sources.room(params.room, reader: user)
                let centre = try await centre(of: params.anchor, in: room)
                let first = max(1, min(centre - params.limit / 2, room.lastSeq - params.limit + 1))
                let page = try await page(.after(first - 1), params, user, limit: params.limit)
                guard page.room.epoch == room.epoch else { continue }
                guard page.count > 0 else { return PageAnswer(page: page, wanted: 0..<0, hasMore: page.room.lastSeq > 0).bytes }
                let wanted = page.fitting(0..<page.count, from: min(Int(centre - first), page.count - 1))
                let (oldest, newest) = (try page.seq(wanted.lowerBound), try page.seq(wanted.upperBound - 1))
                return PageAnswer(page: page, wanted: wanted, hasMore: oldest > 1 || newest < page.room.lastSeq).bytes
            }
            throw RPCError(.unavailable, detail: "history is being turned back", retryAfterMs: 500)
        }
    }

    private func page(_ direction: MessageReader.Direction, _ params: PageParams, _ user: Int64, limit: Int64) async throws
        -> RoomPage
    {
        let page = try await sources.page(direction, room: params.room, reader: user, limit: limit)
        if let epoch = params.epoch, epoch != page.room.epoch { throw RPCError(.epochChanged) }
        return page
    }

    /// The message with half of the page before it and half from it on; where one side is short the other fills the page.
    private func centre(of anchor: PageParams.Anchor, in room: ReadableRoom) async throws -> Int64 {
        let seq: Int64
        switch anchor {
        case .before(let number), .after(let number), .around(let number): seq = number
        // After the last message: the page ends with it.
        case .at(let time): seq = try await sources.first(since: time, in: room) ?? room.lastSeq
        }
        return min(max(seq, 1), max(room.lastSeq, 1))
    }
}

/// What a `PageResult` is on the wire, its messages straight from the rows.
private struct PageAnswer {
    let page: RoomPage
    let wanted: Range<Int>
    let hasMore: Bool

    var bytes: [UInt8] {
        var writer = JSONWriter(reserving: min(page.expectedBytes, Limits.pageBytes) + 128)
        writer.object { object in
            object.field("messages", page.array(wanted))
            object.field("hasMore", hasMore)
            object.field("epoch", page.room.epoch)
        }
        return writer.bytes
    }
}
