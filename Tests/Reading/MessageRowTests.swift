import EverlinePostgres
import EverlineProtocol
import EverlineReading
import Testing

/// A row as libpq hands it out: cells in PostgreSQL's binary format.
private struct Row {
    private var cells: [[UInt8]?] = []

    init(_ message: Message) {
        func big(_ value: Int64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian, Array.init) }
        // Microseconds since 2000, where PostgreSQL counts from; a fraction of a millisecond is cut off towards the past.
        func time(_ time: Timestamp) -> [UInt8] { big((time.milliseconds - 946_684_800_000) * 1_000 + 999) }
        cells = [
            big(message.seq), big(5), Array(message.body.utf8), time(message.sentAt),
            big(Int64(bitPattern: message.clientID.high)) + big(Int64(bitPattern: message.clientID.low)),
            message.replyTo.map(big), message.rev.map(big), message.editedAt.map(time),
            message.deleted ? time(message.sentAt) : nil, message.reactions.map { [1] + $0 },
            message.mentions.map { [1] + $0 },
        ]
    }

    func written(_ row: MessageRow, from sender: String) -> String {
        var fields = JSONWriter()
        fields.raw(#","sender":"#)
        fields.write(sender)
        fields.raw(#","senderName":"#)
        fields.write(sender)
        // One byte more than there is, so that an empty text is not taken for NULL.
        let all = cells.map { ($0 ?? []) + [0] }
        var writer = JSONWriter()
        func with(_ index: Int, _ found: [UnsafeRawBufferPointer]) {
            guard index < all.count else { return found.withUnsafeBufferPointer { row.write($0, fields.bytes, to: &writer) } }
            all[index].withUnsafeBytes { bytes in
                let cell = UnsafeRawBufferPointer(
                    start: cells[index] == nil ? nil : bytes.baseAddress, count: cells[index]?.count ?? 0)
                with(index + 1, found + [cell])
            }
        }
        with(0, [])
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

struct MessageRowTests {
    static let texts =
        HardTexts.all + [
            "", String(repeating: "床前明月光\n", count: 1_024), String(repeating: "\u{1}", count: 16_384),
            String(repeating: "x", count: 16_383) + "\"",
        ]

    @Test(arguments: texts)
    func aRowIsWrittenAsTheMessageItself(text: String) {
        let epoch = "1-\(text)"
        let row = MessageRow(room: text, epoch: epoch)
        for (seq, time) in [(1, -1), (Int64.max, 0), (42, 951_825_600_123), (10, 253_402_300_799_999)] as [(Int64, Int64)] {
            let plain = Message(
                room: text, seq: seq, epoch: epoch, sender: text, senderName: text, body: text,
                sentAt: Timestamp(milliseconds: time), clientID: WireUUID(), replyTo: nil)
            let full = Message(
                room: text, seq: seq, epoch: epoch, sender: text, senderName: text, body: text,
                sentAt: Timestamp(milliseconds: time), clientID: WireUUID(), replyTo: seq, rev: 1,
                editedAt: Timestamp(milliseconds: time), deleted: true,
                reactions: Array(#"[{"reaction": "👍", "count": 1, "users": ["李白"]}]"#.utf8))
            for message in [plain, full] {
                #expect(Row(message).written(row, from: text) == String(decoding: message.jsonBytes(), as: UTF8.self))
            }
        }
    }
}

enum HardTexts {
    static let all = [
        "a", "\"", "\\", "\u{0}", "\u{1F}", "\u{7F}", "\t\r\n\u{8}\u{C}", "\"\\\"\\\"\\\"\\", "😀👨‍👩‍👧‍👦", "靜夜思 床前明月光，疑是地上霜。",
        "\u{2028}\u{2029}\u{85}\u{FEFF}", "e\u{301} \u{10FFFF} \u{E000}", "0123456\u{1F}", "01234567\u{1F}89", "</script>&amp;",
        "!!!!!!!!!\"",
        "  [[[[[[[[\\]]]]]]]]",
    ]
}
