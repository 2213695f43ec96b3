/// Which finding, and what is said of it.
package struct AcknowledgeParams: WireObject {
    package let id: String
    package let note: String

    package static let mostNote = 1_000

    package init(from fields: inout Fields) throws(RPCError) {
        id = try fields.string("id")
        note = try fields.string("note")
        if id.isEmpty || id.utf8.count > 100 || id.utf8.contains(0) {
            throw RPCError(.invalidParams, detail: "id is a finding's", parameter: "id")
        }
        if note.allSatisfy(\.isWhitespace) || note.count > Self.mostNote || note.utf8.count > 4 * Self.mostNote {
            throw RPCError(.invalidParams, detail: "note is a text of 1 to \(Self.mostNote) characters", parameter: "note")
        }
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("id", id)
        object.field("note", note)
    }
}

/// `{finding: …}`, as in `db-guardian audit findings --json`.
package struct GuardianAcknowledged: WireObject {
    package let finding: JSON

    package init(from fields: inout Fields) throws(RPCError) { finding = fields.json("finding") ?? .null }
    package func encode(to object: inout ObjectWriter) { object.field("finding", finding) }
}

/// Notes that somebody has seen to a finding; what comes later of its kind is a new one. For admins. Doing it again replaces the note.
package enum GuardianAcknowledge: Method {
    package static let name = "guardian.acknowledge"
    package typealias Params = AcknowledgeParams
    package typealias Result = GuardianAcknowledged
}

/// The same with who it was. Caller: message-gateway.
package struct AttributedAcknowledgement: WireObject {
    package let params: AcknowledgeParams
    /// The admin's username.
    package let by: String

    package init(_ params: AcknowledgeParams, by: String) {
        self.params = params
        self.by = by
    }
    package init(from fields: inout Fields) throws(RPCError) {
        params = try AcknowledgeParams(from: &fields)
        by = try fields.string("by")
    }
    package func encode(to object: inout ObjectWriter) {
        params.encode(to: &object)
        object.field("by", by)
    }
}
package enum InternalAcknowledge: Method {
    package static let name = "internal.guardian.acknowledge"
    package typealias Params = AttributedAcknowledgement
    package typealias Result = GuardianAcknowledged
}
