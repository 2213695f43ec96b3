import EverlineProtocol
import Testing

struct TextTests {
    private func send(_ body: String, room: String = "大廳") throws(RPCError) -> MessageSend.Params {
        try MessageSend.Params(
            .object([
                .init(key: "room", value: .string(room)), .init(key: "clientId", value: .string(WireUUID().description)),
                .init(key: "body", value: .string(body)),
            ]), strict: true)
    }

    @Test(arguments: ["", "   ", "\n\t\u{3000}", "\u{200B}", "a\0b", String(repeating: "字", count: 5_462)])
    func aBodyThatCannotBeStoredIsRefused(body: String) {
        let error = #expect(throws: RPCError.self) { try send(body) }
        #expect(error?.parameter == "body")
    }

    @Test(arguments: ["a", "床前明月光", String(repeating: "x", count: 16_384), "👩‍👩‍👧‍👦", " 首 "])
    func aBodyIsKeptByteForByte(body: String) throws {
        #expect(try Array(send(body).body.utf8) == Array(body.utf8))
    }

    @Test(arguments: ["", " a", "a\n", String(repeating: "字", count: 65), "\u{200B}", "a\0"])
    func aRoomNameThatNobodyCouldTypeIsRefused(name: String) {
        let error = #expect(throws: RPCError.self) { try send("x", room: name) }
        #expect(error?.parameter == "room")
    }

    @Test func aRoomNameHasOneSpelling() throws {
        #expect(try Array(send("x", room: "cafe\u{301}").room.utf8) == Array("café".utf8))
        #expect(try send("x", room: String(repeating: "字", count: 64)).room.count == 64)
    }

    @Test func whatAMethodDoesNotKnowIsRefusedByAServerOnly() throws {
        let json = JSON.object([.init(key: "room", value: .string("a")), .init(key: "colour", value: .int(1))])
        #expect(throws: RPCError.self) { try RoomParams(json, strict: true) }
        #expect(try RoomParams(json, strict: false).room == "a")
    }
}
