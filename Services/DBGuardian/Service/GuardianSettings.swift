package import EverlineService

package enum GuardianSettings {
    package static let all: [Setting] =
        Setting.postgres + [
            Setting("migrations.root", "folder of the numbered SQL files"),
            Setting("roles.conninfo", default: "", "libpq connection string of a superuser, for `roles` alone"),
            Setting("roles.passwordFile", default: "", "file that holds the superuser's password"),
            Setting("roles.passwords", default: "", "folder with a password file postgres-ROLE for each role"),
            Setting("roles.database", default: "everline", "the database that the roles are for"),
        ] + Setting.tls + Setting.listen(port: 7503) + Setting.metrics(port: 9104) + Setting.log
}

/// Why the guardian will not do what it was told, and what to do about it.
package struct GuardianError: Error, Sendable, CustomStringConvertible {
    package let problem: String
    package let hint: String?

    package init(_ problem: String, hint: String? = nil) {
        self.problem = problem
        self.hint = hint
    }
    package var description: String { problem + (hint.map { "\nHINT: \($0)" } ?? "") }
}
