import EverlineAnalysis
import EverlinePostgres
import EverlineProtocol
import EverlineReading

/// Finds messages.
struct Search: Sendable {
    let sources: Sources
    let messages: MessageFinder

    /// How long one part of an answer may be looked for.
    private static let patience = Duration.milliseconds(1_500)
    /// The newest so many that are found are put in order by how well they fit; older ones follow, the newest first.
    private static let ranked = 5_000

    /// A `SearchResult` as JSON. The work is done apart from the event loop, as it may take milliseconds without a pause.
    func find(_ params: SearchParams, reader user: Int64) async throws -> [UInt8] {
        let query = try SearchQuery(params.query)
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            try await sources.snapshot { connection in
                let scope = try await SearchScope.read(room: params.room, from: params.from, reader: user, on: connection)
                if let epoch = params.epoch, epoch != scope.epoch { throw RPCError(.epochChanged) }
                let answer = try await answer(params, query, scope, connection)
                return try await encode(answer, params.question, scope.epoch, connection)
            }
        }
    }

    private struct Answer {
        var hits: [Hit]
        var cursor: SearchCursor?
    }

    private func answer(_ params: SearchParams, _ query: SearchQuery, _ scope: SearchScope, _ connection: PostgresConnection)
        async throws
        -> Answer
    {
        let place = try params.cursor.map { text throws(RPCError) in
            try SearchCursor(text, params.question, epoch: scope.epoch).place
        }
        if params.from != nil, scope.sender == nil { return Answer(hits: []) }
        var window = Finding.Window(
            since: params.since?.milliseconds ?? -(1 << 50), until: params.until?.milliseconds ?? 1 << 50,
            sender: params.from == nil ? nil : scope.sender)
        let limit = Int(params.limit)
        let end = ContinuousClock.now + Self.patience
        if params.order == .newest || place.map({ if case .newest = $0 { true } else { false } }) ?? false {
            if case .newest(let below)? = place { window.below = below }
            if case .relevance? = place {
                throw RPCError(.invalidParams, detail: "cursor belongs to another search", parameter: "cursor")
            }
            var finding = Finding(query, scope, window, on: connection)
            let found = try await finding.run(limit: limit + 1, until: end)
            if found.hits.count > limit {
                return Answer(
                    hits: Array(found.hits.prefix(limit)), cursor: SearchCursor(place: .newest(below: found.hits[limit - 1].key)))
            }
            return Answer(hits: found.hits, cursor: found.unfinished.map { SearchCursor(place: .newest(below: $0)) })
        }
        var (bound, last): (HitKey?, (score: Double, key: HitKey)?) = (nil, nil)
        if case .relevance(let asOf, let lower, let score, let key)? = place {
            // What was sent no later than the newest hit of the first page.
            window.below = HitKey(milliseconds: asOf.milliseconds, room: asOf.room, seq: asOf.seq + 1)
            (window.above, bound, last) = (
                lower.map { HitKey(milliseconds: $0.milliseconds, room: $0.room, seq: $0.seq - 1) }, lower, (score, key)
            )
        }
        var finding = Finding(query, scope, window, on: connection)
        let found = try await finding.run(limit: Self.ranked + 1, until: end)
        var hits = found.hits
        if place == nil {
            if hits.count > Self.ranked {
                hits.removeLast()
                bound = hits.last?.key
            } else if let unfinished = found.unfinished {
                guard let oldest = hits.last else {
                    return Answer(hits: [], cursor: SearchCursor(place: .newest(below: unfinished)))
                }
                bound = oldest.key
            }
        }
        guard let asOf = hits.first?.key else { return Answer(hits: []) }
        hits.sort { $0.score != $1.score ? $0.score > $1.score : $0.key > $1.key }
        if let last { hits.removeAll { $0.score > last.score || $0.score == last.score && $0.key >= last.key } }
        if hits.count > limit {
            let end = hits[limit - 1]
            return Answer(
                hits: Array(hits.prefix(limit)),
                cursor: SearchCursor(place: .relevance(asOf: asOf, bound: bound, score: end.score, last: end.key)))
        }
        return Answer(hits: hits, cursor: bound.map { SearchCursor(place: .newest(below: $0)) })
    }

    private func encode(_ answer: Answer, _ question: String, _ epoch: String, _ connection: PostgresConnection) async throws
        -> [UInt8]
    {
        let found = try await messages.messages(
            answer.hits.map(\.key.room), answer.hits.map(\.key.seq), epoch: epoch, on: connection)
        guard found.count == answer.hits.count else { throw RPCError(.internalError) }
        var writer = JSONWriter(reserving: found.reduce(256) { $0 + $1.count + 64 })
        writer.object { object in
            object.field("hits", zip(found, answer.hits).map(EncodedHit.init))
            object.field("cursor", answer.cursor?.text(question, epoch: epoch))
            object.field("epoch", epoch)
        }
        return writer.bytes
    }
}

private struct EncodedHit: WireEncodable {
    let message: [UInt8]
    let hit: Hit

    init(_ message: [UInt8], _ hit: Hit) {
        self.message = message
        self.hit = hit
    }

    func write(to writer: inout JSONWriter) {
        writer.object { object in
            object.field("message", raw: message)
            object.field(
                "highlights",
                JSON.array(hit.highlights.map { .array([.int(Int64($0.lowerBound)), .int(Int64($0.upperBound))]) }))
            object.field("score", JSON.double((hit.score * 1_000).rounded() / 1_000))
        }
    }
}

extension SearchParams {
    /// What a cursor belongs to.
    fileprivate var question: String {
        [query, room, from, since?.description, until?.description, order.rawValue].map { $0 ?? "" }.joined(separator: "\u{1F}")
    }
}
