import EverlineProtocol
import Testing

/// What a line becomes before any method is looked up: JSON-RPC 2.0, section 7.
struct IncomingTests {
    private func read(_ text: String) -> Incoming {
        Array(text.utf8).withUnsafeBufferPointer { Incoming(line: $0) }
    }

    @Test func aCallKeepsItsMethodParametersAndID() throws {
        guard
            case .single(.success(let request)) = read(#"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#)
        else { return #expect(Bool(false), "not read as a call") }
        #expect(request.method == "subtract")
        #expect(request.params == .array([.int(42), .int(23)]))
        #expect(request.id == .int(1))
    }

    @Test func aNotificationHasNoID() throws {
        guard case .single(.success(let request)) = read(#"{"jsonrpc": "2.0", "method": "foobar"}"#)
        else { return #expect(Bool(false), "not read as a notification") }
        #expect(request.id == nil)
    }

    @Test(arguments: [
        (#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#, ErrorCode.parseError),
        (#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]"#, .parseError),
        ("[]", .invalidRequest),
        (#"{"a":1,"a":2}"#, .parseError),
        (#"{"a":"\ud800"}"#, .parseError),
        (String(repeating: "[", count: 10_000), .parseError),
    ])
    func aLineThatCannotBeReadIsRefusedAsAWhole(text: String, code: ErrorCode) {
        guard case .refused(let error) = read(text) else { return #expect(Bool(false), "read: \(text.prefix(80))") }
        #expect(error.code == code)
    }

    @Test func theBatchOfTheSpecificationIsReadElementByElement() throws {
        let text = #"""
            [{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
             {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"}, {"foo": "boo"},
             {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"}, {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]
            """#
        guard case .batch(let elements) = read(text) else { return #expect(Bool(false), "not a batch") }
        let read = elements.map { element in
            switch element {
            case .success(let request): "\(request.method) \(request.id.map { "\($0)" } ?? "-")"
            case .failure(let refusal): "\(refusal.error.code.number) \(refusal.id)"
            }
        }
        #expect(
            read == [
                #"sum string("1")"#, "notify_hello -", #"subtract string("2")"#, "-32600 null", #"foo.get string("5")"#,
                #"get_data string("9")"#,
            ])
    }

    @Test func aBatchIsBounded() {
        let call = #"{"jsonrpc":"2.0","method":"x","id":1}"#
        guard case .batch(let elements) = read("[" + Array(repeating: call, count: 100).joined(separator: ",") + "]")
        else { return #expect(Bool(false), "100 refused") }
        #expect(elements.count == 100)
        guard case .refused(let error) = read("[" + Array(repeating: call, count: 1_000).joined(separator: ",") + "]")
        else { return #expect(Bool(false), "1,000 taken") }
        #expect(error.code == .batchTooLarge)
    }

    @Test(arguments: [
        "1", "\"text\"", "null", #"{"jsonrpc":"2.0","method":1,"params":"bar"}"#, #"{"jsonrpc":"1.0","method":"x","id":1}"#,
        #"{"jsonrpc":"2.0","method":"x","id":[1]}"#, #"{"jsonrpc":"2.0","method":"x","id":99999999999999999999}"#,
    ])
    func whatIsNoRequestIsAnInvalidRequest(text: String) {
        guard case .single(.failure(let refusal)) = read(text) else { return #expect(Bool(false), "read: \(text)") }
        #expect(refusal.error.code == .invalidRequest)
    }
}
