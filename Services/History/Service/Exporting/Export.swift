import EverlinePostgres
import EverlineProtocol
import EverlineReading

/// Pages of a room's or a person's messages as lines, by number.
struct Export: Sendable {
    let sources: Sources
    let finder: MessageFinder

    func read(_ params: ExportParams, reader user: Int64) async throws -> ExportResult {
        switch params.source {
        case .room(let room, let after): try await read(room, after, params, user)
        case .account(let after): try await readOwn(after, params, user)
        }
    }

    private func read(_ room: String, _ after: Int64, _ params: ExportParams, _ user: Int64) async throws -> ExportResult {
        let page = try await sources.page(.after(after), room: room, reader: user, limit: params.limit)
        if let epoch = params.epoch, epoch != page.room.epoch { throw RPCError(.epochChanged) }
        let count = page.count == 0 ? 0 : page.fitting(0..<page.count, from: 0).count
        let last = count == 0 ? after : try page.seq(count - 1)
        return ExportResult(
            lines: try lines(page.messages().prefix(count), params.format, isFirst: after == 0),
            next: last < page.room.lastSeq ? .int(last) : nil, epoch: page.room.epoch)
    }

    private func readOwn(_ after: String?, _ params: ExportParams, _ user: Int64) async throws -> ExportResult {
        let place = (after ?? "0.0").split(separator: ".", omittingEmptySubsequences: false).map { Int64($0) }
        guard place.count == 2, let room = place[0], let seq = place[1] else {
            throw RPCError(.invalidParams, detail: "after is what an export answered with as next", parameter: "after")
        }
        return try await sources.snapshot { connection in
            let rows = try await connection.execute(Self.selectOwn, [user, room, seq, params.limit + 1], deadline: .seconds(8))
            let epoch: String = try await connection.execute(Self.selectEpoch).decode(0, 0)
            if let wanted = params.epoch, wanted != epoch { throw RPCError(.epochChanged) }
            var (rooms, seqs, bytes): ([Int64], [Int64], Int) = ([], [], 0)
            for index in 0..<min(rows.count, Int(params.limit)) where bytes < Limits.pageBytes {
                rooms.append(try rows.decode(index, 0))
                seqs.append(try rows.decode(index, 1))
                bytes += try rows.decode(index, 2, as: Int.self) + 300
            }
            let found = try await finder.messages(rooms, seqs, epoch: epoch, on: connection)
            let next = rooms.count < rows.count ? rooms.last.flatMap { room in seqs.last.map { "\(room).\($0)" } } : nil
            return ExportResult(
                lines: try lines(found, params.format, isFirst: after == nil), next: next.map(JSON.string), epoch: epoch)
        }
    }

    private func lines(_ messages: some Sequence<[UInt8]>, _ format: ExportFormat, isFirst: Bool) throws -> [String] {
        let header = isFirst ? ExportLines.header(format) : nil
        return try [header].compactMap { $0 } + messages.map { try ExportLines.line($0, format) }
    }

    private static let selectEpoch = PostgresStatement("SELECT e.generation || '-' || e.token FROM everline.epoch e")
    /// Room by room; where somebody is not in a room any more, what they wrote is still theirs.
    private static let selectOwn = PostgresStatement(
        """
        SELECT m.room_id, m.seq, octet_length(m.body)
        FROM (SELECT r.id FROM everline.rooms r WHERE r.id >= $2
            AND EXISTS (SELECT FROM everline.messages x WHERE x.room_id = r.id AND x.sender_id = $1) ORDER BY r.id) r
        CROSS JOIN LATERAL (SELECT m.room_id, m.seq, m.body FROM everline.messages m
            WHERE m.room_id = r.id AND m.sender_id = $1 AND (m.room_id > $2 OR m.seq > $3) ORDER BY m.seq LIMIT $4) m
        ORDER BY m.room_id, m.seq LIMIT $4
        """)
}
