/// The members of one object, read by name and type. What was not read by the end is refused in strict mode.
package struct Fields {
    private let members: [JSON.Member]
    private let strict: Bool
    private var read = 0

    /// - Throws: `invalid_params` if the value is no object. Parameters that are left out are an empty object.
    package init(_ json: JSON?, strict: Bool) throws(RPCError) {
        switch json {
        case nil: members = []
        case .object(let found): members = found
        case .array?: throw RPCError(.invalidParams, detail: "parameters are given by name, in an object")
        case let other?: throw RPCError(.invalidParams, detail: "expected an object, found \(other.kind)")
        }
        self.strict = strict
    }

    /// Whether there is a member of that name; one that is `null` is read, and counts as absent.
    mutating func has(_ name: String) -> Bool {
        guard let member = members.first(where: { $0.key == name }) else { return false }
        if member.value == .null { read += 1 }
        return member.value != .null
    }

    /// The raw member; `null` counts as absent.
    package mutating func json(_ name: String) -> JSON? {
        guard let member = members.first(where: { $0.key == name }) else { return nil }
        read += 1
        return member.value == .null ? nil : member.value
    }

    package mutating func optionalString(_ name: String) throws(RPCError) -> String? {
        switch json(name) {
        case nil: return nil
        case .string(let value)?: return value
        case let other?: throw wrong(name, "a string", other)
        }
    }
    package mutating func string(_ name: String) throws(RPCError) -> String { try required(name, try optionalString(name)) }

    package mutating func optionalInt(_ name: String, in range: ClosedRange<Int64> = 0...Int64.max) throws(RPCError) -> Int64? {
        switch json(name) {
        case nil: return nil
        case .int(let value)?:
            guard range.contains(value) else {
                let bounds =
                    range.upperBound == .max ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
                throw RPCError(.invalidParams, detail: "\(name) must be \(bounds)", parameter: name)
            }
            return value
        case .double?: throw RPCError(.invalidParams, detail: "\(name) must be an integer of 64 bits", parameter: name)
        case let other?: throw wrong(name, "a number", other)
        }
    }
    package mutating func int(_ name: String, in range: ClosedRange<Int64> = 0...Int64.max) throws(RPCError) -> Int64 {
        try required(name, try optionalInt(name, in: range))
    }

    package mutating func optionalBool(_ name: String) throws(RPCError) -> Bool? {
        switch json(name) {
        case nil: return nil
        case .bool(let value)?: return value
        case let other?: throw wrong(name, "true or false", other)
        }
    }
    package mutating func bool(_ name: String) throws(RPCError) -> Bool { try required(name, try optionalBool(name)) }

    package mutating func optionalObject<Value: WireObject>(_ name: String, as type: Value.Type = Value.self) throws(RPCError)
        -> Value?
    {
        guard let found = json(name) else { return nil }
        return try Value(found, strict: strict)
    }
    package mutating func object<Value: WireObject>(_ name: String, as type: Value.Type = Value.self) throws(RPCError) -> Value {
        try required(name, try optionalObject(name, as: type))
    }
    package mutating func objects<Value: WireObject>(_ name: String, as type: Value.Type = Value.self) throws(RPCError) -> [Value]
    {
        switch json(name) {
        case .array(let elements)?:
            var values: [Value] = []
            values.reserveCapacity(elements.count)
            for element in elements { values.append(try Value(element, strict: strict)) }
            return values
        case nil: throw missing(name)
        case let other?: throw wrong(name, "an array", other)
        }
    }

    /// - Parameter most: more elements than this are refused.
    package mutating func strings(_ name: String, most: Int) throws(RPCError) -> [String] {
        switch json(name) {
        case .array(let elements)?:
            guard elements.count <= most else {
                throw RPCError(.invalidParams, detail: "\(name) must have at most \(most) elements", parameter: name)
            }
            var values: [String] = []
            values.reserveCapacity(elements.count)
            for element in elements {
                guard case .string(let value) = element else { throw wrong(name, "an array of strings", element) }
                values.append(value)
            }
            return values
        case nil: throw missing(name)
        case let other?: throw wrong(name, "an array", other)
        }
    }

    /// Refuses, in strict mode, what nobody asked for.
    package func finish() throws(RPCError) {
        guard strict, read < members.count else { return }
        throw RPCError(.invalidParams, detail: "a parameter that this method does not know")
    }

    private func required<Value>(_ name: String, _ value: Value?) throws(RPCError) -> Value {
        guard let value else { throw missing(name) }
        return value
    }
    private func missing(_ name: String) -> RPCError {
        RPCError(.invalidParams, detail: "\(name) is missing", parameter: name)
    }
    private func wrong(_ name: String, _ expected: String, _ found: JSON) -> RPCError {
        RPCError(.invalidParams, detail: "\(name) must be \(expected), not \(found.kind)", parameter: name)
    }
}
