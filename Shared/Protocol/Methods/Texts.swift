private import Foundation

/// What the texts of the wire must be. PostgreSQL's `text` cannot hold U+0000, so none of them may.
extension Fields {
    /// A message's text: not blank, at most `Limits.body` bytes.
    package mutating func body(_ name: String = "body") throws(RPCError) -> String {
        let text = try string(name)
        guard text.utf8.count <= Limits.body else {
            throw RPCError(.invalidParams, detail: "\(name) is longer than \(Limits.body) bytes", parameter: name)
        }
        guard !text.utf8.contains(0) else { throw RPCError(.invalidParams, detail: "\(name) holds U+0000", parameter: name) }
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace && !isInvisible($0) }) else {
            throw RPCError(.invalidParams, detail: "\(name) is blank", parameter: name)
        }
        return text
    }

    /// A room's name, in NFC so that one name has one spelling in bytes.
    package mutating func room(_ name: String = "room") throws(RPCError) -> String {
        let text = try string(name)
        guard !text.isEmpty, text.utf8.count <= Limits.roomBytes, text.count <= Limits.roomCharacters else {
            throw RPCError(.invalidParams, detail: "\(name) has 1 to \(Limits.roomCharacters) characters", parameter: name)
        }
        try refuseControls(text, name)
        guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last,
            !first.properties.isWhitespace, !last.properties.isWhitespace
        else { throw RPCError(.invalidParams, detail: "\(name) neither begins nor ends with a blank", parameter: name) }
        guard text.unicodeScalars.contains(where: { !isInvisible($0) }) else {
            throw RPCError(.invalidParams, detail: "\(name) is blank", parameter: name)
        }
        return nfc(text)
    }

    /// A line of text for people, such as a title or a shown name; trimmed of nothing, refused if blank.
    package mutating func optionalLine(_ name: String, characters: Int) throws(RPCError) -> String? {
        guard let text = try optionalString(name) else { return nil }
        guard text.count <= characters, text.utf8.count <= characters * 32 else {
            throw RPCError(.invalidParams, detail: "\(name) has at most \(characters) characters", parameter: name)
        }
        try refuseControls(text, name)
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace && !isInvisible($0) }) else {
            throw RPCError(.invalidParams, detail: "\(name) is blank", parameter: name)
        }
        return text
    }

    /// A name to look a user up by; its rules are the auth service's.
    package mutating func username(_ name: String = "username") throws(RPCError) -> String {
        let text = try string(name)
        guard !text.isEmpty, text.utf8.count <= Limits.usernameBytes, !text.utf8.contains(0) else {
            throw RPCError(
                .invalidParams,
                detail:
                    "\(name) has \(Limits.usernameCharacters.lowerBound) to \(Limits.usernameCharacters.upperBound) characters",
                parameter: name)
        }
        return text
    }

    package mutating func optionalUsername(_ name: String) throws(RPCError) -> String? {
        has(name) ? try username(name) : nil
    }
    package mutating func optionalRoom(_ name: String = "room") throws(RPCError) -> String? { has(name) ? try room(name) : nil }

    /// A UUID (RFC 9562) as 16 bytes, high half first.
    package mutating func uuid(_ name: String) throws(RPCError) -> WireUUID {
        guard let uuid = WireUUID(try string(name)) else {
            throw RPCError(.invalidParams, detail: "\(name) is no UUID", parameter: name)
        }
        return uuid
    }

    private func refuseControls(_ text: String, _ name: String) throws(RPCError) {
        let bad = text.unicodeScalars.contains { scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: true
            default: false
            }
        }
        if bad { throw RPCError(.invalidParams, detail: "\(name) holds a control character", parameter: name) }
    }
}

/// What makes a username unique: its text without regard to case, width and form.
package enum UsernameKey {
    package static func of(_ text: String) -> String {
        text.precomposedStringWithCompatibilityMapping.lowercased().uppercased().lowercased()
            .precomposedStringWithCompatibilityMapping
    }
}

/// Format characters such as the zero-width space show nothing.
private func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .format || scalar.properties.generalCategory == .control
}

private func nfc(_ text: String) -> String {
    // Below U+0300 every text is its own NFC.
    text.unicodeScalars.allSatisfy { $0.value < 0x300 } ? text : text.precomposedStringWithCanonicalMapping
}
