package enum ExportFormat: String, Sendable, CaseIterable { case jsonl, csv }

package struct ExportParams: WireObject {
    package enum Source: Sendable, Equatable {
        /// All messages of a room, after that number.
        case room(String, after: Int64)
        /// The caller's own messages in all rooms, after that place, which is what an answer before it named.
        case account(after: String?)
    }

    package let source: Source
    package let format: ExportFormat
    package let limit: Int64
    package let epoch: String?

    package init(source: Source, format: ExportFormat, limit: Int64, epoch: String?) {
        self.source = source
        self.format = format
        self.limit = limit
        self.epoch = epoch
    }
    package init(from fields: inout Fields) throws(RPCError) {
        let room = try fields.optionalRoom()
        let isAccount = try fields.optionalBool("account") ?? false
        guard (room != nil) != isAccount else {
            throw RPCError(.invalidParams, detail: "give either room or account: true", parameter: "room")
        }
        if let room {
            source = .room(room, after: try fields.optionalInt("after") ?? 0)
        } else {
            source = .account(after: try fields.optionalString("after"))
        }
        guard let format = ExportFormat(rawValue: try fields.optionalString("format") ?? ExportFormat.jsonl.rawValue) else {
            throw RPCError(.invalidParams, detail: "format is jsonl or csv", parameter: "format")
        }
        self.format = format
        limit = try fields.optionalInt("limit", in: 1...Int64(Limits.exported)) ?? Int64(Limits.exported)
        epoch = try fields.optionalString("epoch")
    }

    /// The same, of that epoch if none is named.
    package func naming(_ epoch: String) -> ExportParams {
        ExportParams(source: source, format: format, limit: limit, epoch: self.epoch ?? epoch)
    }

    package func encode(to object: inout ObjectWriter) {
        switch source {
        case .room(let room, let after):
            object.field("room", room)
            object.field("after", after)
        case .account(let after):
            object.field("account", true)
            object.field("after", after)
        }
        object.field("format", format.rawValue)
        object.field("limit", limit)
        object.field("epoch", epoch)
    }
}

/// Lines of a file, without what ends them. The first page of a CSV file begins with its header.
package struct ExportResult: WireObject {
    package let lines: [String]
    /// What to give as `after` for the lines that follow: a number for a room, a text for an account; `nil` after the last.
    package let next: JSON?
    package let epoch: String

    package init(lines: [String], next: JSON?, epoch: String) {
        self.lines = lines
        self.next = next
        self.epoch = epoch
    }
    package init(from fields: inout Fields) throws(RPCError) {
        lines = try fields.strings("lines", most: Limits.exported + 1)
        next = fields.json("next")
        epoch = try fields.string("epoch")
    }
    package var expectedBytes: Int { lines.reduce(256) { $0 + $1.utf8.count * 5 / 4 + 16 } }
    package func encode(to object: inout ObjectWriter) {
        object.field("lines", lines)
        if let next { object.field("next", next) }
        object.field("epoch", epoch)
    }
}

package enum HistoryExport: Method {
    package static let name = "history.export"
    package typealias Params = ExportParams
    package typealias Result = ExportResult
}

/// What the gateway calls on history. Caller: message-gateway.
package enum InternalExport: Method {
    package static let name = "internal.history.export"
    package typealias Params = OnBehalf<ExportParams>
    package typealias Result = ExportResult
}
