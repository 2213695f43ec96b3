import Foundation
import Synchronization

/// SIGTERM and SIGINT cancel what the command does, so that it takes away what it has begun: a server that was put up, copies of
/// keys, half a database.
final class Stop: Sendable {
    static let shared = Stop()

    private struct State {
        var signal: Int32?
        var work: Task<Void, Never>?
        var sources: [any DispatchSourceSignal] = []
    }
    private let state = Mutex(State())

    /// Longer than that nobody waits at a prompt.
    private static let patience = 30.0

    /// What came; nil as long as nothing did.
    var signal: Int32? { state.withLock { $0.signal } }

    /// Runs a command as the work that is stopped.
    func run(_ body: sending @escaping () async -> Void) async {
        let work = Task { await body() }
        state.withLock { $0.work = work }
        await work.value
    }

    func listen() {
        state.withLock { state in
            guard state.sources.isEmpty else { return }
            for number in [SIGTERM, SIGINT] {
                Glibc.signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler { [self] in came(number) }
                source.activate()
                state.sources.append(source)
            }
        }
    }

    private func came(_ number: Int32) {
        let isFirst = state.withLock { state in
            defer { state.signal = state.signal ?? number }
            state.work?.cancel()
            return state.signal == nil
        }
        // Whoever says it twice does not want to wait.
        if !isFirst { _exit(128 + number) }
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.patience) { _exit(128 + number) }
    }
}
