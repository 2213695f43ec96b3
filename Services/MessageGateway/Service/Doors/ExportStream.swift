import AuthClient
import EverlineLines
import EverlineProtocol
import NIOCore
import NIOHTTP1

/// `GET /export/ROOM?format=…&after=…`: the pages of `history.export` one after the other as one file. Each page is asked for when the one before it
/// has gone out, with the session and the rights as they are then; so memory does not grow, and whoever is put out meanwhile gets no more.
struct ExportStream: Sendable {
    let dispatcher: Dispatcher
    let auth: AuthClient
    let epochs: Epochs
    let token: String?
    let address: String
    let room: String
    let format: ExportFormat
    let after: Int64

    static let path = "/export/"

    /// - Throws: `invalid_params` for a request that names no room, or has a parameter that it should not.
    init(_ uri: String, token: String?, address: String, _ dispatcher: Dispatcher, _ auth: AuthClient, _ epochs: Epochs)
        throws(RPCError)
    {
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let room = Self.decoded(parts[0].dropFirst(Self.path.count)), !room.isEmpty else {
            throw RPCError(.invalidParams, detail: "a room's name is UTF-8, percent-encoded", parameter: "room")
        }
        var (format, after): (ExportFormat, Int64) = (.jsonl, 0)
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let words = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            switch (words[0], words.count > 1 ? words[1] : "") {
            case ("format", let text):
                guard let known = ExportFormat(rawValue: String(text)) else {
                    throw RPCError(.invalidParams, detail: "format is jsonl or csv", parameter: "format")
                }
                format = known
            case ("after", let text):
                guard let number = Int64(text), number >= 0 else {
                    throw RPCError(.invalidParams, detail: "after is a message's number", parameter: "after")
                }
                after = number
            default: throw RPCError(.invalidParams, detail: "a parameter that an export does not know")
            }
        }
        (self.room, self.format, self.after, self.token, self.address) = (room, format, after, token, address)
        (self.dispatcher, self.auth, self.epochs) = (dispatcher, auth, epochs)
    }

    var headers: [(String, String)] {
        let name = "\(room.replacing("/", with: "_")).\(format.rawValue)"
        let encoded = name.utf8.map { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                || byte == UInt8(ascii: ".")
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
        return [
            ("Content-Type", format == .csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson; charset=utf-8"),
            // RFC 6266 and RFC 8187.
            ("Content-Disposition", "attachment; filename*=UTF-8''\(encoded)"), ("Cache-Control", "no-store"),
        ]
    }

    /// A page, and where the next begins; of the epoch that the first was of.
    func page(after: Int64, epoch: String?) async throws(RPCError) -> (text: ByteBuffer, next: Int64?, epoch: String) {
        guard let token else { throw RPCError(.sessionRequired) }
        let user = try await Methods.user(of: token, auth, epochs, from: address).bound
        let params = ExportParams(source: .room(room, after: after), format: format, limit: Int64(Limits.exported), epoch: epoch)
        let request = Request(
            method: HistoryExport.name, params: try? JSONParser.parse(params.jsonBytes()), id: .int(1))
        let asking = Asking(address: address, hub: nil, user: user)
        guard let bytes = await dispatcher.answer(.single(.success(request)), asking), let answer = try? JSONParser.parse(bytes)
        else {
            throw RPCError(.internalError)
        }
        if let error = answer["error"] { throw RPCError(error) }
        guard let json = answer["result"] else { throw RPCError(.internalError) }
        let result = try ExportResult(json, strict: false)
        var text = ByteBuffer()
        for line in result.lines {
            text.writeString(line)
            text.writeString(format == .csv ? "\r\n" : "\n")
        }
        let next: Int64? = if case .int(let number)? = result.next { number } else { nil }
        return (text, next, result.epoch)
    }

    static func status(_ error: RPCError) -> HTTPResponseStatus {
        switch error.code {
        case .sessionRequired, .sessionInvalid: .unauthorized
        case .roomNotFound: .notFound
        case .invalidParams: .badRequest
        case .epochChanged: .conflict
        case .rateLimited: .tooManyRequests
        default: error.code.retryable ? .serviceUnavailable : .internalServerError
        }
    }

    /// `nil` if it is not percent-encoded UTF-8 (RFC 3986 section 2.1).
    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst(), let low = rest.popFirst(),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
