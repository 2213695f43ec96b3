package struct StatsParams: WireObject {
    package enum Bucket: String, Sendable {
        case hour, day, week

        /// The shortest one of a time zone's, in milliseconds.
        package var milliseconds: Int64 {
            switch self {
            case .hour: 3_600_000
            case .day: 82_800_000
            case .week: 601_200_000
            }
        }
    }

    package let room: String?
    /// Sent then or later, and before.
    package let since: Timestamp
    package let until: Timestamp
    package let bucket: Bucket
    /// A name of the IANA database, whose days and weeks are meant.
    package let timeZone: String
    /// Whether words that rose are wanted too.
    package let words: Bool
    package let epoch: String?

    package init(room: String?, since: Timestamp, until: Timestamp, bucket: Bucket, timeZone: String, words: Bool, epoch: String?)
    {
        self.room = room
        self.since = since
        self.until = until
        self.bucket = bucket
        self.timeZone = timeZone
        self.words = words
        self.epoch = epoch
    }
    package init(from fields: inout Fields) throws(RPCError) {
        room = try fields.optionalRoom()
        since = try fields.timestamp("since")
        until = try fields.timestamp("until")
        guard since < until else {
            throw RPCError(.invalidParams, detail: "until must be later than since", parameter: "until")
        }
        guard let bucket = Bucket(rawValue: try fields.string("bucket")) else {
            throw RPCError(.invalidParams, detail: "bucket is hour, day or week", parameter: "bucket")
        }
        self.bucket = bucket
        guard (until.milliseconds - since.milliseconds) / bucket.milliseconds < Limits.buckets else {
            throw RPCError(
                .invalidParams, detail: "since to until is more than \(Limits.buckets) buckets of a \(bucket.rawValue)",
                parameter: "bucket")
        }
        timeZone = try fields.optionalString("timeZone") ?? "UTC"
        guard timeZone.utf8.count <= 64, !timeZone.utf8.contains(0) else {
            throw RPCError(.invalidParams, detail: "timeZone is a name such as Asia/Taipei", parameter: "timeZone")
        }
        words = try fields.optionalBool("words") ?? false
        epoch = try fields.optionalString("epoch")
    }

    /// The same, of that epoch if none is named.
    package func naming(_ epoch: String) -> StatsParams {
        StatsParams(
            room: room, since: since, until: until, bucket: bucket, timeZone: timeZone, words: words, epoch: self.epoch ?? epoch)
    }

    package func encode(to object: inout ObjectWriter) {
        object.field("room", room)
        object.field("since", since.description)
        object.field("until", until.description)
        object.field("bucket", bucket.rawValue)
        object.field("timeZone", timeZone)
        if words { object.field("words", words) }
        object.field("epoch", epoch)
    }
}

