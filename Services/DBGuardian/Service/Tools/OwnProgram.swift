import Foundation

/// The file that this process was started from.
enum OwnProgram {
    /// Linux adds a word to the name when another file has taken its place since (proc(5)): then that one is meant.
    static func path() throws -> String {
        let path = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let gone = " (deleted)"
        return path.hasSuffix(gone) ? String(path.dropLast(gone.count)) : path
    }
}
