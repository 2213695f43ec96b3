package import EverlineProtocol
import Synchronization

/// Who is at the other end of a service's connection.
package final class Caller: Sendable {
    /// The service that its certificate names; `nil` for people and programs.
    package let peer: Peer?
    package let address: String
    private let bound = Mutex<Bound?>(nil)

    /// The session that a connection is bound to, and when it was last known to hold.
    package struct Bound: Sendable {
        package let session: String
        package let user: ResumedSession
        package let checked: ContinuousClock.Instant
    }

    package init(peer: Peer?, address: String) {
        self.peer = peer
        self.address = address
    }

    package var session: Bound? { bound.withLock { $0 } }
    package func bind(_ session: String, _ user: ResumedSession) {
        bound.withLock { $0 = Bound(session: session, user: user, checked: .now) }
    }
    package func unbind() { bound.withLock { $0 = nil } }
}

extension MethodTable where Context == Caller {
    /// Registers a method that only these services may call.
    package mutating func register<M: Method>(
        _ method: M.Type, from peers: Set<Peer>, _ handler: @escaping @Sendable (M.Params, Caller) async throws -> M.Result
    ) {
        register(method, admit: Self.only(peers), handler)
    }

    /// The same for a method whose result is JSON bytes already.
    package mutating func registerRaw<M: Method>(
        _ method: M.Type, from peers: Set<Peer>, _ handler: @escaping @Sendable (M.Params, Caller) async throws -> [UInt8]
    ) {
        registerRaw(method, admit: Self.only(peers), handler)
    }

    private static func only(_ peers: Set<Peer>) -> Admission {
        { caller in
            guard let peer = caller.peer, peers.contains(peer) else { return RPCError(.peerForbidden) }
            return nil
        }
    }
}
