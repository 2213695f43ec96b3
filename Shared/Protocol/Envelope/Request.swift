/// The id of a request (JSON-RPC 2.0 section 4): text, an integer, or `null`.
package enum RequestID: Sendable, Hashable {
    case string(String)
    case int(Int64)
    case null
}

/// One call or notification.
package struct Request: Sendable {
    package let method: String
    package let params: JSON?
    /// `nil`: a notification, which is never answered.
    package let id: RequestID?
    /// The span under which it is served, if the caller named one.
    package var trace: TraceContext?

    package init(method: String, params: JSON?, id: RequestID?, trace: TraceContext? = nil) {
        self.method = method
        self.params = params
        self.id = id
        self.trace = trace
    }
}

/// What one line holds: each element a request, or the error to answer in its place.
package enum Incoming: Sendable {
    package typealias Element = Result<Request, Response.Refusal>

    case single(Element)
    case batch([Element])
    /// The line as a whole is refused, with one answer whose id is `null`.
    case refused(RPCError)

    /// Reads a line. Never throws: what is wrong becomes the answer that the specification (section 5.1, 6 and 7) wants.
    package init(line: UnsafeBufferPointer<UInt8>) {
        let json: JSON
        do throws(JSONError) {
            json = try JSONParser.parse(line)
        } catch {
            self = .refused(RPCError(.parseError, detail: error.description))
            return
        }
        guard case .array(let elements) = json else {
            self = .single(Self.element(json))
            return
        }
        if elements.isEmpty {
            self = .refused(RPCError(.invalidRequest, detail: "a batch without requests"))
        } else if elements.count > Limits.batch {
            self = .refused(RPCError(.batchTooLarge))
        } else {
            self = .batch(elements.map(Self.element))
        }
    }

    /// The same, where requests that name no span of their own are served under this one (of an HTTP request).
    package func traced(under traceparent: String) -> Incoming {
        func traced(_ element: Element) -> Element {
            element.map { request in
                var request = request
                if request.trace == nil { request.trace = TraceContext(under: traceparent) }
                return request
            }
        }
        return switch self {
        case .single(let element): .single(traced(element))
        case .batch(let elements): .batch(elements.map(traced))
        case .refused: self
        }
    }

    private static func element(_ json: JSON) -> Element {
        guard case .object(let members) = json else {
            return .failure(
                .init(id: .null, error: RPCError(.invalidRequest, detail: "a request is an object, not \(json.kind)")))
        }
        var id: RequestID?
        var version = false
        var method: String?
        var params: JSON?
        var trace: TraceContext?
        var problem: String?
        for member in members {
            switch (member.key, member.value) {
            case ("jsonrpc", .string("2.0")): version = true
            case ("method", .string(let name)): method = name
            case ("method", _): problem = "method is a string"
            case ("params", .object), ("params", .array): params = member.value
            case ("params", _): problem = "params is an object"
            case ("id", .string(let text)) where text.utf8.count <= Limits.requestID: id = .string(text)
            case ("id", .int(let number)): id = .int(number)
            case ("id", .null): id = .null
            case ("id", _): problem = "id is an integer of 64 bits, null, or a string of at most \(Limits.requestID) bytes"
            case ("jsonrpc", _): problem = "jsonrpc is \"2.0\""
            case ("traceparent", .string(let text)): trace = TraceContext(under: text)
            case ("traceparent", _): problem = "traceparent is a string"
            default: problem = "a member that a request does not have"
            }
        }
        if problem == nil, !version { problem = "jsonrpc is \"2.0\"" }
        if problem == nil, method == nil { problem = "method is missing" }
        guard problem == nil, let method else {
            return .failure(.init(id: id ?? .null, error: RPCError(.invalidRequest, detail: problem)))
        }
        return .success(Request(method: method, params: params, id: id, trace: trace))
    }
}
