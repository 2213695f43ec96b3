/// What can become of a message after it was sent. Each has a number of its own in the room, `rev`, from 1 without a gap.
package struct Revision: Sendable {
    package enum Change: Sendable, Equatable {
        case edit(body: String)
        case delete
        /// Sets the caller's reaction, or takes it back.
        case react(String, remove: Bool)
    }

    package let room: String
    package let epoch: String
    package let seq: Int64
    package let clientID: WireUUID
    package let change: Change

    /// The fields that all three have, and what is particular to one.
    fileprivate init(from fields: inout Fields, change: (inout Fields) throws(RPCError) -> Change) throws(RPCError) {
        room = try fields.room()
        epoch = try fields.string("epoch")
        seq = try fields.int("seq", in: 1...Int64.max)
        clientID = try fields.uuid("clientId")
        self.change = try change(&fields)
    }
    fileprivate func encode(to object: inout ObjectWriter) {
        object.field("room", room)
        object.field("epoch", epoch)
        object.field("seq", seq)
        object.field("clientId", clientID.description)
        switch change {
        case .edit(let body): object.field("body", body)
        case .delete: break
        case .react(let reaction, let remove):
            object.field("reaction", reaction)
            if remove { object.field("remove", true) }
        }
    }
}

package struct RevisionResult: WireObject {
    package let rev: Int64
    package let epoch: String
    package let duplicate: Bool

    package init(rev: Int64, epoch: String, duplicate: Bool) {
        self.rev = rev
        self.epoch = epoch
        self.duplicate = duplicate
    }
    package init(from fields: inout Fields) throws(RPCError) {
        rev = try fields.int("rev")
        epoch = try fields.string("epoch")
        duplicate = try fields.optionalBool("duplicate") ?? false
    }
    package func encode(to object: inout ObjectWriter) {
        object.field("rev", rev)
        object.field("epoch", epoch)
        if duplicate { object.field("duplicate", true) }
    }
}

/// Parameters of one of the three methods.
package protocol RevisionParams: WireObject {
    var revision: Revision { get }
}
extension RevisionParams {
    package func encode(to object: inout ObjectWriter) { revision.encode(to: &object) }
}

package enum MessageEdit: Method {
    package static let name = "message.edit"
    package typealias Result = RevisionResult

    package struct Params: RevisionParams {
        package let revision: Revision
        package init(from fields: inout Fields) throws(RPCError) {
            revision = try Revision(from: &fields) { fields throws(RPCError) in .edit(body: try fields.body()) }
        }
    }
}

package enum MessageDelete: Method {
    package static let name = "message.delete"
    package typealias Result = RevisionResult

    package struct Params: RevisionParams {
        package let revision: Revision
        package init(from fields: inout Fields) throws(RPCError) {
            revision = try Revision(from: &fields) { _ throws(RPCError) in .delete }
        }
    }
}

package enum MessageReact: Method {
    package static let name = "message.react"
    package typealias Result = RevisionResult

    package struct Params: RevisionParams {
        package let revision: Revision
        package init(from fields: inout Fields) throws(RPCError) {
            revision = try Revision(from: &fields) { fields throws(RPCError) in
                guard let reaction = try fields.optionalLine("reaction", characters: Limits.reactionCharacters),
                    reaction.utf8.count <= Limits.reactionBytes
                else {
                    throw RPCError(
                        .invalidParams, detail: "reaction has 1 to \(Limits.reactionCharacters) characters", parameter: "reaction"
                    )
                }
                return .react(reaction, remove: try fields.optionalBool("remove") ?? false)
            }
        }
    }
}
