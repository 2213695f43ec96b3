package struct SearchParams: WireObject {
    package enum Order: String, Sendable { case newest, relevance }

    package let query: String
    package let room: String?
    /// Username of the sender.
    package let from: String?
    /// Sent then or later, and before.
    package let since: Timestamp?
    package let until: Timestamp?
    package let order: Order
    package let limit: Int64
    /// Where an earlier answer to the same question ended.
    package let cursor: String?
    package let epoch: String?

    package init(from fields: inout Fields) throws(RPCError) {
        query = try fields.string("query")
        room = try fields.optionalRoom()
        from = try fields.optionalUsername("from")
        since = try fields.optionalTimestamp("since")
        until = try fields.optionalTimestamp("until")
        if let since, let until, since >= until {
            throw RPCError(.invalidParams, detail: "until must be later than since", parameter: "until")
        }
        guard let order = Order(rawValue: try fields.optionalString("order") ?? Order.newest.rawValue) else {
            throw RPCError(.invalidParams, detail: "order is newest or relevance", parameter: "order")
        }
        self.order = order
        limit = try fields.optionalInt("limit", in: 1...Int64(Limits.hits)) ?? Int64(Limits.defaultHits)
        cursor = try fields.optionalString("cursor")
        epoch = try fields.optionalString("epoch")
    }
    private init(_ other: SearchParams, epoch: String) {
        (query, room, from, since, until) = (other.query, other.room, other.from, other.since, other.until)
        (order, limit, cursor) = (other.order, other.limit, other.cursor)
        self.epoch = epoch
    }

    /// The same, of that epoch if none is named.
    package func naming(_ epoch: String) -> SearchParams { self.epoch == nil ? SearchParams(self, epoch: epoch) : self }

    package func encode(to object: inout ObjectWriter) {
        object.field("query", query)
        object.field("room", room)
        object.field("from", from)
        object.field("since", since?.description)
        object.field("until", until?.description)
        object.field("order", order.rawValue)
        object.field("limit", limit)
        object.field("cursor", cursor)
        object.field("epoch", epoch)
    }
}

/// Messages that were found. There may be more while there is a cursor, also when a page is short or empty: a search that takes long is answered in parts.
package struct SearchResult: WireObject {
    package struct Hit: WireObject {
        package let message: Message
        /// Ranges of code points of the body, [start, end).
        package let highlights: [[Int64]]

        package init(from fields: inout Fields) throws(RPCError) {
            message = try fields.object("message")
            guard case .array(let ranges)? = fields.json("highlights") else {
                throw RPCError(.invalidParams, detail: "highlights is missing", parameter: "highlights")
            }
            highlights = ranges.map { range in
                guard case .array(let ends) = range else { return [] }
                return ends.compactMap { if case .int(let end) = $0 { end } else { nil } }
            }
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("message", message)
            object.field("highlights", JSON.array(highlights.map { .array($0.map(JSON.int)) }))
        }
    }
    package let hits: [Hit]
    package let cursor: String?
    package let epoch: String

    package init(from fields: inout Fields) throws(RPCError) {
        hits = try fields.objects("hits")
        cursor = try fields.optionalString("cursor")
        epoch = try fields.string("epoch")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("hits", hits)
        object.field("cursor", cursor)
        object.field("epoch", epoch)
    }
}

package enum HistorySearch: Method {
    package static let name = "history.search"
    package typealias Params = SearchParams
    package typealias Result = SearchResult
}

/// What the gateway calls on history. Caller: message-gateway.
package enum InternalSearch: Method {
    package static let name = "internal.history.search"
    package typealias Params = OnBehalf<SearchParams>
    package typealias Result = SearchResult
}
