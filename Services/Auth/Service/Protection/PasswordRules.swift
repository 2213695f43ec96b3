package import EverlineProtocol

/// Which new passwords are refused although they are long enough: those that are guessed first.
package enum PasswordRules {
    /// - Throws: `auth.weak_password`.
    package static func check(_ password: Password, of username: String, parameter: String = "password") throws(RPCError) {
        let folded = UsernameKey.of(password.text)
        guard !isCommon(folded) else {
            throw RPCError(.weakPassword, detail: "it is on the list of common passwords", parameter: parameter)
        }
        guard !isRow(folded) else {
            throw RPCError(
                .weakPassword, detail: "it is a few characters again and again, or in their order", parameter: parameter)
        }
        guard folded != UsernameKey.of(username) else {
            throw RPCError(.weakPassword, detail: "it is the username", parameter: parameter)
        }
    }

    /// One of the list, or one with digits and signs before and behind, or with those that stand for letters.
    private static func isCommon(_ folded: String) -> Bool {
        [folded, bare(folded), String(folded.map { letters[$0] ?? $0 }), String(bare(folded).map { letters[$0] ?? $0 })].contains
        {
            CommonPasswords.all.contains($0) || CommonWords.all.contains($0)
        }
    }

    /// Without what is no letter at both ends.
    private static func bare(_ text: String) -> String {
        guard let first = text.firstIndex(where: \.isLetter), let last = text.lastIndex(where: \.isLetter) else { return "" }
        return String(text[first...last])
    }

    private static let letters: [Character: Character] = [
        "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i",
    ]

    /// A few letters or digits again and again, or in their order, where behind 9 comes 0; as far as somebody may try them one after the other.
    private static func isRow(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count <= longestRow, text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else { return false }
        func repeats(_ length: Int) -> Bool { zip(bytes, bytes.dropFirst(length)).allSatisfy { $0 == $1 } }
        if (1...4).contains(where: repeats) { return true }
        func goes(_ step: Int) -> Bool {
            zip(bytes, bytes.dropFirst()).allSatisfy { before, after in
                Int(after) - Int(before) == step || (before, after) == (step > 0 ? (0x39, 0x30) : (0x30, 0x39))
            }
        }
        return goes(1) || goes(-1)
    }
    private static let longestRow = 20
}
