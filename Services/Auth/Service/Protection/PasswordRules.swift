package import EverlineProtocol

/// Which new passwords are refused although they are long enough: those that are guessed first.
package enum PasswordRules {
    /// - Throws: `auth.weak_password`.
    package static func check(_ password: Password, of username: String, parameter: String = "password") throws(RPCError) {
        let folded = UsernameKey.of(password.text)
        guard !CommonPasswords.all.contains(folded) else {
            throw RPCError(.weakPassword, detail: "it is on the list of common passwords", parameter: parameter)
        }
        guard folded != UsernameKey.of(username) else {
            throw RPCError(.weakPassword, detail: "it is the username", parameter: parameter)
        }
    }
}
