package import EverlinePostgres
package import EverlineProtocol

/// Writes a row of `MessageReader` as `Message` writes itself, from PostgreSQL's bytes and without making texts or values of them.
package struct MessageRow: Sendable {
    /// seq, sender_id, body, sent_at, client_id, reply_to, rev, edited_at, deleted_at, reactions, mentions.
    package static let types: [PostgresType] = [
        .int8, .int8, .text, .timestamptz, .uuid, .int8, .int8, .timestamptz, .timestamptz, .jsonb, .jsonb,
    ]
    static let clientID = 4

    // What is the same in all messages of a room.
    private let head: [UInt8]
    private let epoch: [UInt8]

    package init(room: String, epoch: String) {
        var writer = JSONWriter()
        writer.raw(#"{"room":"#)
        writer.write(room)
        writer.raw(#","seq":"#)
        head = writer.bytes
        writer = JSONWriter()
        writer.raw(#","epoch":"#)
        writer.write(epoch)
        self.epoch = writer.bytes
    }

    package typealias Cells = UnsafeBufferPointer<UnsafeRawBufferPointer>

    package static func sender(_ cells: Cells) -> Int64 { integer(cells[1]) }

    /// About how many bytes a message comes to: its texts, and all else.
    package static func textBytes(_ cells: Cells) -> Int {
        cells[2].count + cells[2].count / 16 + cells[9].count + cells[10].count
    }
    package var expectedBytes: Int { head.count + epoch.count + 240 }

    /// - Parameters:
    ///   - cells: of the types above, in PostgreSQL's binary format; a NULL has no base address.
    ///   - sender: the fields `,"sender":…,"senderName":…`.
    package func write(_ cells: Cells, _ sender: [UInt8], to writer: inout JSONWriter) {
        writer.raw(head)
        writer.write(Self.integer(cells[0]))
        writer.raw(epoch)
        writer.raw(sender)
        writer.raw(#","body":"#)
        writer.write(utf8: cells[2].assumingMemoryBound(to: UInt8.self))
        writer.raw(atMost: 88) { bytes in
            var end = bytes
            Self.put(#","sentAt":""#, &end)
            Timestamp(binary: cells[3]).write(to: end)
            end += Timestamp.length
            Self.put(#"","clientId":""#, &end)
            WireUUID(binary: cells[4]).write(to: end)
            end += WireUUID.length
            Self.put("\"", &end)
            return end - bytes
        }
        if cells[5].baseAddress != nil {
            writer.raw(#","replyTo":"#)
            writer.write(Self.integer(cells[5]))
        }
        if cells[6].baseAddress != nil {
            writer.raw(#","rev":"#)
            writer.write(Self.integer(cells[6]))
        }
        if cells[7].baseAddress != nil {
            writer.raw(#","editedAt":"#)
            writer.write(Timestamp(binary: cells[7]).description)
        }
        if cells[8].baseAddress != nil { writer.raw(#","deleted":true"#) }
        // Before the text stands the version of its format, 1 (jsonb_send).
        if cells[9].baseAddress != nil {
            writer.raw(#","reactions":"#)
            writer.raw(UnsafeBufferPointer(rebasing: cells[9].assumingMemoryBound(to: UInt8.self)[1...]))
        }
        if cells[10].baseAddress != nil {
            writer.raw(#","mentions":"#)
            writer.raw(UnsafeBufferPointer(rebasing: cells[10].assumingMemoryBound(to: UInt8.self)[1...]))
        }
        writer.raw("}")
    }

    private static func integer(_ cell: UnsafeRawBufferPointer) -> Int64 { Int64(bigEndian: cell.loadUnaligned(as: Int64.self)) }
    private static func put(_ text: StaticString, _ end: inout UnsafeMutablePointer<UInt8>) {
        end.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        end += text.utf8CodeUnitCount
    }
}

extension Timestamp {
    /// From a timestamptz.
    fileprivate init(binary bytes: UnsafeRawBufferPointer) {
        self.init(milliseconds: PostgresTimestamp(binary: bytes).milliseconds)
    }
}

extension WireUUID {
    fileprivate init(binary bytes: UnsafeRawBufferPointer) {
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}
