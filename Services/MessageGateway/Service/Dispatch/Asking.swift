import EverlineProtocol
import Synchronization

/// Who asks, through whichever door.
final class Asking: Sendable {
    let address: String
    /// The connection's loop and deliveries; `nil` for `POST /rpc`, which gets no pushes.
    let hub: LoopHub?
    private let bound: BoundUser?
    private let refusal: RPCError
    private let effects = Mutex<[@Sendable (Client) -> Void]>([])

    /// - Parameter refusal: why there is no user, if there is none.
    init(address: String, hub: LoopHub?, user: BoundUser?, refusal: RPCError = RPCError(.sessionRequired)) {
        self.address = address
        self.hub = hub
        self.bound = user
        self.refusal = refusal
    }

    /// - Throws: `session.required` or what else stands in the way.
    func user() throws(RPCError) -> BoundUser {
        let user = try holder()
        if user.mustChange { throw RPCError(.passwordChangeRequired) }
        return user
    }
    /// The same for what is open also to those who have to change their password first.
    func holder() throws(RPCError) -> BoundUser {
        guard let bound else { throw refusal }
        return bound
    }

    /// Something to do on the connection's loop right after the answer was written, so that pushes follow it.
    func afterwards(_ effect: @escaping @Sendable (Client) -> Void) { effects.withLock { $0.append(effect) } }
    func takeEffects() -> [@Sendable (Client) -> Void] {
        effects.withLock { effects in
            defer { effects = [] }
            return effects
        }
    }
}
