package import EverlineLines
package import EverlineProtocol

/// The auth service, as the others call it.
package struct AuthClient: Sendable {
    package let lines: LineClient

    package init(_ lines: LineClient) { self.lines = lines }

    // Hashing waits its turn, so these have more time than other calls.
    private static let hashing = Duration.seconds(20)

    package func register(_ params: RegisterParams, from address: String) async throws(RPCError) -> OpenedSession {
        try await lines.call(
            InternalRegister.self, Attributed(params, origin: Origin(address: address)), deadline: Self.hashing)
    }
    package func login(_ params: LoginParams, from address: String) async throws(RPCError) -> OpenedSession {
        try await lines.call(InternalLogin.self, Attributed(params, origin: Origin(address: address)), deadline: Self.hashing)
    }
    /// The user of a session; `session.invalid` if it has ended or never was.
    package func resume(_ session: String, from address: String) async throws(RPCError) -> ResumedSession {
        try await lines.call(
            InternalResume.self, Attributed(SessionParams(session: session), origin: Origin(address: address)), repeatable: true)
    }
    package func logout(_ session: String, from address: String) async throws(RPCError) {
        _ = try await lines.call(
            InternalLogout.self, Attributed(SessionParams(session: session), origin: Origin(address: address)))
    }

    /// What the holder of a session does with an account: the result's JSON, as auth wrote it.
    package func onSession<M: Method>(_ method: M.Type, _ params: M.Params, _ session: String, from address: String)
        async throws(RPCError) -> [UInt8]
    {
        try await lines.callRaw(
            OnSession<M>.self, .init(params, session: session, origin: Origin(address: address)), deadline: Self.hashing)
    }

    /// Those of the sessions, by hash in hex, that hold no longer. Any number: they are asked about in as many calls as it takes, one after
    /// the other; a failure of one of them fails all.
    package func ended(of hashes: [String]) async throws(RPCError) -> [String] {
        var ended: [String] = []
        var rest = hashes[...]
        while !rest.isEmpty {
            let some = SessionHashes(hashes: Array(rest.prefix(Limits.checkedSessions)))
            rest = rest.dropFirst(Limits.checkedSessions)
            ended += try await lines.call(InternalSessionsCheck.self, some, deadline: .seconds(1), repeatable: true).hashes
        }
        return ended
    }
}
