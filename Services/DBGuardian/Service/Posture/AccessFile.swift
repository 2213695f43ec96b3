import EverlineProtocol
import Foundation

/// pg_hba.conf (manual 21.1), where it is on this machine.
enum AccessFile {
    /// Makes `trust` scram-sha-256 in these lines; the file as it was stays beside it.
    static func replaceTrust(_ file: String, lines: [Int32]) throws {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw GuardianError(
                "\(file) cannot be read here", hint: "edit it on the server's machine, then SELECT pg_reload_conf()")
        }
        var all = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for number in lines {
            let index = Int(number) - 1
            guard all.indices.contains(index), let line = replaced(all[index]) else {
                throw GuardianError("line \(number) of \(file) has no method trust any more", hint: "run it again")
            }
            all[index] = line
        }
        var status = stat()
        guard stat(file, &status) == 0 else { throw SystemError("cannot look at", file) }
        let copy = "\(file).before-\(Timestamp.now.compact)"
        if !FileManager.default.fileExists(atPath: copy) { try write(Array(data), copy, status) }
        try write(Array(all.joined(separator: "\n").utf8), "\(file).new", status)
        guard rename("\(file).new", file) == 0 else { throw SystemError("cannot replace", file) }
    }

    /// The method is the first bare `trust` behind type, database and user, before a comment.
    static func replaced(_ line: String) -> String? {
        let code = line.prefix { $0 != "#" }
        var words = 0
        var index = code.startIndex
        while index < code.endIndex {
            let start = code[index...].firstIndex { !$0.isWhitespace } ?? code.endIndex
            var end = start
            var isQuoted = false
            while end < code.endIndex, isQuoted || !code[end].isWhitespace {
                if code[end] == "\"" { isQuoted.toggle() }
                end = code.index(after: end)
            }
            if words >= 3, code[start..<end] == "trust" { return line[..<start] + "scram-sha-256" + line[end...] }
            words += 1
            index = end
        }
        return nil
    }

    private static func write(_ bytes: [UInt8], _ file: String, _ like: stat) throws {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw SystemError("cannot write", file) }
        let stream = FileDescriptorStream(descriptor, file)
        if geteuid() == 0, fchown(descriptor, like.st_uid, like.st_gid) != 0 { throw SystemError("cannot give away", file) }
        try stream.write(bytes)
        try stream.synchronize()
    }
}
