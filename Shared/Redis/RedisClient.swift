import EverlineCryptography
package import Logging
import Metrics
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

/// Redis for a service: one server, one that Sentinels watch, or a Cluster, which its addresses tell. Of each master there is one connection for commands,
/// shared by all callers and pipelined, and one for subscriptions, all of which come back by themselves. Nothing waits for a connection: what cannot be
/// sent fails at once, for Redis is never the truth.
///
/// Publishing and subscribing are sharded (SPUBLISH, SSUBSCRIBE), also on a single server. In a Cluster a command goes where the key that is its second word
/// lies, and a script where its first key does; what must be together has the same hash tag.
package final class RedisClient: Sendable {
    private struct State {
        var layout: RedisLayout?
        var isSharded = false
        /// In the order of the layout's masters.
        var nodes: [RedisNode] = []
        var channels: Set<String> = []
        /// Something has shown that the layout may be another.
        var isInDoubt = false

        func node(of key: [UInt8]?) -> RedisNode? {
            guard isSharded, let key else { return nodes.first }
            return layout?.place(of: key).map { nodes[$0] }
        }
    }

    private let configuration: RedisConfiguration
    private let group: any EventLoopGroup
    private let logger: Logger
    private let state = Mutex(State())
    private let received: (@Sendable (String, ByteBuffer) -> Void)?
    private let returned: @Sendable () -> Void

    /// How often a command follows redirections, and how often it is looked who is there, when nothing shows and when something does.
    private static let mostRedirections = 3
    private static let survey = Duration.seconds(10)
    private static let look = Duration.milliseconds(250)
    private static let layouts = Counter(label: "everline_redis_layout_changes_total")

    /// - Parameters:
    ///   - received: channel and payload of each message of a subscription, on a connection's loop.
    ///   - returned: called when a connection is in place again after a loss, or another server has taken the place of one: what was published meanwhile was
    ///     not heard, and what was written last may be gone.
    package init(
        _ configuration: RedisConfiguration, group: any EventLoopGroup, logger: Logger,
        received: (@Sendable (String, ByteBuffer) -> Void)? = nil, returned: @escaping @Sendable () -> Void = {}
    ) {
        self.configuration = configuration
        self.group = group
        self.logger = logger
        self.received = received
        self.returned = returned
    }

    /// Whether each master can be reached.
    package var isConnected: Bool {
        let nodes = state.withLock { $0.nodes }
        return !nodes.isEmpty && nodes.allSatisfy { $0.commands != nil }
    }

    /// Keeps the connections until the task is cancelled.
    package func run() async {
        await withDiscardingTaskGroup { tasks in
            var (last, told) = (ContinuousClock.now, false)
            var pause = Duration.milliseconds(50)
            // One server that is named by itself is what it is: its connections come back by themselves.
            var mayChange = true
            while !Task.isCancelled, mayChange {
                if let layout = await surveyed(&told) {
                    for node in take(layout) { tasks.addTask { await node.run() } }
                    mayChange = layout.mayChange
                }
                last = .now
                repeat {
                    try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
                    pause = min(pause * 2, Self.look)
                } while mayChange && !isSurveyDue(last) && !Task.isCancelled
            }
        }
    }

    // MARK: Layout

    /// The masters of a Cluster know each other.
    private var knownElsewhere: [RedisAddress] { state.withLock { $0.isSharded ? $0.nodes.map(\.address) : [] } }

    private func surveyed(_ told: inout Bool) async -> RedisLayout? {
        do {
            let layout = try await RedisSurvey(configuration: configuration, group: group).layout(known: knownElsewhere)
            if told { logger.info("redis is reachable again") }
            told = false
            return layout
        } catch {
            // Once there is a layout, its nodes tell.
            if !told, state.withLock({ $0.layout == nil }) {
                logger.warning("redis cannot be reached; trying on", metadata: ["error": "\(error)"])
                told = true
            }
            return nil
        }
    }

    private func isSurveyDue(_ last: ContinuousClock.Instant) -> Bool {
        let isInDoubt = state.withLock { state in
            defer { state.isInDoubt = false }
            return state.isInDoubt || state.layout == nil
        }
        return isInDoubt || .now - last > Self.survey || !isConnected
    }

    /// - Returns: the nodes that are new, to be run.
    private func take(_ layout: RedisLayout) -> [RedisNode] {
        var (new, haveMoved): ([RedisNode], Bool) = ([], false)
        state.withLock { state in
            let isFirst = state.layout == nil
            if !isFirst, state.layout != layout {
                Self.layouts.increment()
                logger.notice("redis has another layout", metadata: ["masters": "\(layout.masters)"])
            }
            let nodes = layout.masters.map { address in
                if let known = state.nodes.first(where: { $0.address == address }) { return known }
                let node = RedisNode(address, replaces: !isFirst, surroundings)
                new.append(node)
                return node
            }
            for node in state.nodes where !layout.masters.contains(node.address) { node.stop() }
            state.layout = layout
            state.isSharded = layout.isSharded
            state.nodes = nodes
            var channels = [Set<String>](repeating: [], count: nodes.count)
            for channel in state.channels {
                if let place = layout.place(of: Array(channel.utf8)) { channels[place].insert(channel) }
            }
            for (node, channels) in zip(nodes, channels) {
                // A new one tells when it is connected.
                let isNew = new.contains { $0 === node }
                if node.follow(channels), !isNew { haveMoved = true }
            }
        }
        if haveMoved { returned() }
        return new
    }

    private var surroundings: RedisNode.Surroundings {
        RedisNode.Surroundings(
            configuration: configuration, group: group, logger: logger,
            subscription: received.map { RedisConnection.Subscription(received: $0, dropped: { _ in }) }, returned: returned,
            doubted: { [weak self] in self?.state.withLock { $0.isInDoubt = true } })
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
    > { submit(parts, key: parts.count > 1 ? parts[1] : nil, deadline: deadline, joining: joining) }

    private func submit(_ parts: [[UInt8]], key: [UInt8]?, deadline: Duration, joining: Bool = false) -> EventLoopFuture<
        RedisValue
    > {
        let (node, isSharded) = state.withLock { ($0.node(of: key), $0.isSharded) }
        guard let handle = node?.commands else { return unsent }
        let end = NIODeadline.now() + TimeAmount(deadline)
        let reply = send(parts, end, joining, on: handle)
        guard isSharded else { return reply }
        return reply.flatMapError { self.redirected($0, parts, end, joining, Self.mostRedirections) }
    }

    private func send(
        _ parts: [[UInt8]], _ end: NIODeadline, _ joining: Bool, on handle: RedisConnection.Handle, asking: Bool = false
    )
        -> EventLoopFuture<RedisValue>
    {
        let loop = handle.channel.eventLoop
        let promise = loop.makePromise(of: RedisValue.self)
        loop.execute {
            if asking { handle.connection.value.send([Array("ASKING".utf8)], end, nil) }
            handle.connection.value.send(parts, end, joining: joining, promise)
        }
        return promise.futureResult
    }

    /// Sends where the Cluster says that the key lies. A master that has no slot of its own yet is not known: what it was to answer fails.
    private func redirected(_ error: any Error, _ parts: [[UInt8]], _ end: NIODeadline, _ joining: Bool, _ left: Int)
        -> EventLoopFuture<RedisValue>
    {
        guard left > 0, let error = error as? RedisError, let target = Redirection(error),
            let handle = state.withLock({ $0.nodes.first { $0.address == target.address } })?.commands
        else { return group.any().makeFailedFuture(error) }
        return send(parts, end, joining, on: handle, asking: target.isOnce)
            .flatMapError { self.redirected($0, parts, end, joining, left - 1) }
    }

    private var unsent: EventLoopFuture<RedisValue> {
        group.any().makeFailedFuture(RedisError(.notConnected, "there is no connection to Redis"))
    }

    /// - Parameter keys: at least one; in a Cluster all of one hash tag.
    package func run(_ script: RedisScript, keys: [String], arguments: [[UInt8]], deadline: Duration = .seconds(1)) async throws
        -> RedisValue
    {
        try await submit(script, keys: keys, arguments: arguments, deadline: deadline).get()
    }

    /// - Parameter keys: at least one; in a Cluster all of one hash tag.
    package func submit(_ script: RedisScript, keys: [String], arguments: [[UInt8]], deadline: Duration = .seconds(1))
        -> EventLoopFuture<RedisValue>
    {
        let rest = [Array("\(keys.count)".utf8)] + keys.map { Array($0.utf8) } + arguments
        let key = rest[1]
        return submit([Array("EVALSHA".utf8), script.digest] + rest, key: key, deadline: deadline).flatMapError { error in
            guard let known = error as? RedisError, known.code == "NOSCRIPT" else {
                return self.group.any().makeFailedFuture(error)
            }
            return self.submit([Array("EVAL".utf8), script.source] + rest, key: key, deadline: deadline)
        }
    }

    // MARK: Subscriptions

    package func subscribe(_ channel: String) {
        state.withLock { state in
            if state.channels.insert(channel).inserted { state.node(of: Array(channel.utf8))?.subscribe(channel) }
        }
    }
    package func unsubscribe(_ channel: String) {
        state.withLock { state in
            if state.channels.remove(channel) != nil { state.node(of: Array(channel.utf8))?.unsubscribe(channel) }
        }
    }
}
