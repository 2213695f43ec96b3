import ArgumentParser
import Foundation
import GuardianService

/// What commands print for a program.
enum JSONOutput {
    static func print(_ value: some Encodable, pretty: Bool = false) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            pretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        Swift.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

extension JobProgress {
    /// One line on the terminal that is written over; nothing when standard error is none.
    static let terminal: JobProgress =
        isatty(2) == 1
        ? JobProgress { text in
            FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
        } : .none
}

/// Ends as `failing` does, with a code of its own for a repository that is in use.
func failing(_ body: () async throws -> Void) async throws {
    do {
        try await body()
        clearProgress()
    } catch let error as ExitCode {
        clearProgress()
        throw error
    } catch let error as ValidationError {
        throw error
    } catch {
        clearProgress()
        let text = "\(error)"
        let hint =
            text.contains("HINT:")
            ? "" : "\nHINT: `db-guardian status` says what else is wrong; each verb explains itself with --help"
        FileHandle.standardError.write(Data("error: \(text)\(hint)\n".utf8))
        throw ExitCode(error is BusyError ? 75 : 1)
    }
}

private func clearProgress() {
    if isatty(2) == 1 { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
}
