import EverlineProtocol
import Foundation
package import Logging

/// A log for a person at a terminal: time of day, level, message, and the metadata as `key=value`.
package struct TextLog: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let service: String

    package init(service: String, level: Logger.Level, metadataProvider: Logger.MetadataProvider? = nil) {
        self.service = service
        logLevel = level
        self.metadataProvider = metadataProvider
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let time = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)).description
        var line = "\(time) \(service) \(event.level.rawValue.uppercased()) \(event.message)"
        for (key, value) in gathered(event).sorted(by: { $0.key < $1.key }) {
            line += " \(key)=\(Self.quoted("\(value)"))"
        }
        StandardError.write(Array(line.utf8))
    }

    /// What a value holds must neither end its line nor steer the terminal.
    private static func quoted(_ value: String) -> String {
        let plain = value.unicodeScalars.allSatisfy {
            $0.value > 0x20 && $0.value != 0x7F && $0 != "\"" && !(0x80...0x9F ~= $0.value)
        }
        if plain, !value.isEmpty { return value }
        var writer = JSONWriter()
        writer.write(value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
