import Foundation

/// Programs that sessions of a server on this machine have started (proc(5): task/TID/children).
enum Children {
    struct Child: Sendable {
        let process: Int32
        let parent: Int32
        let command: String
    }

    static func of(_ sessions: [Int32]) -> [Child] {
        var found: [Child] = []
        for session in sessions where name(session) == "postgres" {
            for text in read("/proc/\(session)/task/\(session)/children").split(separator: " ") {
                guard let process = Int32(text), let name = name(process), name != "postgres" else { continue }
                let command = read("/proc/\(process)/cmdline").replacingOccurrences(of: "\0", with: " ").trimmingCharacters(
                    in: .whitespaces)
                found.append(
                    Child(process: process, parent: session, command: command.isEmpty ? name : String(command.prefix(300))))
            }
        }
        return found
    }

    private static func name(_ process: Int32) -> String? {
        let text = read("/proc/\(process)/comm").trimmingCharacters(in: .whitespacesAndNewlines)
        return text.isEmpty ? nil : text
    }

    private static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }
}
