import EverlineCryptography
package import EverlineProtocol
import Foundation

/// A username that keeps the rules: 2 to 32 characters as a reader counts them, letters of any script with their marks, digits, `.`, `_`
/// and `-`.
package struct Username: Sendable, Equatable {
    /// In NFKC: as it is stored and shown.
    package let text: String
    /// What must be unique: without regard to case, width and form.
    package let key: String

    package init(_ given: String) throws(RPCError) {
        let text = given.precomposedStringWithCompatibilityMapping
        guard Limits.usernameCharacters.contains(text.count), text.utf8.count <= Limits.usernameBytes else {
            throw Self.refusal(
                "a username has \(Limits.usernameCharacters.lowerBound) to \(Limits.usernameCharacters.upperBound) characters")
        }
        var letterBefore = false
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: letterBefore = true
            case .nonspacingMark where letterBefore, .spacingMark where letterBefore: break
            case .decimalNumber: letterBefore = false
            default:
                guard scalar == "." || scalar == "_" || scalar == "-" else {
                    throw Self.refusal("a username is made of letters, digits and . _ -")
                }
                letterBefore = false
            }
        }
        guard text.unicodeScalars.first.map({ !Self.isMark($0) }) ?? false else {
            throw Self.refusal("a username is made of letters, digits and . _ -")
        }
        self.text = text
        key = Self.key(text)
    }

    /// The key of any text, so that a look-up of a name that no user can have costs the same.
    package static func key(_ text: String) -> String { UsernameKey.of(text) }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .nonspacingMark || scalar.properties.generalCategory == .spacingMark
    }
    private static func refusal(_ detail: String) -> RPCError {
        RPCError(.invalidParams, detail: detail, parameter: "username")
    }
}

/// A new password: 8 to 256 code points, any, compared in NFC so that every keyboard writes the same one.
package struct Password: Sendable {
    package let text: String

    package init(_ given: String, parameter: String = "password") throws(RPCError) {
        let text = Self.normalized(given)
        guard Limits.passwordCodePoints.contains(text.unicodeScalars.count) else {
            throw RPCError(
                .invalidParams,
                detail:
                    "a password has \(Limits.passwordCodePoints.lowerBound) to \(Limits.passwordCodePoints.upperBound) characters",
                parameter: parameter)
        }
        self.text = text
    }

    package static func normalized(_ given: String) -> String { given.precomposedStringWithCanonicalMapping }
}

/// Hashing at the prompt, where nobody else waits.
package enum AdminPassword {
    package static func hash(_ password: Password) throws -> String { try PasswordHash(hashing: password.text).description }
}
