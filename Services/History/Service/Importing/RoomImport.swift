import EverlineProtocol

/// Reads an export of a room (JSON Lines) back into an empty room: the same numbers, senders, times, texts, edits, tombstones and reactions.
package struct RoomImport {
    private let store: ImportStore
    private static let batch = 500

    package init(_ store: ImportStore) { self.store = store }

    /// How many messages were read, and how many of them were there already.
    ///
    /// - Parameters:
    ///   - name: `nil` for the name that the messages carry.
    ///   - resuming: goes on in a room that holds the first of them.
    package func run(_ source: LineSource, into name: String?, resuming: Bool, progress: (Int64) -> Void) async throws -> (
        read: Int64, known: Int64
    ) {
        var waiting: [ImportedMessage] = []
        var room: ImportStore.Room?
        var (last, seq): (Int64, Int64) = (0, 0)
        while let line = try source.next() {
            let message = try Self.message(line.bytes, source)
            seq += 1
            guard message.seq == seq else {
                throw ImportError(
                    "line \(source.number) has number \(message.seq) where \(seq) is next; a room is read from its first message on"
                )
            }
            // Before anything is made: what begins wrong is no export.
            let imported = try Self.imported(message, source)
            if room == nil {
                let found = try await self.room(name ?? message.room, message.sender, resuming)
                (room, last) = (found, found.last)
            }
            guard let room else { break }
            if seq <= room.last { continue }
            waiting.append(imported)
            if waiting.count == Self.batch {
                try await store.append(waiting, to: room.id, after: last)
                last += Int64(waiting.count)
                waiting = []
                progress(last)
            }
        }
        guard let room else { throw ImportError("there is nothing in it") }
        if !waiting.isEmpty { try await store.append(waiting, to: room.id, after: last) }
        return (seq, min(seq, room.last))
    }

    private func room(_ name: String, _ owner: String, _ resuming: Bool) async throws -> ImportStore.Room {
        guard let room = try await store.room(name) else { return try await store.make(name, .private, title: nil, owner: owner) }
        guard room.last == 0 || resuming else {
            throw ImportError(
                "room \(name) holds \(room.last) messages\nHINT: name an empty or a new room, or go on with --resume")
        }
        return room
    }

    private static func message(_ line: [UInt8], _ source: LineSource) throws -> Message {
        do {
            return try Message(try source.json(line), strict: false)
        } catch let error as RPCError {
            throw ImportError("line \(source.number) is no message: \(error.detail ?? error.description)")
        }
    }

    private static func imported(_ message: Message, _ source: LineSource) throws -> ImportedMessage {
        guard message.body.utf8.count <= Limits.body, !message.body.utf8.contains(0), !message.sender.isEmpty,
            message.sender.utf8.count <= Limits.usernameBytes, !message.sender.utf8.contains(0),
            message.replyTo.map({ 1..<message.seq ~= $0 }) ?? true
        else {
            throw ImportError("line \(source.number) holds what no message can: a text too long, or a reply to a later message")
        }
        var imported = ImportedMessage(
            sender: message.sender, body: message.body, sentAt: message.sentAt, clientID: message.clientID)
        imported.replyTo = message.replyTo
        imported.editedAt = message.editedAt
        imported.deleted = message.deleted
        if let reactions = message.reactions, case .array(let all) = try JSONParser.parse(reactions) {
            for one in all {
                guard case .string(let reaction)? = one["reaction"], case .array(let users)? = one["users"] else { continue }
                for case .string(let user) in users { imported.reactions.append((reaction, user)) }
            }
        }
        return imported
    }
}
