import NIOCore

/// Finds out which servers take commands, from addresses alone: whoever answers there says what it is.
struct RedisSurvey: Sendable {
    let configuration: RedisConfiguration
    let group: any EventLoopGroup

    /// For an address to answer.
    private static let patience = TimeAmount.seconds(2)

    /// - Parameter known: other addresses that would know.
    /// - Throws: what the last address failed with, if none was of use.
    func layout(known: [RedisAddress]) async throws -> RedisLayout {
        var failure: any Error = RedisError(.notConnected, "Redis has no address")
        for address in Set(configuration.addresses + known).shuffled() {
            do { return try await layout(from: address) } catch { failure = error }
        }
        throw failure
    }

    private func layout(from address: RedisAddress) async throws -> RedisLayout {
        try await asking(address) { connection in
            if let slots = try await answer(connection, "CLUSTER", "SLOTS") {
                guard let layout = RedisLayout(slots: slots, asked: address) else {
                    throw RedisError(.notConnected, "\(address) is of a Cluster and knows of no master")
                }
                return layout
            }
            switch try await role(connection) {
            case .master: return RedisLayout(master: address, mayChange: configuration.addresses.count > 1)
            case .replica: throw RedisError(.notConnected, "\(address) is a replica")
            case .sentinel(let names): return try await layout(from: connection, at: address, names)
            }
        }
    }

    /// Through a Sentinel (redis.io, "Sentinel client spec").
    private func layout(from sentinel: RedisConnection.Handle, at address: RedisAddress, _ names: [String]) async throws
        -> RedisLayout
    {
        guard let name = configuration.master ?? (names.count == 1 ? names[0] : nil) else {
            throw RedisError(
                .notConnected,
                "the Sentinel at \(address) watches \(names.isEmpty ? "no master" : names.joined(separator: ", ")). HINT: name one as redis.master"
            )
        }
        guard let found = try await answer(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)?.array, found.count == 2,
            let host = found[0].string, let port = found[1].integer
        else { throw RedisError(.notConnected, "the Sentinel at \(address) does not know the master \(name)") }
        let master = RedisAddress(host: host, port: Int(port))
        // A Sentinel that was away may name one that is none any more.
        return try await asking(master) { connection in
            guard case .master = try await role(connection) else {
                throw RedisError(.notConnected, "\(master) is no master, though the Sentinel at \(address) says so")
            }
            return RedisLayout(master: master, mayChange: true)
        }
    }

    private enum Role {
        case master, replica
        /// The masters that it watches.
        case sentinel([String])
    }

    private func role(_ connection: RedisConnection.Handle) async throws -> Role {
        let reply: RedisValue
        do { reply = try await connection.call("ROLE") } catch let error as RedisError where error.code == "NOPERM" {
            // A user who may not ask; only a server that is all there is can be used so.
            return .master
        }
        let parts = reply.array ?? []
        switch parts.first?.string {
        case "master": return .master
        case "slave": return .replica
        case "sentinel": return .sentinel((parts.dropFirst().first?.array ?? []).compactMap(\.string))
        default: throw RedisError(.notConnected, "Redis has a role that is not known")
        }
    }

    /// `nil` if it does not know the command, or how to do it.
    private func answer(_ connection: RedisConnection.Handle, _ words: String...) async throws -> RedisValue? {
        // All else that it may answer, as that it still loads, says nothing of what it is.
        do { return try await connection.call(words) } catch let error as RedisError where error.isOfUnknownCommand { return nil }
    }

    private func asking<R>(_ address: RedisAddress, _ body: (RedisConnection.Handle) async throws -> R) async throws -> R {
        let handle = try await RedisConnection.connect(
            to: address, configuration, group: group, for: .survey, patience: Self.patience)
        defer { handle.channel.close(promise: nil) }
        do { return try await body(handle) } catch let error as RedisError where error.code == "NOAUTH" {
            throw handle.refusal ?? error
        }
    }
}
