package import EverlineLines
package import EverlineProtocol

/// The history service, as the gateway calls it. Results stay bytes: they go on to the reader as they came.
package struct HistoryClient: Sendable {
    package let lines: LineClient

    package init(_ lines: LineClient) { self.lines = lines }

    package func page(_ params: PageParams, user: Int64) async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(InternalPage.self, OnBehalf(params, userID: user), repeatable: true)
    }
    package func search(_ params: SearchParams, user: Int64) async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(InternalSearch.self, OnBehalf(params, userID: user))
    }
    package func stats(_ params: StatsParams, user: Int64) async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(InternalStats.self, OnBehalf(params, userID: user))
    }
    package func export(_ params: ExportParams, user: Int64) async throws(RPCError) -> [UInt8] {
        try await lines.callRaw(InternalExport.self, OnBehalf(params, userID: user), deadline: .seconds(10))
    }
}
