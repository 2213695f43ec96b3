/// Messages, oldest first.
package struct RecentResult: WireObject {
    package let messages: RawList
    /// redis or postgres.
    package let source: String
    package let epoch: String
    package let lastSeq: Int64

    package init(messages: RawList, source: String, epoch: String, lastSeq: Int64) {
        self.messages = messages
        self.source = source
        self.epoch = epoch
        self.lastSeq = lastSeq
    }
    package init(from fields: inout Fields) throws(RPCError) {
        messages = RawList(try fields.objects("messages", as: Message.self).map { $0.jsonBytes() })
        source = try fields.string("source")
        epoch = try fields.string("epoch")
        lastSeq = try fields.int("lastSeq")
    }
    package var expectedBytes: Int { messages.joined.count + 256 }
    package func encode(to object: inout ObjectWriter) {
        object.field("messages", messages)
        object.field("source", source)
        object.field("epoch", epoch)
        object.field("lastSeq", lastSeq)
    }
}

package enum HistoryRecent: Method {
    package static let name = "history.recent"
    package typealias Params = RoomParams
    package typealias Result = RecentResult
}

package struct PageParams: WireObject {
    /// Where a page lies. `around` and `at` are centred; the named message is in `around`, and not in `before` and `after`.
    package enum Anchor: Sendable, Equatable {
        case before(Int64), after(Int64), around(Int64), at(Timestamp)
    }

    package let room: String
    package let anchor: Anchor
    package let limit: Int64
    package let epoch: String?

    /// The same, of that epoch if none is named.
    package func naming(_ epoch: String) -> PageParams {
        self.epoch == nil ? PageParams(room: room, anchor: anchor, limit: limit, epoch: epoch) : self
    }

    package init(room: String, anchor: Anchor, limit: Int64, epoch: String? = nil) {
        self.room = room
        self.anchor = anchor
        self.limit = limit
        self.epoch = epoch
    }
    package init(from fields: inout Fields) throws(RPCError) {
        room = try fields.room()
        let anchors: [Anchor] = [
            try fields.optionalInt("before").map(Anchor.before), try fields.optionalInt("after").map(Anchor.after),
            try fields.optionalInt("around").map(Anchor.around), try fields.optionalTimestamp("at").map(Anchor.at),
        ].compactMap { $0 }
        guard let anchor = anchors.first, anchors.count == 1 else {
            throw RPCError(.invalidParams, detail: "give exactly one of before, after, around and at")
        }
        self.anchor = anchor
        limit = try fields.optionalInt("limit", in: 1...Int64(Limits.page)) ?? Int64(Limits.defaultPage)
        epoch = try fields.optionalString("epoch")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("room", room)
        switch anchor {
        case .before(let seq): object.field("before", seq)
        case .after(let seq): object.field("after", seq)
        case .around(let seq): object.field("around", seq)
        case .at(let time): object.field("at", time.description)
        }
        object.field("limit", limit)
        object.field("epoch", epoch)
    }
}

package struct PageResult: WireObject {
    package let messages: RawList
    /// Whether there are more in the direction of the page; for `around` and `at`, in either.
    package let hasMore: Bool
    package let epoch: String

    package init(messages: RawList, hasMore: Bool, epoch: String) {
        self.messages = messages
        self.hasMore = hasMore
        self.epoch = epoch
    }
    package init(from fields: inout Fields) throws(RPCError) {
        messages = RawList(try fields.objects("messages", as: Message.self).map { $0.jsonBytes() })
        hasMore = try fields.bool("hasMore")
        epoch = try fields.string("epoch")
    }
    package var expectedBytes: Int { messages.joined.count + 256 }
    package func encode(to object: inout ObjectWriter) {
        object.field("messages", messages)
        object.field("hasMore", hasMore)
        object.field("epoch", epoch)
    }
}

package enum HistoryPage: Method {
    package static let name = "history.page"
    package typealias Params = PageParams
    package typealias Result = PageResult
}

/// Parameters of a reading method with the user who reads.
package struct OnBehalf<Inner: WireObject>: WireObject {
    package let inner: Inner
    package let userID: Int64

    package init(_ inner: Inner, userID: Int64) {
        self.inner = inner
        self.userID = userID
    }
    package init(from fields: inout Fields) throws(RPCError) {
        inner = try fields.object("params")
        userID = try fields.int("userId")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("params", inner)
        object.field("userId", userID)
    }
}

/// What the gateway calls on history. Caller: message-gateway.
package enum InternalPage: Method {
    package static let name = "internal.history.page"
    package typealias Params = OnBehalf<PageParams>
    package typealias Result = PageResult
}
