import Foundation
import Synchronization

/// A child process with pipes to its two outputs; whoever makes it must `wait` for it.
final class Child {
    let process: pid_t
    private let output: Int32
    private let messages: Int32
    private var input: Int32?

    /// F_SETPIPE_SZ, which the C library's module leaves out.
    private static let setPipeSize: Int32 = 1031

    /// - Parameter command: the program (looked for in our own PATH) and its arguments.
    /// - Parameter fed: whether it has an input; else it reads the end of it at once.
    init(_ command: [String], _ environment: [String: String], fed: Bool = false) throws {
        (process, output, messages, input) = try Self.oneAtATime.withLock { _ in try Self.spawn(command, environment, fed) }
    }

    /// The end that we write to, once.
    func takeInput() -> FileDescriptorStream {
        defer { input = nil }
        return FileDescriptorStream(input ?? -1, "the input of a program")
    }

    /// A pipe's end is closed on exec only a moment after it was made; no other child may be born in between, or it would keep
    /// the pipe open.
    private static let oneAtATime = Mutex(())

    private static func spawn(_ command: [String], _ environment: [String: String], _ fed: Bool) throws -> (
        pid_t, Int32, Int32, Int32?
    ) {
        var out: [Int32] = [0, 0]
        var err: [Int32] = [0, 0]
        guard pipe(&out) == 0 else { throw SystemError("cannot make a pipe for", command[0]) }
        guard pipe(&err) == 0 else {
            let error = SystemError("cannot make a pipe for", command[0])
            out.forEach { close($0) }
            throw error
        }
        var feed: [Int32] = [-1, -1]
        if fed, pipe(&feed) != 0 {
            let error = SystemError("cannot make a pipe for", command[0])
            (out + err).forEach { close($0) }
            throw error
        }
        for descriptor in out + err + feed where descriptor >= 0 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if fed {
            posix_spawn_file_actions_adddup2(&actions, feed[0], 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, out[1], 1)
        posix_spawn_file_actions_adddup2(&actions, err[1], 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // What we ignore or take ourselves, it must not.
        var signals = sigset_t()
        sigemptyset(&signals)
        for one in [SIGPIPE, SIGTERM, SIGINT] { sigaddset(&signals, one) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer {
            arguments.forEach { free($0) }
            variables.forEach { free($0) }
        }
        var process = pid_t()
        let failed = posix_spawnp(&process, command[0], &actions, &attributes, &arguments, &variables)
        close(out[1])
        close(err[1])
        if fed { close(feed[0]) }
        guard failed == 0 else {
            close(out[0])
            close(err[0])
            if fed { close(feed[1]) }
            throw SystemError("cannot run", command[0], number: failed)
        }
        return (process, out[0], err[0], fed ? feed[1] : nil)
    }

    deinit {
        close(output)
        close(messages)
        if let input { close(input) }
    }

    /// How often it is looked whether it has ended while nothing comes, in milliseconds.
    private static let look: Int32 = 100

    /// Hands on what it writes until it has closed both, or has ended: a child of its own may keep them open for long.
    /// - Throws: `CancellationError` in a task that is cancelled.
    func pump(lines: (UnsafeRawBufferPointer) -> Void, output take: (UnsafeRawBufferPointer) throws -> Void) throws {
        var waiting = [
            pollfd(fd: output, events: Int16(POLLIN), revents: 0), pollfd(fd: messages, events: Int16(POLLIN), revents: 0),
        ]
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        // For a stream of a gigabyte; that it stays small where it may not be raised changes only the speed.
        _ = fcntl(output, Self.setPipeSize, 1 << 20)
        var hasEnded = false
        while waiting.contains(where: { $0.fd >= 0 }) {
            try Task.checkCancellation()
            let ready = poll(&waiting, 2, hasEnded ? 0 : Self.look)
            if ready < 0 {
                if errno == EINTR { continue }
                throw SystemError("cannot wait for", "a program")
            }
            if ready == 0 {
                // What it wrote before its end lies in the pipes already.
                if hasEnded { return }
                hasEnded = isOver
                continue
            }
            for index in 0..<2 where waiting[index].fd >= 0 && waiting[index].revents != 0 {
                let descriptor = waiting[index].fd
                let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                if count <= 0 {
                    waiting[index].fd = -1
                    continue
                }
                try buffer.withUnsafeBytes { bytes in
                    let part = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                    if index == 0 { try take(part) } else { lines(part) }
                }
            }
        }
    }

    /// Whether `wait` would answer at once.
    private var isOver: Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT) == 0 && information.si_signo == SIGCHLD
    }

    /// The exit code, or minus the signal.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : -signal
    }
}
