import Foundation

/// A program that is fed on its standard input.
final class FedTool {
    private let tool: Tool
    private let child: Child
    private let input: FileDescriptorStream

    init(_ tool: Tool) throws {
        // That it ends before its input does is an error of the write, not our end.
        signal(SIGPIPE, SIG_IGN)
        self.tool = tool
        child = try tool.spawn(fed: true)
        input = child.takeInput()
    }

    func write(_ bytes: [UInt8]) throws {
        try Task.checkCancellation()
        try input.write(bytes)
    }

    /// Ends its input and waits for it.
    /// - Throws: what it said, if it does not end with 0.
    func finish() throws {
        input.end()
        let ended = try collect()
        guard ended.status == 0 else { throw tool.failure(ended) }
    }

    func abandon() {
        kill(child.process, SIGKILL)
        input.end()
        _ = child.wait()
    }

    private func collect() throws -> Tool.Ended {
        var said: [UInt8] = []
        // What it complains of is short: as much as a pipe holds waits there until now.
        try child.pump(lines: { said = Array((said + $0).suffix(4_096)) }, output: { _ in })
        return Tool.Ended(status: child.wait(), said: String(decoding: said, as: UTF8.self))
    }
}