package struct StatsResult: WireObject {
    package struct Bucket: WireObject {
        package let at: Timestamp
        package let messages: Int64
        package let senders: Int64
        package let rooms: Int64

        package init(at: Timestamp, messages: Int64, senders: Int64, rooms: Int64) {
            self.at = at
            self.messages = messages
            self.senders = senders
            self.rooms = rooms
        }
        package init(from fields: inout Fields) throws(RPCError) {
            at = try fields.timestamp("at")
            messages = try fields.int("messages")
            senders = try fields.int("senders")
            rooms = try fields.int("rooms")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("at", at.description)
            object.field("messages", messages)
            object.field("senders", senders)
            object.field("rooms", rooms)
        }
    }
    package struct TopSender: WireObject {
        package let username: String
        package let displayName: String
        package let messages: Int64

        package init(username: String, displayName: String, messages: Int64) {
            self.username = username
            self.displayName = displayName
            self.messages = messages
        }
        package init(from fields: inout Fields) throws(RPCError) {
            username = try fields.string("username")
            displayName = try fields.string("displayName")
            messages = try fields.int("messages")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("username", username)
            object.field("displayName", displayName)
            object.field("messages", messages)
        }
    }
    package struct TopRoom: WireObject {
        package let room: String
        package let title: String?
        package let messages: Int64

        package init(room: String, title: String?, messages: Int64) {
            self.room = room
            self.title = title
            self.messages = messages
        }
        package init(from fields: inout Fields) throws(RPCError) {
            room = try fields.string("room")
            title = try fields.optionalString("title")
            messages = try fields.int("messages")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("room", room)
            object.field("title", title)
            object.field("messages", messages)
        }
    }
    /// The period of the same length before this one, and how much more there is now (0.25: a quarter more), if there was anything then.
    package struct Growth: WireObject {
        package let messagesBefore: Int64
        package let sendersBefore: Int64
        package let roomsBefore: Int64
        package let change: Double?

        package init(messagesBefore: Int64, sendersBefore: Int64, roomsBefore: Int64, change: Double?) {
            self.messagesBefore = messagesBefore
            self.sendersBefore = sendersBefore
            self.roomsBefore = roomsBefore
            self.change = change
        }
        package init(from fields: inout Fields) throws(RPCError) {
            messagesBefore = try fields.int("messagesBefore")
            sendersBefore = try fields.int("sendersBefore")
            roomsBefore = try fields.int("roomsBefore")
            change = if case .double(let value)? = fields.json("change") { value } else { nil }
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("messagesBefore", messagesBefore)
            object.field("sendersBefore", sendersBefore)
            object.field("roomsBefore", roomsBefore)
            if let change { object.field("change", JSON.double((change * 10_000).rounded() / 10_000)) }
        }
    }
    /// How soon the next person wrote, if within the hour: in whole seconds under a minute, in whole minutes from there on.
    package struct ResponseSeconds: WireObject {
        package let median: Int64
        package let p90: Int64
        package let count: Int64

        package init(median: Int64, p90: Int64, count: Int64) {
            self.median = median
            self.p90 = p90
            self.count = count
        }
        package init(from fields: inout Fields) throws(RPCError) {
            median = try fields.int("median")
            p90 = try fields.int("p90")
            count = try fields.int("count")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("median", median)
            object.field("p90", p90)
            object.field("count", count)
        }
    }

    /// A word, or characters that stand together, and in how many messages it is, of this period and of the one before.
    package struct RisingWord: WireObject {
        package let word: String
        package let messages: Int64
        package let messagesBefore: Int64

        package init(word: String, messages: Int64, messagesBefore: Int64) {
            self.word = word
            self.messages = messages
            self.messagesBefore = messagesBefore
        }
        package init(from fields: inout Fields) throws(RPCError) {
            word = try fields.string("word")
            messages = try fields.int("messages")
            messagesBefore = try fields.int("messagesBefore")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("word", word)
            object.field("messages", messages)
            object.field("messagesBefore", messagesBefore)
        }
    }
    /// What is said more often than in the period before, the most striking first. Counts are exact if as many messages were read as there are, else of
    /// the ones that were read, which are evenly spread.
    package struct Words: WireObject {
        package let rising: [RisingWord]
        package let read: Int64
        package let of: Int64

        package init(rising: [RisingWord], read: Int64, of: Int64) {
            self.rising = rising
            self.read = read
            self.of = of
        }
        package init(from fields: inout Fields) throws(RPCError) {
            rising = try fields.objects("rising")
            read = try fields.int("read")
            of = try fields.int("of")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("rising", rising)
            object.field("read", read)
            object.field("of", of)
        }
    }

    package let messages: Int64
    package let senders: Int64
    package let rooms: Int64
    package let buckets: [Bucket]
    package let topSenders: [TopSender]
    package let topRooms: [TopRoom]
    /// Seven lists, Monday first, of 24 numbers.
    package let hourWeekday: [[Int64]]
    package let growth: Growth
    package let responseSeconds: ResponseSeconds?
    package let words: Words?
    package let epoch: String

    package init(
        messages: Int64, senders: Int64, rooms: Int64, buckets: [Bucket], topSenders: [TopSender], topRooms: [TopRoom],
        hourWeekday: [[Int64]], growth: Growth, responseSeconds: ResponseSeconds?, words: Words?, epoch: String
    ) {
        self.messages = messages
        self.senders = senders
        self.rooms = rooms
        self.buckets = buckets
        self.topSenders = topSenders
        self.topRooms = topRooms
        self.hourWeekday = hourWeekday
        self.growth = growth
        self.responseSeconds = responseSeconds
        self.words = words
        self.epoch = epoch
    }
    package init(from fields: inout Fields) throws(RPCError) {
        messages = try fields.int("messages")
        senders = try fields.int("senders")
        rooms = try fields.int("rooms")
        buckets = try fields.objects("buckets")
        topSenders = try fields.objects("topSenders")
        topRooms = try fields.objects("topRooms")
        guard case .array(let days)? = fields.json("hourWeekday") else {
            throw RPCError(.invalidParams, detail: "hourWeekday is missing", parameter: "hourWeekday")
        }
        hourWeekday = days.map { day in
            guard case .array(let hours) = day else { return [] }
            return hours.compactMap { if case .int(let count) = $0 { count } else { nil } }
        }
        growth = try fields.object("growth")
        responseSeconds = try fields.optionalObject("responseSeconds")
        words = try fields.optionalObject("words")
        epoch = try fields.string("epoch")
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("messages", messages)
        object.field("senders", senders)
        object.field("rooms", rooms)
        object.field("buckets", buckets)
        object.field("topSenders", topSenders)
        object.field("topRooms", topRooms)
        object.field("hourWeekday", JSON.array(hourWeekday.map { .array($0.map(JSON.int)) }))
        object.field("growth", growth)
        object.field("responseSeconds", responseSeconds)
        object.field("words", words)
        object.field("epoch", epoch)
    }
}

package enum HistoryStats: Method {
    package static let name = "history.stats"
    package typealias Params = StatsParams
    package typealias Result = StatsResult
}

/// What the gateway calls on history. Caller: message-gateway.
package enum InternalStats: Method {
    package static let name = "internal.history.stats"
    package typealias Params = OnBehalf<StatsParams>
    package typealias Result = StatsResult
}
