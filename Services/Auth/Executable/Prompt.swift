import AuthService
import EverlineProtocol
import EverlineService
import Foundation

/// Asks for a new password: never an argument, which every user of the machine could read.
enum Prompt {
    static func newPasswordHash(of username: String) throws -> String {
        let given: String
        if isatty(0) == 1 {
            given = try ask("Password: ")
            guard try ask("Again: ") == given else { throw ConfigurationError("the two passwords differ") }
        } else {
            guard let line = readLine(strippingNewline: true) else { throw ConfigurationError("no password on standard input") }
            given = line
        }
        let password = try Password(given)
        try PasswordRules.check(password, of: username)
        return try AdminPassword.hash(password)
    }

    /// Who is at the prompt, for the record.
    static var actor: Actor { .prompt(NSUserName()) }

    private static func ask(_ prompt: String) throws -> String {
        guard let text = getpass(prompt) else { throw ConfigurationError("the terminal cannot be read") }
        return String(cString: text)
    }
}
