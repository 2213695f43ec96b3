package import EverlineProtocol
package import Logging
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Calls one service, which has one name and any number of instances: those at the addresses given, and all that a host's name stands for, which is looked up
/// again and again as instances come and go. One connection an instance is shared by all callers; calls are pipelined and go round the instances that are
/// connected. Connections come back by themselves.
package final class LineClient: Sendable {
    /// Host and port.
    package struct Address: Sendable, Hashable {
        package let host: String
        package let port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// Whether it is an instance's own address rather than a name.
        var isNumeric: Bool { (try? SocketAddress(ipAddress: host, port: port)) != nil }

        /// `host:port`, several with commas between; `nil` if one is not of that form.
        package static func list(_ text: String) -> [Address]? {
            var all: [Address] = []
            for part in text.split(separator: ",") {
                let trimmed = part.filter { $0 != " " }
                guard let colon = trimmed.lastIndex(of: ":"), let port = Int(trimmed[trimmed.index(after: colon)...]),
                    1...65_535 ~= port, colon > trimmed.startIndex
                else { return nil }
                all.append(Address(host: String(trimmed[..<colon]).trimming("[", "]"), port: port))
            }
            return all.isEmpty ? nil : all
        }
    }

    private struct State {
        var connected: [Address: LineCalls] = [:]
        var order: [Address] = []
        var turn = 0
        var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
        var nextWaiter = 0
        var stopped = false
        /// Where instances are, as known now, and those to which a connection is kept or tried.
        var wanted: Set<Address> = []
        var kept: Set<Address> = []
    }

    package let name: Peer
    private let addresses: [Address]
    private let context: any TLSContextSource
    private let group: any EventLoopGroup
    private let logger: Logger
    private let state = Mutex(State())

    private static let mostWaiters = 1_000
    private static let mostInstances = 256
    /// Between looks at what names stand for.
    private static let refresh = Duration.seconds(1)

    package init(
        _ name: Peer, at addresses: [Address], context: any TLSContextSource, group: any EventLoopGroup, logger: Logger
    ) {
        self.name = name
        self.addresses = addresses
        self.context = context
        self.group = group
        self.logger = logger
    }

    package var isConnected: Bool { state.withLock { !$0.connected.isEmpty } }

    /// Keeps the connections until the task is cancelled.
    package func run() async {
        await withDiscardingTaskGroup { tasks in
            var isUnknown = false
            while !Task.isCancelled {
                for address in await look(&isUnknown) { tasks.addTask { await self.keepConnected(address) } }
                if addresses.allSatisfy(\.isNumeric) { break }
                try? await Task.sleep(for: Self.refresh * Double.random(in: 0.8...1.2))
            }
        }
        let waiters = state.withLock { state in
            state.stopped = true
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: false) }
    }

    /// - Throws: the service's own error; `unavailable` if no address could be reached, or the connection was lost before the answer (the
    ///   call may have taken effect); `deadline` if the answer did not come in time; `overloaded` if too many calls wait.
    ///
    /// - Parameter repeatable: whether it may be asked twice, and so of another instance when the first was lost before it answered.
    package func call<M: Method>(
        _ method: M.Type, _ params: M.Params, deadline: Duration = .seconds(5), repeatable: Bool = false
    ) async throws(RPCError) -> M.Result {
        let bytes = try await callRaw(method, params, deadline: deadline, repeatable: repeatable)
        do {
            return try M.Result(try JSONParser.parse(bytes), strict: false)
        } catch {
            throw RPCError(.internalError, detail: "\(name.rawValue) answered what \(M.name) does not")
        }
    }

    /// The result's bytes, for whoever passes them on as they are.
    package func callRaw<M: Method>(
        _ method: M.Type, _ params: M.Params, deadline: Duration = .seconds(5), repeatable: Bool = false
    ) async throws(RPCError) -> [UInt8] {
        let end = NIODeadline.now() + TimeAmount(deadline)
        while true {
            guard let calls = pick() else {
                guard await waitForConnection(until: end) else {
                    throw RPCError(.unavailable, detail: "\(name.rawValue) cannot be reached", retryAfterMs: 500)
                }
                continue
            }
            do {
                return try await calls.call(method: M.name, params: params.jsonBytes(), until: end)
            } catch let error as RPCError {
                throw error
            } catch LineCalls.NotSent.closed {
                continue
            } catch  where repeatable {
                continue
            } catch {
                throw RPCError(.unavailable, detail: "the connection to \(name.rawValue) was lost", retryAfterMs: 500)
            }
        }
    }

    private func pick() -> LineCalls? {
        state.withLock { state in
            guard !state.order.isEmpty else { return nil }
            state.turn = (state.turn + 1) % state.order.count
            return state.connected[state.order[state.turn]]
        }
    }

    private func waitForConnection(until end: NIODeadline) async -> Bool {
        let loop = group.any()
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        guard end > .now() else { return false }
        let timer = loop.scheduleTask(deadline: end) { self.resume(id, false) }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now: Bool? = state.withLock { state in
                    if !state.order.isEmpty { return true }
                    if state.stopped || Task.isCancelled || end <= .now() || state.waiters.count >= Self.mostWaiters {
                        return false
                    }
                    state.waiters[id] = continuation
                    return nil
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            resume(id, false)
        }
    }

    private func resume(_ waiter: Int, _ value: Bool) {
        state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume(returning: value)
    }

    // MARK: Connections

    /// Where instances are now that no connection is kept to yet.
    private func look(_ isUnknown: inout Bool) async -> [Address] {
        var all: Set<Address> = []
        for address in addresses {
            do {
                all.formUnion(try await Names.look(up: address.host).map { Address(host: $0, port: address.port) })
                isUnknown = false
            } catch {
                if !isUnknown, !Task.isCancelled {
                    logger.warning(
                        "a name is not known; trying on", metadata: ["service": "\(name.rawValue)", "error": "\(error)"])
                }
                isUnknown = true
            }
        }
        return state.withLock { state in
            // Those known before stay as long as nothing better is known.
            if !all.isEmpty { state.wanted = Set(all.sorted { $0.host < $1.host }.prefix(Self.mostInstances)) }
            let new = state.wanted.subtracting(state.kept)
            state.kept.formUnion(new)
            return Array(new)
        }
    }

    /// Whether an instance is still where it was; if not, it is no longer kept.
    private func isWanted(_ address: Address) -> Bool {
        state.withLock { state in
            guard !Task.isCancelled, state.wanted.contains(address) else {
                state.kept.remove(address)
                return false
            }
            return true
        }
    }

    private func keepConnected(_ address: Address) async {
        var pause = Duration.milliseconds(50)
        var told = false
        while isWanted(address) {
            do {
                let (channel, calls) = try await connect(address)
                pause = .milliseconds(50)
                if told {
                    logger.info(
                        "reached again", metadata: ["service": "\(name.rawValue)", "address": "\(address.host):\(address.port)"])
                }
                told = false
                add(address, calls)
                calls.whenLeaving { self.remove(address) }
                try? await withTaskCancellationHandler {
                    try await channel.closeFuture.get()
                } onCancel: {
                    channel.close(promise: nil)
                }
                remove(address)
            } catch {
                if !told {
                    logger.warning(
                        "cannot be reached; trying on",
                        metadata: [
                            "service": "\(name.rawValue)", "address": "\(address.host):\(address.port)", "error": "\(error)",
                        ])
                }
                told = true
            }
            // Full jitter, so that those who lost the same server do not come back as one.
            try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
            pause = min(pause * 2, .seconds(1))
        }
    }

    private func connect(_ address: Address) async throws -> (any Channel, LineCalls) {
        let ready = group.any().makePromise(of: LineCalls.self)
        let (name, context, logger) = (name.rawValue, context, logger)
        let connecting = ClientBootstrap(group: group)
            .connectTimeout(.seconds(3))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOSSLClientHandler(context: context.now, serverHostname: name), HandshakeTimer(.seconds(5)),
                        // What comes is our own service's, whose answers may be longer than what it takes.
                        LineDecoder(limit: 33_554_432), LineCallsHandler(ready: ready, logger: logger),
                    ])
                }
            }
            .connect(host: address.host, port: address.port)
        connecting.whenFailure { ready.fail($0) }
        let channel = try await connecting.get()
        do {
            return (channel, try await ready.futureResult.get())
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }

    private func add(_ address: Address, _ calls: LineCalls) {
        let waiters = state.withLock { state in
            state.connected[address] = calls
            state.order.append(address)
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: true) }
    }

    private func remove(_ address: Address) {
        state.withLock { state in
            state.connected[address] = nil
            state.order.removeAll { $0 == address }
        }
    }
}

extension String {
    fileprivate func trimming(_ first: Character, _ last: Character) -> String {
        self.first == first && self.last == last ? String(dropFirst().dropLast()) : self
    }
}
