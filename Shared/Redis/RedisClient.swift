import EverlineCryptography
package import Logging
package import NIOCore
import Synchronization

/// A Lua script, run by its digest and sent whole when Redis does not know it.
package struct RedisScript: Sendable {
    let source: [UInt8]
    let digest: [UInt8]

    package init(_ source: StaticString) {
        self.source = Array(source.description.utf8)
        digest = Array(Hex.encode(DigestAlgorithm.sha1.digest(self.source)).utf8)
    }
}

/// Redis for a service: one connection for commands, shared by all callers and pipelined, and one for subscriptions, both of which come back
/// by themselves. Nothing waits for a connection: what cannot be sent fails at once, for Redis is never the truth.
package final class RedisClient: Sendable {
    private struct State {
        var commands: RedisConnection.Handle?
        var subscriber: RedisConnection.Handle?
        var channels: Set<String> = []
    }

    private let configuration: RedisConfiguration
    private let group: any EventLoopGroup
    private let logger: Logger
    private let state = Mutex(State())
    private let received: (@Sendable (String, ByteBuffer) -> Void)?
    private let resubscribed: @Sendable () -> Void

    /// - Parameters:
    ///   - received: channel and payload of each message of a subscription, on the connection's loop.
    ///   - resubscribed: called when subscriptions are in place again after a loss: what was published meanwhile was not heard.
    package init(
        _ configuration: RedisConfiguration, group: any EventLoopGroup, logger: Logger,
        received: (@Sendable (String, ByteBuffer) -> Void)? = nil, resubscribed: @escaping @Sendable () -> Void = {}
    ) {
        self.configuration = configuration
        self.group = group
        self.logger = logger
        self.received = received
        self.resubscribed = resubscribed
    }

    package var isConnected: Bool { state.withLock { $0.commands != nil } }

    /// Keeps the connections until the task is cancelled.
    package func run() async {
        await withTaskGroup { tasks in
            tasks.addTask { await self.keepConnected(subscribing: false) }
            if received != nil { tasks.addTask { await self.keepConnected(subscribing: true) } }
        }
    }

    // MARK: Commands

    package func command(_ parts: [[UInt8]], deadline: Duration = .seconds(1)) async throws -> RedisValue {
        try await submit(parts, deadline: deadline).get()
    }

    package func command(_ parts: String..., deadline: Duration = .seconds(1)) async throws -> RedisValue {
        try await command(parts.map { Array($0.utf8) }, deadline: deadline)
    }

    /// Sends now, in the order of calls; the reply comes later.
    ///
    /// - Parameter joining: an array of values comes as one `RedisValue.joined`.
    package func submit(_ parts: [[UInt8]], deadline: Duration = .seconds(1), joining: Bool = false) -> EventLoopFuture<
        RedisValue
    > {
        guard let handle = state.withLock({ $0.commands }) else {
            return group.any().makeFailedFuture(RedisError(.notConnected, "there is no connection to Redis"))
        }
        let loop = handle.channel.eventLoop
        let promise = loop.makePromise(of: RedisValue.self)
        let end = NIODeadline.now() + TimeAmount(deadline)
        loop.execute { handle.connection.value.send(parts, end, joining: joining, promise) }
        return promise.futureResult
    }

    package func run(_ script: RedisScript, keys: [String], arguments: [[UInt8]], deadline: Duration = .seconds(1)) async throws
        -> RedisValue
    {
        try await submit(script, keys: keys, arguments: arguments, deadline: deadline).get()
    }

    package func submit(_ script: RedisScript, keys: [String], arguments: [[UInt8]], deadline: Duration = .seconds(1))
        -> EventLoopFuture<RedisValue>
    {
        let rest = [Array("\(keys.count)".utf8)] + keys.map { Array($0.utf8) } + arguments
        return submit([Array("EVALSHA".utf8), script.digest] + rest, deadline: deadline).flatMapError { error in
            guard let known = error as? RedisError, known.code == "NOSCRIPT" else {
                return self.group.any().makeFailedFuture(error)
            }
            return self.submit([Array("EVAL".utf8), script.source] + rest, deadline: deadline)
        }
    }

    // MARK: Subscriptions

    package func subscribe(_ channel: String) {
        send("SUBSCRIBE", channel) { $0.channels.insert(channel).inserted }
    }
    package func unsubscribe(_ channel: String) {
        send("UNSUBSCRIBE", channel) { $0.channels.remove(channel) != nil }
    }

    private func send(_ verb: String, _ channel: String, _ change: (inout State) -> Bool) {
        // Under the lock, so that the order of the wire is the order of the changes.
        state.withLock { state in
            guard change(&state), let handle = state.subscriber else { return }
            handle.channel.eventLoop.execute {
                handle.connection.value.send([Array(verb.utf8), Array(channel.utf8)], .distantFuture, nil)
            }
        }
    }

    // MARK: Connections

    private func keepConnected(subscribing: Bool) async {
        var pause = Duration.milliseconds(50)
        var told = false
        var before = false
        while !Task.isCancelled {
            do {
                let handle = try await RedisConnection.connect(
                    configuration, group: group, received: subscribing ? received : nil)
                let opening = ContinuousClock.now
                if told { logger.info("redis is reachable again") }
                told = false
                opened(handle, subscribing: subscribing)
                if subscribing, before { resubscribed() }
                before = true
                try? await withTaskCancellationHandler {
                    try await handle.channel.closeFuture.get()
                } onCancel: {
                    handle.channel.close(promise: nil)
                }
                state.withLock { state in
                    if subscribing { state.subscriber = nil } else { state.commands = nil }
                }
                // One that is ended as soon as it is there is not asked for again and again.
                if .now - opening > .seconds(1) { pause = .milliseconds(50) }
            } catch {
                if !told { logger.warning("redis cannot be reached; trying on", metadata: ["error": "\(error)"]) }
                told = true
            }
            try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
            pause = min(pause * 2, .seconds(1))
        }
    }

    private func opened(_ handle: RedisConnection.Handle, subscribing: Bool) {
        state.withLock { state in
            guard subscribing else {
                state.commands = handle
                return
            }
            state.subscriber = handle
            guard !state.channels.isEmpty else { return }
            let parts = [Array("SUBSCRIBE".utf8)] + state.channels.map { Array($0.utf8) }
            handle.channel.eventLoop.execute { handle.connection.value.send(parts, .distantFuture, nil) }
        }
    }
}
