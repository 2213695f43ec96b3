import AuthClient
import EverlineProtocol
import NIOCore

/// Looks from time to time whether the sessions that connections are bound to still hold: the signal of an end may be lost, and in another epoch
/// a user's number may be somebody else's.
struct BoundSessions: Sendable {
    let hubs: [LoopHub]
    let auth: AuthClient
    let epochs: Epochs

    /// Rooms are looked up anew, and nobody does anything before their session was found to hold.
    func epochChanged() {
        for hub in hubs { hub.loop.execute { hub.epochChanged() } }
        Task { await check(all: false) }
    }

    /// - Parameter all: or only those that were not found to hold in the present epoch yet.
    func check(all: Bool) async {
        guard let epoch = epochs.known else { return }
        for hub in hubs {
            guard let asked = try? await hub.loop.submit({ hub.sessions(notIn: all ? nil : epoch) }).get(), !asked.isEmpty
            else { continue }
            // Without auth nothing is known, and chat goes on.
            guard let ended = try? await auth.ended(of: asked) else { return }
            hub.loop.execute { hub.checked(Set(asked), ended: Set(ended), epoch: epoch) }
        }
    }
}
