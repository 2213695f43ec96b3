import EverlineProtocol
import NIOCore

/// The sessions that connections of this loop are bound to.
extension LoopHub {
    private static let remembered = TimeAmount.seconds(30)

    func endSession(hash: String) {
        endedLately[hash] = .now() + Self.remembered
        for client in clients.values where client.user?.sessionHash == hash { end(client) }
    }

    private func end(_ client: Client) {
        client.bind(nil)
        client.send(Outgoing.notification(method: Push.sessionEnded, params: Array(#"{"reason":"ended"}"#.utf8)))
    }

    /// Binds a connection, unless the session's end was heard of while it was being looked up.
    func bind(_ client: Client, to user: BoundUser) {
        client.bind(user)
        if endedLately[user.sessionHash] != nil { end(client) }
    }

    /// Another epoch holds: ids are looked up anew, and nobody does anything before their session was found to hold in it.
    func epochChanged() { directory = [:] }

    /// The hashes of all sessions here, or of those that were not found to hold in that epoch yet.
    func sessions(notIn epoch: String?) -> [String] {
        let now = NIODeadline.now()
        endedLately = endedLately.filter { $0.value > now }
        return Array(Set(clients.values.compactMap { $0.user?.epoch == epoch ? nil : $0.user?.sessionHash }))
    }

    /// What was found of the sessions that were asked about.
    ///
    /// - Parameter epoch: that held before they were looked at.
    func checked(_ asked: Set<String>, ended: Set<String>, epoch: String?) {
        for client in allClients {
            guard let hash = client.user?.sessionHash, asked.contains(hash) else { continue }
            if ended.contains(hash) { end(client) } else if let epoch { client.confirm(epoch) }
        }
    }
}
