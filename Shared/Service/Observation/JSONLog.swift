import EverlineProtocol
import Foundation
import Glibc
package import Logging

/// One JSON object a line on standard error: time, level, service, message, and the metadata as they are.
package struct JSONLog: LogHandler {
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
        let all = gathered(event)
        var members: [JSON.Member] = [
            .init(key: "time", value: .string(Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)).description)),
            .init(key: "level", value: .string(event.level.rawValue)),
            .init(key: "service", value: .string(service)),
            .init(key: "message", value: .string(event.message.description)),
        ]
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { members.append(.init(key: key, value: .string("\(value)"))) }
        var writer = JSONWriter()
        writer.write(JSON.object(members))
        StandardError.write(writer.bytes)
    }
}

extension LogHandler {
    /// All metadata of an event: what is particular to it stands before what is not.
    func gathered(_ event: LogEvent) -> Logger.Metadata {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let given = event.metadata { all.merge(given) { _, new in new } }
        return all
    }
}

extension Logger.MetadataProvider {
    /// Which request it is about, by its trace (`TraceContext`).
    package static let request = Logger.MetadataProvider {
        guard let trace = TraceContext.current else { return [:] }
        return ["traceId": "\(trace.traceID)", "spanId": "\(trace.spanID)"]
    }
}

enum StandardError {
    /// One call a line, so that lines of threads do not mix.
    static func write(_ line: [UInt8]) {
        (line + [UInt8(ascii: "\n")]).withUnsafeBytes { bytes in _ = Glibc.write(2, bytes.baseAddress, bytes.count) }
    }
}
