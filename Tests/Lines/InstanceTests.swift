import EverlineLines
import EverlineProtocol
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

/// Several instances of one service, which come, go, and are given new certificates.
@Suite struct InstanceTests {
    @Test func aNameStandsForAllItsAddresses() async throws {
        let server = try await server()
        let client = LineClient(
            .auth, at: [.init(host: "localhost", port: server.port)],
            context: try Certificates.shared.files("history").clientContext(), group: group, logger: quiet)
        let running = Task { await client.run() }
        defer { running.cancel() }
        let found = try await difference(client, 7, 3)
        #expect(found == 4)
        await server.shutdown()
    }

    /// By which instance how many calls were answered, and whether one of them has stopped.
    private final class Tally: Sendable {
        let answered = Mutex<[Int64: Int]>([:])
        let stopped = Atomic<Bool>(false)
    }

    @Test func anInstanceThatStopsLosesNoCall() async throws {
        let staying = try await server(answers: 1)
        let leaving = try await server(answers: 2)
        let tally = Tally()
        try await withClient([staying.port, leaving.port]) { client in
            let callers = (0..<16).map { _ in
                Task {
                    var after = 0
                    // Through the stop, and some calls after it.
                    while after < 20 {
                        let found = try await difference(client, 0, 0)
                        tally.answered.withLock { $0[found, default: 0] += 1 }
                        if tally.stopped.load(ordering: .relaxed) { after += 1 }
                    }
                }
            }
            #expect(await eventually { tally.answered.withLock { $0.count } == 2 })
            await leaving.shutdown(grace: patience)
            tally.stopped.store(true, ordering: .relaxed)
            for caller in callers { try await caller.value }
            let last = try await difference(client, 0, 0)
            #expect(last == 1)
        }
        await staying.shutdown()
    }

    @Test func aRenewedCertificateNeedsNoRestart() async throws {
        let folder = NSTemporaryDirectory() + "everline-renewal-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func put(_ service: String, _ parts: [String] = ["pem", "key"]) throws {
            for part in parts {
                try FileManager.default.copyItem(
                    atPath: "\(Certificates.shared.folder)/\(service).\(part)", toPath: "\(folder)/new")
                #expect(rename("\(folder)/new", "\(folder)/own.\(part)") == 0)
            }
        }
        try put("history")
        let told = Told()
        let keeper = TLSKeeper(
            TLSFiles(
                ca: "\(Certificates.shared.folder)/ca.pem", certificate: "\(folder)/own.pem", key: "\(folder)/own.key"),
            logger: told.logger)
        let context = try keeper.server(.required)
        let running = Task { await keeper.run(every: .milliseconds(20)) }
        defer { running.cancel() }
        let first = context.now
        // A certificate beside another one's key: those from before stay.
        try put("auth", ["pem"])
        #expect(await eventually { told.contains("TLS files have changed and cannot be used; those from before stay in use") })
        #expect(context.now === first)
        try put("auth", ["key"])
        #expect(await eventually { context.now !== first })
        // It is the new one that clients see, who accept no other than auth's.
        let server = try await LineServer(
            host: "127.0.0.1", port: 0, tls: context, table: MethodTable<Caller> { _ in RPCError(.internalError) }, group: group,
            logger: quiet)
        try await withClient([server.port]) { client in
            #expect(await eventually { client.isConnected })
        }
        await server.shutdown()
    }

    /// A renewal between the start of a service, which reads the files, and the first look at them is none that nobody sees.
    @Test func aCertificateRenewedBeforeTheFirstLookIsSeen() async throws {
        let folder = NSTemporaryDirectory() + "everline-renewal-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func put(_ service: String) throws {
            for part in ["pem", "key"] {
                try FileManager.default.copyItem(
                    atPath: "\(Certificates.shared.folder)/\(service).\(part)", toPath: "\(folder)/new")
                #expect(rename("\(folder)/new", "\(folder)/own.\(part)") == 0)
            }
        }
        try put("history")
        let keeper = TLSKeeper(
            TLSFiles(
                ca: "\(Certificates.shared.folder)/ca.pem", certificate: "\(folder)/own.pem", key: "\(folder)/own.key"),
            logger: quiet)
        let context = try keeper.server(.required)
        let first = context.now
        try put("auth")
        let running = Task { await keeper.run(every: .milliseconds(20)) }
        defer { running.cancel() }
        #expect(await eventually { context.now !== first })
    }
}
