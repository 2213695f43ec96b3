package import EverlineProtocol
package import Logging

/// Tells in the log of a request's way through the services: one line a span, for traces whose beginner wants them recorded, and for all of
/// them at level debug.
package struct Spans: Sendable {
    private let logger: Logger

    package init(logger: Logger) { self.logger = logger }

    /// - Parameter error: `nil` if it succeeded.
    package func ended(_ span: TraceContext, _ method: String, _ error: ErrorCode?, since begun: ContinuousClock.Instant) {
        let level: Logger.Level = span.sampled ? .info : .debug
        guard logger.logLevel <= level else { return }
        let took = ContinuousClock.now - begun
        var metadata: Logger.Metadata = [
            "method": "\(method)", "outcome": "\(error?.name ?? "ok")", "traceId": "\(span.traceID)", "spanId": "\(span.spanID)",
            "milliseconds": "\(Double(took / .microseconds(1)) / 1_000)",
        ]
        if let parent = span.parentID { metadata["parentId"] = "\(parent)" }
        logger.log(level: level, "request", metadata: metadata)
    }
}
