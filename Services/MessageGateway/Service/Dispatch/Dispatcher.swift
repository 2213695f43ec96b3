import DequeModule
import EverlineLines
import EverlineProtocol
import NIOCore

/// The one way in behind all doors. Requests of a connection run side by side, except that one which changes what the connection may do or
/// reads (a login, joining, opening) is finished before the next begins; so what is sent in one go works as it reads.
struct Dispatcher: Sendable {
    let table: MethodTable<Asking>
    let sending: Sending
    let limits: RateLimits
    let spans: Spans

    /// The most requests of one connection that wait for their answers; then its door stops reading.
    static let mostInFlight = 64

    private static let figures = MethodFigures(MessageSend.name)

    private static let concurrent: Set<String> = [
        MessageSend.name, HistoryRecent.name, HistoryPage.name, HistorySearch.name, HistoryStats.name, HistoryExport.name,
        RoomList.name, RoomMembers.name, RoomMarkRead.name, RoomTyping.name,
    ]

    /// One line or frame of a connection; on its loop.
    func receive(_ incoming: Incoming, from client: Client) {
        guard !client.ending else { return }
        let weight = Self.weight(incoming)
        client.inFlight += weight
        var refusal: RPCError?
        do throws(RPCError) {
            try RateLimits.admit(incoming.count, client.addressLimit(limits), client.userLimit(limits))
        } catch { refusal = error }
        if client.waiting.isEmpty, mayBegin(weight, client) { return begin(incoming, refusal, weight, client) }
        client.waiting.append(
            Client.Waiting(weight: weight) { [refusal] client in self.begin(incoming, refusal, weight, client) })
    }

    /// Whether another request may be begun: its answer is memory until it is read.
    private func mayBegin(_ weight: Int, _ client: Client) -> Bool {
        !client.barrier && (client.begun == 0 || client.begun + weight <= Self.mostInFlight) && client.isWritable
    }

    private func begin(_ incoming: Incoming, _ refusal: RPCError?, _ weight: Int, _ client: Client) {
        client.begun += weight
        if let refusal { answered(incoming.refusal(refusal), [], weight, client) } else { start(incoming, weight, client) }
    }

    /// A page may be a megabyte long, so fewer of them are under way at once.
    private static func weight(_ incoming: Incoming) -> Int {
        switch incoming {
        case .single(.success(let request)): request.method.hasPrefix("history.") ? mostInFlight / 2 : 1
        case .batch: mostInFlight / 2
        default: 1
        }
    }

    /// Whether a `POST /rpc` may come from there, before anything is looked up for it.
    func admit(_ incoming: Incoming, from address: String) throws(RPCError) {
        try RateLimits.admit(incoming.count, limits.address(address))
    }

    /// The answer to a `POST /rpc` that was admitted.
    func answer(_ incoming: Incoming, _ asking: Asking) async -> [UInt8]? {
        do throws(RPCError) {
            try RateLimits.admit(incoming.count, (try? asking.holder()).map { limits.user($0.id) })
        } catch {
            return incoming.refusal(error)
        }
        return await table.answer(incoming, asking)
    }

    private func start(_ incoming: Incoming, _ weight: Int, _ client: Client) {
        switch incoming {
        case .refused(let error): answered(Response.failure(id: .null, error: error), [], weight, client)
        case .single(.failure(let refusal)): answered(Response.failure(id: refusal.id, error: refusal.error), [], weight, client)
        case .single(.success(let request)) where request.method == MessageSend.name: send(request, client)
        case .single(.success(let request)) where Self.concurrent.contains(request.method): run(incoming, weight, client)
        default:
            client.barrier = true
            run(incoming, weight, client)
        }
    }

    private func run(_ incoming: Incoming, _ weight: Int, _ client: Client) {
        let barrier = client.barrier
        let asking = Asking(address: client.address, hub: client.hub, user: client.user)
        let loop = client.loop
        Task(executorPreference: client.hub.tasks) {
            let answer = await table.answer(incoming, asking)
            loop.execute {
                if barrier { client.barrier = false }
                answered(answer, asking.takeEffects(), weight, client)
                drain(client)
            }
        }
    }

    /// A send stays on its loop until it waits for its number: no task, no hop.
    private func send(_ request: Request, _ client: Client) {
        let id = request.id
        let (trace, begun) = (request.trace, ContinuousClock.now)
        let done: @Sendable (Result<MessageSend.Result, RPCError>) -> Void = { result in
            ended(result, trace, begun)
            let answer = id.map { id in
                switch result {
                case .success(let value): Response.success(id: id, result: value.jsonBytes())
                case .failure(let error): Response.failure(id: id, error: error)
                }
            }
            answered(answer, [], 1, client)
        }
        do {
            guard let user = client.user else { throw RPCError(.sessionRequired) }
            if user.mustChange { throw RPCError(.passwordChangeRequired) }
            let params = try MessageSend.Params(request.params ?? .object([]), strict: true)
            let candidates = Mentions.candidates(in: params.body)
            if candidates.isEmpty, let room = client.hub.directory[params.room], room.epoch == user.epoch {
                return sending.submit(params, to: room, by: user, on: client.loop, done)
            }
            // Sends that follow wait until it is known where this one goes and whom it names, so that they stay in order.
            client.barrier = true
            let loop = client.loop
            Task(executorPreference: client.hub.tasks) {
                let room = await sending.look(params.room)
                var named: NamedMembers?
                if case .success(let room) = room, !candidates.isEmpty {
                    named = try? await sending.rooms.named(candidates, in: room.id)
                }
                loop.execute { [named] in
                    client.barrier = false
                    switch room {
                    case .success(let room):
                        client.hub.directory[params.room] = room
                        sending.submit(params, to: room, naming: named, by: user, on: loop, done)
                    case .failure(let error): done(.failure(error))
                    }
                    drain(client)
                }
            }
        } catch {
            done(.failure(error as? RPCError ?? RPCError(.internalError)))
        }
    }

    /// The same for figures and log as of a method that a task serves. A trace that nobody began is not made up for a send.
    private func ended<R>(_ result: Result<R, RPCError>, _ trace: TraceContext?, _ begun: ContinuousClock.Instant) {
        var code: ErrorCode?
        if case .failure(let error) = result { code = error.code }
        Self.figures.record(code, since: begun)
        if let trace { spans.ended(trace, MessageSend.name, code, since: begun) }
    }

    /// Begins what waits, as far as there is room.
    func drain(_ client: Client) {
        // What is answered at once comes here again.
        guard !client.draining else { return }
        client.draining = true
        defer { client.draining = false }
        while let next = client.waiting.first, mayBegin(next.weight, client) {
            client.waiting.removeFirst()
            next.begin(client)
        }
    }

    private func answered(_ answer: [UInt8]?, _ effects: [@Sendable (Client) -> Void], _ weight: Int, _ client: Client) {
        client.inFlight -= weight
        client.begun -= weight
        if let answer { client.send(answer) }
        for effect in effects where client.isOpen { effect(client) }
        if !client.waiting.isEmpty { drain(client) }
        client.answered()
    }
}

extension Incoming {
    fileprivate var count: Int {
        if case .batch(let elements) = self { return elements.count }
        return 1
    }

    /// The one answer when all of it is refused; a notification has none.
    func refusal(_ error: RPCError) -> [UInt8]? {
        switch self {
        case .single(.success(let request)): request.id.map { Response.failure(id: $0, error: error) }
        case .single(.failure(let refusal)): Response.failure(id: refusal.id, error: error)
        case .batch, .refused: Response.failure(id: .null, error: error)
        }
    }
}
