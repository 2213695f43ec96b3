/// Whether a code is asked for besides the password, and how many recovery codes are left.
package enum AuthSecondFactor: Method {
    package static let name = "auth.secondFactor"
    package typealias Params = Nothing

    package struct Result: WireObject {
        package let enabled: Bool
        package let recoveryCodesLeft: Int64

        package init(enabled: Bool, recoveryCodesLeft: Int64) {
            self.enabled = enabled
            self.recoveryCodesLeft = recoveryCodesLeft
        }
        package init(from fields: inout Fields) throws(RPCError) {
            enabled = try fields.bool("enabled")
            recoveryCodesLeft = try fields.int("recoveryCodesLeft")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("enabled", enabled)
            object.field("recoveryCodesLeft", recoveryCodesLeft)
        }
    }
}

/// Makes a secret, which counts once a code of it was confirmed. One that was begun before is thrown away.
package enum AuthSecondFactorBegin: Method {
    package static let name = "auth.secondFactor.begin"

    package struct Params: WireObject {
        package let password: String

        package init(from fields: inout Fields) throws(RPCError) { password = try fields.string("password") }
        package func encode(to object: inout ObjectWriter) { object.field("password", password) }
    }

    package struct Result: WireObject {
        /// Base 32 (RFC 4648 section 6), without padding.
        package let secret: String
        /// For an authenticator: otpauth://totp/…
        package let uri: String

        package init(secret: String, uri: String) {
            self.secret = secret
            self.uri = uri
        }
        package init(from fields: inout Fields) throws(RPCError) {
            secret = try fields.string("secret")
            uri = try fields.string("uri")
        }
        package func encode(to object: inout ObjectWriter) {
            object.field("secret", secret)
            object.field("uri", uri)
        }
    }
}

package enum AuthSecondFactorConfirm: Method {
    package static let name = "auth.secondFactor.confirm"

    package struct Params: WireObject {
        package let code: String

        package init(from fields: inout Fields) throws(RPCError) {
            guard let code = try fields.optionalCode() else {
                throw RPCError(.invalidParams, detail: "code is missing", parameter: "code")
            }
            self.code = code
        }
        package func encode(to object: inout ObjectWriter) { object.field("code", code) }
    }

    /// Shown once; each is good for one login without the authenticator.
    package struct Result: WireObject {
        package let recoveryCodes: [String]

        package init(recoveryCodes: [String]) { self.recoveryCodes = recoveryCodes }
        package init(from fields: inout Fields) throws(RPCError) {
            recoveryCodes = try fields.strings("recoveryCodes", most: 100)
        }
        package func encode(to object: inout ObjectWriter) { object.field("recoveryCodes", recoveryCodes) }
    }
}

package enum AuthSecondFactorDisable: Method {
    package static let name = "auth.secondFactor.disable"
    package typealias Params = Proof
    package typealias Result = Nothing
}
