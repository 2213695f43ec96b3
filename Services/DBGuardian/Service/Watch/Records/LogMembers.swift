import Foundation

/// One line of the server's jsonlog (PostgreSQL manual 20.8.6) cut into the members that the watch reads; nothing is copied or decoded. A line that
/// ends too early gives what it has.
struct LogMembers {
    /// A string's bytes between its quotation marks, or a number's; empty if there is no such member.
    typealias Member = Range<Int>

    var timestamp: Member = 0..<0
    var user: Member = 0..<0
    var database: Member = 0..<0
    var host: Member = 0..<0
    var session: Member = 0..<0
    var number: Member = 0..<0
    var severity: Member = 0..<0
    var state: Member = 0..<0
    var message: Member = 0..<0
    var detail: Member = 0..<0
    var statement: Member = 0..<0
    var application: Member = 0..<0
    var backend: Member = 0..<0
    var context: Member = 0..<0
    /// It ended within a member.
    var isCut = false

    /// - Parameter line: without its end. nil if it is no such line.
    init?(_ line: UnsafeBufferPointer<UInt8>) {
        guard line.count > 2, line[0] == UInt8(ascii: "{"), line[1] == UInt8(ascii: "\"") else { return nil }
        var position = 1
        while position < line.count {
            guard line[position] == UInt8(ascii: "\""), let key = Self.string(line, &position), position + 1 < line.count,
                line[position] == UInt8(ascii: ":")
            else {
                isCut = true
                break
            }
            position += 1
            let value: Member
            if line[position] == UInt8(ascii: "\"") {
                let start = position + 1
                if let found = Self.string(line, &position) {
                    value = found
                } else {
                    value = start..<line.count
                    isCut = true
                }
            } else {
                let start = position
                while position < line.count, line[position] != UInt8(ascii: ","), line[position] != UInt8(ascii: "}") {
                    position += 1
                }
                value = start..<position
            }
            set(line, key, value)
            if isCut { break }
            guard position < line.count, line[position] == UInt8(ascii: ",") else {
                isCut = position >= line.count || line[position] != UInt8(ascii: "}")
                break
            }
            position += 1
        }
        guard !timestamp.isEmpty, !session.isEmpty else { return nil }
    }

    /// Steps over a string; nil if it does not end.
    private static func string(_ line: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> Member? {
        guard let base = line.baseAddress else { return nil }
        let start = position + 1
        var from = start
        while from < line.count, let found = memchr(base + from, Int32(UInt8(ascii: "\"")), line.count - from) {
            let at = UnsafeRawPointer(found) - UnsafeRawPointer(base)
            var slashes = 0
            while at - slashes > start, line[at - slashes - 1] == UInt8(ascii: "\\") { slashes += 1 }
            if slashes % 2 == 0 {
                position = at + 1
                return start..<at
            }
            from = at + 1
        }
        return nil
    }

    private mutating func set(_ line: UnsafeBufferPointer<UInt8>, _ key: Member, _ value: Member) {
        func matches(_ name: StaticString) -> Bool {
            guard let base = line.baseAddress, name.utf8CodeUnitCount == key.count else { return false }
            return memcmp(base + key.lowerBound, name.utf8Start, key.count) == 0
        }
        switch key.count {
        case 4: if matches("user") { user = value }
        case 6: if matches("dbname") { database = value } else if matches("detail") { detail = value }
        case 7: if matches("message") { message = value } else if matches("context") { context = value }
        case 8: if matches("line_num") { number = value }
        case 9: if matches("timestamp") { timestamp = value } else if matches("statement") { statement = value }
        case 10: if matches("session_id") { session = value } else if matches("state_code") { state = value }
        case 11: if matches("remote_host") { host = value }
        case 12: if matches("backend_type") { backend = value }
        case 14: if matches("error_severity") { severity = value }
        case 16: if matches("application_name") { application = value }
        default: break
        }
    }
}

/// What stands in a JSON string, decoded. Never fails: what is no UTF-8 becomes U+FFFD, what is no escape stays as it is.
enum LogText {
    static func decode(_ line: UnsafeBufferPointer<UInt8>, _ member: Range<Int>) -> String {
        let bytes = UnsafeBufferPointer(rebasing: line[member])
        guard let base = bytes.baseAddress, memchr(base, Int32(UInt8(ascii: "\\")), bytes.count) != nil else {
            return String(decoding: bytes, as: UTF8.self)
        }
        return String(decoding: unescaped(bytes), as: UTF8.self)
    }

    static func unescaped(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == UInt8(ascii: "\\"), index < bytes.count else {
                text.append(byte)
                continue
            }
            let next = bytes[index]
            index += 1
            switch next {
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(next)
            case UInt8(ascii: "u"):
                guard let unit = hex(bytes, index), let scalar = Unicode.Scalar(unit), let encoded = UTF8.encode(scalar) else {
                    text += [byte, next]
                    continue
                }
                index += 4
                text.append(contentsOf: encoded)
            default: text += [byte, next]
            }
        }
        return text
    }

    private static func hex(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> UInt32? {
        guard start + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for byte in bytes[start..<start + 4] {
            guard let digit = HexDigit.value(byte) else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}

enum HexDigit {
    @inline(__always)
    static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
