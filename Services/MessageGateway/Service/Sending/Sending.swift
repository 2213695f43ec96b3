import EverlineProtocol
import NIOCore

/// The way of a send from its parameters to its lane.
struct Sending: Sendable {
    let lanes: Lanes
    let rooms: RoomStore
    let translate: @Sendable (any Error) -> RPCError

    /// How long a send may wait for the database before its sender is told to try again.
    private static let patience = Duration.seconds(5)

    /// The members whom a text names. Not to know them is no reason to refuse a message.
    func named(in body: String, _ room: Int64) async -> NamedMembers? {
        let candidates = Mentions.candidates(in: body)
        return candidates.isEmpty ? nil : try? await rooms.named(candidates, in: room)
    }

    /// Where the room is numbered.
    func look(_ name: String) async -> Result<LoopHub.KnownRoom, RPCError> {
        do {
            guard let room = try await rooms.known(name) else { return .failure(RPCError(.roomNotFound)) }
            return .success(room)
        } catch { return .failure(translate(error)) }
    }

    /// - Parameter done: runs on `loop`, once.
    func submit(
        _ params: MessageSend.Params, to room: LoopHub.KnownRoom, naming named: NamedMembers? = nil, by user: BoundUser,
        on loop: any EventLoop, _ done: @escaping @Sendable (Result<MessageSend.Result, RPCError>) -> Void
    ) {
        let send = PendingSend(
            entry: Entry(
                room: room.id, sender: user.id, clientID: params.clientID, body: params.body, replyTo: params.replyTo,
                named: named),
            roomName: params.room, user: user.user, idsOf: room.epoch, epoch: params.epoch, loop: loop,
            deadline: .now + Self.patience
        ) { result in
            // Whether a room that is not theirs exists is not told.
            if case .failure(let error) = result, error.code == .roomNotMember, room.kind != .public {
                done(.failure(RPCError(.roomNotFound)))
            } else {
                done(result)
            }
        }
        do throws(RPCError) {
            if let epoch = params.epoch, epoch != room.epoch { throw RPCError(.epochChanged) }
            try user.mustBe(of: room.epoch)
            try lanes.lane(of: room.id).submit(send)
        } catch { done(.failure(error)) }
    }

    /// The same for one who waits.
    func send(_ params: MessageSend.Params, by user: BoundUser, on loop: any EventLoop) async throws(RPCError)
        -> MessageSend.Result
    {
        let room = try await look(params.room).get()
        let named = await named(in: params.body, room.id)
        let result: Result<MessageSend.Result, RPCError> = await withCheckedContinuation { continuation in
            submit(params, to: room, naming: named, by: user, on: loop) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }
}
