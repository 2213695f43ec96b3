import EverlineCryptography
import Foundation

/// One numbered SQL file.
package struct Migration: Sendable, Equatable {
    package let number: Int
    /// The file's name.
    package let name: String
    package let sql: String
    /// SHA-256 of the file, in hex.
    package let checksum: String
}

/// Reads a folder of migrations: `001-name.sql`, `002-name.sql`, … without a gap.
package enum MigrationFiles {
    package static func read(_ folder: String) throws -> [Migration] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw GuardianError("the folder of migrations cannot be read: \(folder)", hint: "set migrations.root")
        }
        var all: [Migration] = []
        for name in names.sorted() where name.hasSuffix(".sql") {
            let digits = name.prefix { $0.isASCII && $0.isNumber }
            guard digits.count == 3, name.dropFirst(3).first == "-", let number = Int(digits) else {
                throw GuardianError("\(name) is not named like 001-name.sql")
            }
            guard number == all.count + 1 else {
                let expected = String(format: "%03d", all.count + 1)
                throw GuardianError("migration \(expected) is missing, or its number was given twice: found \(name)")
            }
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)"),
                let sql = String(data: data, encoding: .utf8)
            else {
                throw GuardianError("\(name) cannot be read as UTF-8")
            }
            all.append(
                Migration(number: number, name: name, sql: sql, checksum: Hex.encode(DigestAlgorithm.sha256.digest(Array(data)))))
        }
        guard !all.isEmpty else { throw GuardianError("there are no migrations in \(folder)", hint: "set migrations.root") }
        return all
    }
}
