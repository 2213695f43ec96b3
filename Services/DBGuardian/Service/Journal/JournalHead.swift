import EverlineCryptography
import Foundation

/// `head.json`: how far the journal goes, so that lines taken off its end are missed. Written after the lines, so the journal may be ahead of it by what a
/// crash came between, and is never behind it.
struct JournalHead: Codable, Equatable {
    var number: Int64 = 0
    /// Bytes of the journal up to the end of that entry.
    var offset: Int64 = 0
    /// The entry's code.
    var code = ""
    var key = ""
    /// The authentication code of the others.
    var seal = ""

    static let name = "head.json"

    private func text() -> [UInt8] { Array("head \(number) \(offset) \(code)".utf8) }

    func sealed(_ key: JournalKey) -> JournalHead {
        var head = self
        head.key = key.id
        head.seal = key.code(of: text())
        return head
    }
    func isGenuine(_ keys: JournalKeys) -> Bool { keys.key(key)?.code(of: text()) == seal }

    /// nil if there is none.
    /// - Throws: `DamageError` if it is none that we wrote.
    static func read(_ path: String, _ keys: JournalKeys) throws -> JournalHead? {
        guard let data = FileManager.default.contents(atPath: path) else {
            if errno == ENOENT || access(path, F_OK) != 0 { return nil }
            throw SystemError("cannot read", path)
        }
        guard let head = try? JSONDecoder().decode(JournalHead.self, from: data), head.isGenuine(keys) else {
            throw DamageError(path, "it was changed: it does not agree with its seal")
        }
        return head
    }
}
