import AuthService
import EverlineProtocol
import Foundation
import Synchronization
import Testing

@Suite struct HashingPoolTests {
    /// Holds the one thread of a pool until it is opened.
    private final class Gate: Sendable {
        private let semaphore = DispatchSemaphore(value: 0)
        func open() { semaphore.signal() }
        func wait() { semaphore.wait() }
    }

    /// Which jobs ran, in their order.
    private final class Ran: Sendable {
        let names = Mutex<[String]>([])
    }

    /// Whether it was refused with `auth.busy`.
    private static func isBusy(_ pool: HashingPool, _ address: String, _ ran: Ran) async -> Bool {
        do {
            try await pool.run(for: address) { ran.names.withLock { $0.append(address) } }
            return false
        } catch { return (error as? RPCError)?.code == .authBusy }
    }

    /// Runs `body` while the pool's one thread is held; `begun` tells that it is.
    private func withHeld(_ pool: HashingPool, _ body: (Gate) async throws -> Void) async throws {
        let gate = Gate()
        let begun = AsyncStream.makeStream(of: Void.self)
        async let held: Void = pool.run(for: "held") {
            begun.continuation.yield()
            gate.wait()
        }
        for await _ in begun.stream { break }
        try await body(gate)
        try await held
    }

    @Test func shedsWhatItCannotTake() async throws {
        let pool = HashingPool(width: 1, bound: 2, patience: .seconds(3_600))
        let ran = Ran()
        #expect(ErrorCode.authBusy.retryable)
        try await withHeld(pool) { gate in
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 { group.addTask { await Self.isBusy(pool, "one", ran) } }
                for _ in 0..<18 { #expect(await group.next() == true) }
                gate.open()
                for await busy in group { #expect(!busy) }
            }
        }
        #expect(ran.names.withLock { $0.count } == 2)
        // It serves on.
        #expect(try await pool.run(for: "one") { 7 } == 7)
    }

    @Test func tellsBeforehandWhatItWouldRefuse() async throws {
        let pool = HashingPool(width: 1, bound: 2, patience: .seconds(3_600))
        try pool.admit("one")
        let ran = Ran()
        try await withHeld(pool) { gate in
            try pool.admit("one")
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<2 { group.addTask { await Self.isBusy(pool, "one", ran) } }
                while pool.waiting < 2 { await Task.yield() }
                #expect(throws: RPCError.self) { try pool.admit("one") }
                // One of those would make room for it.
                #expect(throws: Never.self) { try pool.admit("two") }
                gate.open()
                for await busy in group { #expect(!busy) }
            }
        }
        try pool.admit("one")
    }

    @Test func whatWouldWaitTooLongIsRefusedAtOnce() async throws {
        // A hash is taken to last 0.3 s until it was measured: three fit in a second.
        let pool = HashingPool(width: 1, bound: 64, patience: .seconds(1))
        let ran = Ran()
        try await withHeld(pool) { gate in
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 { group.addTask { await Self.isBusy(pool, "one", ran) } }
                for _ in 0..<5 { #expect(await group.next() == true) }
                gate.open()
                await group.waitForAll()
            }
        }
        #expect(ran.names.withLock { $0.count } <= 3)
    }

    @Test func whatHasWaitedTooLongIsNotBegun() async throws {
        let pool = HashingPool(width: 1, bound: 64, patience: .milliseconds(350))
        let ran = Ran()
        try await withHeld(pool) { gate in
            async let late = Self.isBusy(pool, "one", ran)
            while pool.waiting == 0 { await Task.yield() }
            // Longer than it may wait, which it does already.
            try await Task.sleep(for: .milliseconds(500))
            gate.open()
            #expect(await late)
        }
        #expect(ran.names.withLock { $0.isEmpty })
    }

    @Test func aFloodFromOnePlaceLeavesTheOthersTheirTurn() async throws {
        let pool = HashingPool(width: 1, bound: 8, patience: .seconds(3_600))
        let ran = Ran()
        try await withHeld(pool) { gate in
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 { group.addTask { await Self.isBusy(pool, "flood", ran) } }
                for _ in 0..<12 { #expect(await group.next() == true) }
                group.addTask { await Self.isBusy(pool, "other", ran) }
                // One of the flood makes room for it.
                #expect(await group.next() == true)
                gate.open()
                for await busy in group { #expect(!busy) }
            }
        }
        let found = ran.names.withLock { $0 }
        #expect(found.count == 8)
        #expect(found.prefix(2).contains("other"))
    }
}
