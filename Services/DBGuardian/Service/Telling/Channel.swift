/// A way to tell somebody of findings.
package protocol Channel: Sendable {
    /// As in metrics and in the table.
    var name: String { get }
    /// Findings below it are not told here.
    var minimum: Severity { get }
    /// The most findings in one telling.
    var batch: Int { get }
    /// Throws when it could not be told; then it is tried again.
    func tell(_ findings: [Finding]) async throws
}

/// A telling that would fail the same way each time.
package struct ChannelRefusal: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
