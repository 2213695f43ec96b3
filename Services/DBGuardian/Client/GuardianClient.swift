package import EverlineLines
package import EverlineProtocol

/// The guardian, as the gateway calls it. Results stay bytes: they go on to the admin as they came.
package struct GuardianClient: Sendable {
    package let lines: LineClient

    package init(_ lines: LineClient) { self.lines = lines }

    // It looks through the whole repository.
    private static let looking = Duration.seconds(20)

    package func status() async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(GuardianStatus.self, Nothing(), deadline: Self.looking)
    }
    package func backups() async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(GuardianBackups.self, Nothing(), deadline: Self.looking)
    }
    package func windows() async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(GuardianWindows.self, Nothing(), deadline: Self.looking)
    }
    package func drills() async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(GuardianDrills.self, Nothing(), deadline: Self.looking)
    }
    package func jobs() async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(GuardianJobs.self, Nothing(), deadline: Self.looking)
    }
    package func backup(_ wanted: BackupWanted) async throws(RPCError) -> JobBegun {
        try await lines.call(GuardianBackup.self, wanted, deadline: Self.looking)
    }
    package func drill() async throws(RPCError) -> JobBegun {
        try await lines.call(GuardianDrill.self, Nothing(), deadline: Self.looking)
    }
    package func findings(_ wanted: FindingsWanted) async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(GuardianFindings.self, wanted, deadline: Self.looking)
    }
    package func acknowledge(_ wanted: AttributedAcknowledgement) async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(InternalAcknowledge.self, wanted, deadline: Self.looking)
    }
}
