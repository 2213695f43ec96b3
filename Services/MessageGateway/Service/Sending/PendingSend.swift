import EverlineProtocol
import NIOCore

/// A send that waits for its number.
struct PendingSend: Sendable {
    let entry: Entry
    let roomName: String
    let user: User
    /// In which the ids of room and sender were learnt.
    let idsOf: String
    /// The epoch that the sender named, if any.
    let epoch: String?
    let loop: any EventLoop
    let deadline: ContinuousClock.Instant
    /// Runs on `loop`, once.
    let complete: @Sendable (Result<MessageSend.Result, RPCError>) -> Void

    /// The same, of which nobody waits for the outcome any more.
    var abandoned: PendingSend {
        PendingSend(
            entry: entry, roomName: roomName, user: user, idsOf: idsOf, epoch: epoch, loop: loop,
            deadline: .now + .seconds(86_400)
        ) { _ in }
    }

    /// Why it cannot be appended in that epoch, if so.
    func refusal(in current: String) -> RPCError? {
        if let epoch, epoch != current { return RPCError(.epochChanged) }
        // The ids may be somebody else's now. They are looked up anew for whoever sends it again.
        return idsOf == current ? nil : RPCError(.unavailable, detail: "history was turned back", retryAfterMs: 200)
    }
}
