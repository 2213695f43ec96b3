package import EverlineProtocol
import Metrics

/// What is counted of each method: how often it was called, with what outcome, and how long it took.
package struct MethodFigures: Sendable {
    package let method: String
    private let time: Timer
    private let succeeded: Counter

    package init(_ method: String) {
        self.method = method
        time = Timer(label: "everline_request_duration_seconds", dimensions: [("method", method)])
        succeeded = Self.counter(method, "ok")
    }

    /// Of methods that nobody serves. Their names are the callers', so they must not become labels.
    static let unknown = MethodFigures("unknown")

    /// - Parameter error: `nil` if it succeeded.
    package func record(_ error: ErrorCode?, since begun: ContinuousClock.Instant) {
        time.record(duration: .now - begun)
        if let error { Self.counter(method, error.name).increment() } else { succeeded.increment() }
    }

    private static func counter(_ method: String, _ outcome: String) -> Counter {
        Counter(label: "everline_requests_total", dimensions: [("method", method), ("outcome", outcome)])
    }
}
