package import EverlineProtocol

/// Messages as lines of a file.
///
/// JSON Lines are exact. CSV is for spreadsheets, which take a cell that begins as a formula for one and run it; so before such a one stands an apostrophe.
package enum ExportLines {
    private static let columns = [
        "room", "seq", "sender", "senderName", "sentAt", "body", "replyTo", "editedAt", "deleted", "reactions", "clientId",
    ]

    /// Before the first message, if the format has that.
    package static func header(_ format: ExportFormat) -> String? { format == .csv ? columns.joined(separator: ",") : nil }

    /// - Parameter message: as JSON.
    package static func line(_ message: [UInt8], _ format: ExportFormat) throws -> String {
        switch format {
        case .jsonl: return String(decoding: message, as: UTF8.self)
        case .csv:
            let message = try Message(try JSONParser.parse(message), strict: false)
            return [
                message.room, "\(message.seq)", message.sender, message.senderName, message.sentAt.description, message.body,
                message.replyTo.map { "\($0)" } ?? "", message.editedAt?.description ?? "", message.deleted ? "true" : "",
                message.reactions.map { String(decoding: $0, as: UTF8.self) } ?? "", message.clientID.description,
            ].map { quoted(harmless($0)) }.joined(separator: ",")
        }
    }

    private static func harmless(_ text: String) -> String {
        guard let first = text.first, formulas.contains(first) else { return text }
        return "'" + text
    }
    private static let formulas: Set<Character> = ["=", "+", "-", "@", "\t", "\r", "\r\n", "＝", "＋", "－", "＠"]

    /// RFC 4180: in quotation marks if need be, those within doubled.
    private static func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }) else { return text }
        var bytes: [UInt8] = [0x22]
        for byte in text.utf8 {
            if byte == 0x22 { bytes.append(0x22) }
            bytes.append(byte)
        }
        bytes.append(0x22)
        return String(decoding: bytes, as: UTF8.self)
    }
}
