/// What pgAudit wrote (pgaudit README, "Format"): `AUDIT: TYPE,statement,substatement,class,command,object type,object name,statement,parameter[,rows]`,
/// each field quoted as in CSV where it has to be.
package struct AuditRecord: Sendable, Equatable, Codable {
    package enum Source: String, Sendable, Codable { case session = "SESSION", object = "OBJECT" }

    package let source: Source
    /// Counts the statements of a session that are recorded, from 1.
    package let statementID: Int
    package let substatementID: Int
    /// READ, WRITE, FUNCTION, ROLE, DDL, MISC.
    package let kind: String
    /// For example `CREATE TABLE`.
    package let command: String
    package let objectType: String
    /// Qualified, as `everline.users`; empty for what pgAudit does not name.
    package let object: String
    package let statement: String
    package let parameter: String
    package let rows: Int?

    /// pgAudit cuts from the first "password" on.
    package var isRedacted: Bool { statement.hasSuffix("<REDACTED>") }

    /// One that pgAudit did not write.
    init(source: Source, kind: String, command: String, statement: String) {
        self.source = source
        statementID = 0
        substatementID = 1
        self.kind = kind
        self.command = command
        objectType = ""
        object = ""
        self.statement = statement
        parameter = ""
        rows = nil
    }

    static let mark: StaticString = "AUDIT: "

    /// - Parameter message: the whole message, unescaped. nil if it is no such record.
    package init?(_ message: UnsafeBufferPointer<UInt8>) {
        guard message.count > Self.mark.utf8CodeUnitCount,
            zip(message, UnsafeBufferPointer(start: Self.mark.utf8Start, count: Self.mark.utf8CodeUnitCount)).allSatisfy({
                $0 == $1
            })
        else { return nil }
        var fields = CSVFields(message, from: Self.mark.utf8CodeUnitCount)
        guard let source = fields.next().flatMap(Source.init(rawValue:)), let statementID = fields.next().flatMap({ Int($0) }),
            let substatementID = fields.next().flatMap({ Int($0) }), let kind = fields.next(), let command = fields.next(),
            let objectType = fields.next(), let object = fields.next(), let statement = fields.next()
        else { return nil }
        self.source = source
        self.statementID = statementID
        self.substatementID = substatementID
        self.kind = kind
        self.command = command
        self.objectType = objectType
        self.object = object
        self.statement = statement
        // A line that was cut has lost what stands behind the statement.
        parameter = fields.next() ?? ""
        rows = fields.next().flatMap { Int($0) }
    }
}

/// Fields of one CSV record (RFC 4180), in which a quoted field may hold line ends. A quotation that does not end goes to the end of the text.
struct CSVFields {
    private let bytes: UnsafeBufferPointer<UInt8>
    /// nil behind the last field.
    private var position: Int?

    init(_ text: UnsafeBufferPointer<UInt8>, from start: Int) {
        bytes = text
        position = start
    }

    /// The next field; nil if there is none.
    mutating func next() -> String? {
        guard let start = position else { return nil }
        guard start < bytes.count, bytes[start] == UInt8(ascii: "\"") else {
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: ",") { end += 1 }
            position = end < bytes.count ? end + 1 : nil
            return String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
        }
        var index = start + 1
        var doubled = false
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") {
                guard index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "\"") else { break }
                doubled = true
                index += 1
            }
            index += 1
        }
        let end = min(index, bytes.count)
        let field = UnsafeBufferPointer(rebasing: bytes[start + 1..<max(start + 1, end)])
        // Behind the closing quotation mark stands a comma, or nothing.
        position = end + 1 < bytes.count && bytes[end + 1] == UInt8(ascii: ",") ? end + 2 : nil
        return doubled ? Self.halved(field) : String(decoding: field, as: UTF8.self)
    }

    private static func halved(_ field: UnsafeBufferPointer<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(field.count)
        var index = 0
        while index < field.count {
            text.append(field[index])
            index += field[index] == UInt8(ascii: "\"") ? 2 : 1
        }
        return String(decoding: text, as: UTF8.self)
    }
}
