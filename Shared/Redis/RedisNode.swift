import Logging
import NIOCore
import Synchronization

/// One server: a connection for commands, shared by all callers and pipelined, and one for subscriptions, both of which come back by themselves.
final class RedisNode: Sendable {
    /// What a client makes its nodes with.
    struct Surroundings: Sendable {
        let configuration: RedisConfiguration
        let group: any EventLoopGroup
        let logger: Logger
        /// What a subscribing connection hears; `nil` if none is wanted.
        let subscription: RedisConnection.Subscription?
        /// Called when a connection is there again after a loss: the subscribing one, or that for commands if there is no other.
        let returned: @Sendable () -> Void
        /// Called when a connection is lost, or an answer shows that the server is not what it was.
        let doubted: @Sendable () -> Void
    }

    private struct State {
        var commands: RedisConnection.Handle?
        var subscriber: RedisConnection.Handle?
        var channels: Set<String> = []
        var isStopped = false
    }

    let address: RedisAddress
    private let surroundings: Surroundings
    private let replaces: Bool
    private let state = Mutex(State())

    /// - Parameter replaces: whether there were others before it, from which something may not have been heard.
    init(_ address: RedisAddress, replaces: Bool, _ surroundings: Surroundings) {
        self.address = address
        self.replaces = replaces
        self.surroundings = surroundings
    }

    /// The connection for commands, if there is one now.
    var commands: RedisConnection.Handle? { state.withLock { $0.commands } }

    /// Keeps the connections until the task is cancelled or the node stopped.
    func run() async {
        await withTaskGroup { tasks in
            tasks.addTask { await self.keepConnected(for: .commands) }
            if let subscription = surroundings.subscription {
                tasks.addTask { await self.keepConnected(for: .subscription(self.forgetting(subscription))) }
            }
        }
    }

    /// It has no more to do; what is on its way fails.
    func stop() {
        let handles = state.withLock { state in
            state.isStopped = true
            return [state.commands, state.subscriber]
        }
        for handle in handles { handle?.channel.close(promise: nil) }
    }

    // MARK: Subscriptions

    func subscribe(_ channel: String) {
        state.withLock { state in
            if state.channels.insert(channel).inserted { Self.send("SSUBSCRIBE", channel, state.subscriber) }
        }
    }

    func unsubscribe(_ channel: String) {
        state.withLock { state in
            if state.channels.remove(channel) != nil { Self.send("SUNSUBSCRIBE", channel, state.subscriber) }
        }
    }

    /// Subscribes to these and no others; whether any was new.
    func follow(_ channels: Set<String>) -> Bool {
        state.withLock { state in
            for channel in state.channels.subtracting(channels) { Self.send("SUNSUBSCRIBE", channel, state.subscriber) }
            let new = channels.subtracting(state.channels)
            for channel in new { Self.send("SSUBSCRIBE", channel, state.subscriber) }
            state.channels = channels
            return !new.isEmpty
        }
    }

    /// Under the lock, so that the order of the wire is the order of the changes. Each channel by itself, as two may lie in different slots.
    private static func send(_ verb: String, _ channel: String, _ subscriber: RedisConnection.Handle?) {
        subscriber?.send([Array(verb.utf8), Array(channel.utf8)], .distantFuture, nil)
    }

    /// The server has ended a subscription by itself when that goes on with another (redis.io, "Redis Pub/Sub", sharded).
    private func forgetting(_ subscription: RedisConnection.Subscription) -> RedisConnection.Subscription {
        RedisConnection.Subscription(received: subscription.received) { channel in
            let wasWanted = self.state.withLock { $0.channels.remove(channel) != nil }
            if wasWanted { self.surroundings.doubted() }
        }
    }

    // MARK: Connections

    private func keepConnected(for purpose: RedisConnection.Purpose) async {
        let logger = surroundings.logger
        var pause = Duration.milliseconds(50)
        var told = false
        var tells = replaces
        let isTelling = if case .commands = purpose { surroundings.subscription == nil } else { true }
        while !Task.isCancelled, !state.withLock({ $0.isStopped }) {
            do {
                let handle = try await RedisConnection.connect(
                    to: address, surroundings.configuration, group: surroundings.group, for: purpose,
                    doubted: surroundings.doubted)
                let opening = ContinuousClock.now
                if told { logger.info("redis is reachable again", metadata: ["address": "\(address)"]) }
                told = false
                if opened(handle, purpose) {
                    if isTelling, tells { surroundings.returned() }
                    tells = true
                } else {
                    handle.channel.close(promise: nil)
                }
                try? await withTaskCancellationHandler {
                    try await handle.channel.closeFuture.get()
                } onCancel: {
                    handle.channel.close(promise: nil)
                }
                closed(purpose)
                // One that is ended as soon as it is there is not asked for again and again.
                if .now - opening > .seconds(1) { pause = .milliseconds(50) }
            } catch {
                if !told {
                    logger.warning(
                        "redis cannot be reached; trying on", metadata: ["address": "\(address)", "error": "\(error)"])
                }
                told = true
            }
            if Task.isCancelled { return }
            surroundings.doubted()
            try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
            pause = min(pause * 2, .seconds(1))
        }
    }

    /// False if the node was stopped meanwhile.
    private func opened(_ handle: RedisConnection.Handle, _ purpose: RedisConnection.Purpose) -> Bool {
        state.withLock { state in
            if state.isStopped { return false }
            if case .commands = purpose {
                state.commands = handle
            } else {
                state.subscriber = handle
                for channel in state.channels { Self.send("SSUBSCRIBE", channel, handle) }
            }
            return true
        }
    }

    private func closed(_ purpose: RedisConnection.Purpose) {
        state.withLock { state in
            if case .commands = purpose { state.commands = nil } else { state.subscriber = nil }
        }
    }
}
