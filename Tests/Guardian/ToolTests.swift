import Foundation
import GuardianService
import Testing

@Suite("Programs that are run") struct ToolTests {
    @Test("output, exit code and what was said")
    func runs() throws {
        #expect(try Tool("sh", ["-c", "echo 一; echo two >&2; exit 3"]).run().status == 3)
        #expect(try Tool("sh", ["-c", "echo 一"]).text() == "一\n")
        do {
            try Tool("sh", ["-c", "echo why >&2; exit 1"]).succeed()
            Issue.record("a failure was taken for success")
        } catch { #expect("\(error)".contains("why")) }
        #expect(try Tool("sh", ["-c", "kill -9 $$"]).run().status == -9)
        #expect(try Tool("/no/such/program", []).run().status != 0)
    }

    @Test("nothing of our surroundings reaches it but what it is given")
    func environment() throws {
        // Ours as they are: setenv(3) is not for a process with other threads.
        let ours = Set(ProcessInfo.processInfo.environment.keys)
        let found = try Tool("env", [], environment: ["GIVEN": "1"]).text().split(separator: "\n")
        let names = Set(found.compactMap { $0.split(separator: "=").first.map(String.init) })
        #expect(found.contains("GIVEN=1") && names == ["PATH", "LC_ALL", "LANGUAGE", "GIVEN"] && !ours.isSubset(of: names))
    }

    @Test("much output on both pipes does not stop it")
    func much() throws {
        var bytes = 0
        var lines = 0
        let script =
            "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done; head -c 3000000 /dev/zero"
        try Tool("sh", ["-c", script]).succeed(lines: { _ in lines += 1 }, output: { bytes += $0.count })
        #expect(bytes == 3_000_000 && lines == 3_000)
    }

    @Test("when the taker of its output gives up, it ends")
    func givenUp() throws {
        struct Enough: Error {}
        #expect(throws: Enough.self) { try Tool("yes", []).run(output: { _ in throw Enough() }) }
    }

    @Test("one that goes on can be told to end, and how it ended is known")
    func running() async throws {
        let running = RunningTool(Tool("sleep", ["600"]))
        while try running.ended == nil {
            running.signal(SIGTERM)
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try running.ended?.status == -SIGTERM)
    }

    @Test("one that has ended is noticed although its own children keep its outputs open", .timeLimit(.minutes(1)))
    func endedBeforeItsChildren() async throws {
        let script = "sleep 300 & echo $!; echo last words >&2; exit 3"
        var heard: [UInt8] = []
        let ended = try Tool("sh", ["-c", script]).run(output: { heard += $0 })
        let running = RunningTool(Tool("sh", ["-c", script]))
        let also = try await running.end(within: 60)
        for child in [String(decoding: heard, as: UTF8.self), also.said.split(separator: "\n").first.map(String.init) ?? ""] {
            let process = try #require(pid_t(child.trimmingCharacters(in: .whitespacesAndNewlines)))
            #expect(kill(process, SIGKILL) == 0)
        }
        #expect(ended.status == 3 && ended.said == "last words")
        #expect(also.status == 3 && also.said.contains("last words"))
    }

    @Test("in a task that is cancelled it ends", .timeLimit(.minutes(1)))
    func cancelled() async throws {
        let task = Task { try Tool("sleep", ["300"]).run().status }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("a folder of one's own is nobody else's while one lives, and goes with one")
    func privateFolders() throws {
        var mine: PrivateFolder? = try PrivateFolder()
        let path = try #require(mine?.path)
        try Data("secret".utf8).write(to: URL(fileURLWithPath: "\(path)/key"))
        let other = try PrivateFolder()
        #expect(FileManager.default.fileExists(atPath: "\(path)/key"))
        #expect(FolderLock(path) == nil && FolderLock(other.path) == nil)
        mine = nil
        #expect(!FileManager.default.fileExists(atPath: path))
        // What a killed process leaves: a folder that nobody has locked. It gets its name when it is whole, for another process may sweep here, too, and
        // then it is that one's to remove.
        let whole = NSTemporaryDirectory() + "everline-left-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: whole, withIntermediateDirectories: false)
        try Data("secret".utf8).write(to: URL(fileURLWithPath: "\(whole)/key"))
        #expect(rename(whole, path) == 0)
        for _ in 0..<1_000 {
            _ = try PrivateFolder()
            if !FileManager.default.fileExists(atPath: path) { break }
            usleep(10_000)
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
