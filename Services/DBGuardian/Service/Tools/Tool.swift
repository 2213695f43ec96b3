import EverlineProtocol
package import Foundation
import Synchronization

/// One run of another program. It dies with us, however we end (PR_SET_PDEATHSIG, by util-linux' setpriv), has no input, and no
/// secret on its command
/// line or in its environment.
package struct Tool: Sendable {
    package let program: String
    package let arguments: [String]
    package var environment: [String: String]
    /// Whom it runs as, where we are root and it must not be.
    package var user: (user: uid_t, group: gid_t)?
    /// What it gets when we end.
    package var deathSignal = "KILL"

    package init(_ program: String, _ arguments: [String], environment: [String: String] = [:]) {
        self.program = program
        self.arguments = arguments
        // Messages in English, whose words we look for; nothing of our own surroundings that libpq would take for settings.
        self.environment = ["PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "LANGUAGE": "C"]
            .merging(environment) { $1 }
    }

    /// What is left of a run that has ended.
    package struct Ended: Sendable {
        /// The exit code, or minus the signal.
        package let status: Int32
        /// The end of what it said on standard error.
        package let said: String
    }

    /// Runs it to its end and gives what it writes to `output`. **Blocks its thread.**
    /// - Parameters:
    ///   - lines: gets each line of standard error as it comes (a carriage return ends one too: progress).
    ///   - output: gets standard output; when it throws, the program is killed.
    package func run(
        lines: (String) -> Void = { _ in }, output: (UnsafeRawBufferPointer) throws -> Void = { _ in }
    ) throws -> Ended {
        let child = try spawn()
        var tail = LineTail()
        do {
            try child.pump(lines: { tail.add($0, lines) }, output: output)
        } catch {
            kill(child.process, SIGKILL)
            _ = child.wait()
            throw error
        }
        return Ended(status: child.wait(), said: tail.text)
    }

    /// Runs it and throws what it said if it does not end with 0.
    @discardableResult
    package func succeed(lines: (String) -> Void = { _ in }, output: (UnsafeRawBufferPointer) throws -> Void = { _ in }) throws
        -> Ended
    {
        let ended = try run(lines: lines, output: output)
        guard ended.status == 0 else { throw failure(ended) }
        return ended
    }

    /// Its standard output as text.
    package func text() throws -> String {
        var bytes: [UInt8] = []
        try succeed(output: { bytes += $0 })
        return String(decoding: bytes, as: UTF8.self)
    }

    package func failure(_ ended: Ended) -> GuardianError {
        let name = program.lastName
        let how = ended.status < 0 ? "was ended by signal \(-ended.status)" : "ended with \(ended.status)"
        let said = ended.said.trimmingCharacters(in: .whitespacesAndNewlines)
        return GuardianError(
            "\(name) \(how)\(said.isEmpty ? "" : ": \(said)")", kind: .tool,
            values: ["tool": .text(name), "status": .count(ended.status), "text": .text(said)])
    }

    func spawn(fed: Bool = false) throws -> Child {
        var wrapped = ["setpriv", "--pdeathsig", deathSignal]
        if let user { wrapped += ["--reuid=\(user.user)", "--regid=\(user.group)", "--clear-groups"] }
        wrapped += ["--", program] + arguments
        return try Child(wrapped, environment, fed: fed)
    }
}

/// The last lines of a program, for an error.
private struct LineTail {
    private var kept: [String] = []
    private var rest: [UInt8] = []
    var text: String { (kept + (rest.isEmpty ? [] : [String(decoding: rest, as: UTF8.self)])).joined(separator: "\n") }

    mutating func add(_ bytes: UnsafeRawBufferPointer, _ lines: (String) -> Void) {
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
                if rest.count < 4_096 { rest.append(byte) }
                continue
            }
            let line = String(decoding: rest, as: UTF8.self)
            rest.removeAll(keepingCapacity: true)
            if line.isEmpty { continue }
            lines(line)
            // JobProgress is no message.
            if byte == UInt8(ascii: "\n"), !line.contains("kB (") { kept.append(line) }
            if kept.count > 12 { kept.removeFirst() }
        }
    }
}
