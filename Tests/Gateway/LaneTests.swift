import GatewayService
import Testing

/// Two gateways append to a room through lanes of the same number, or they contend for rows that they need not share.
struct LaneTests {
    /// Computed apart from this code: (room * 0x9E3779B97F4A7C15 mod 2^64) >> 32, mod 4. Another version of the gateway, or another process of this one,
    /// that finds others makes two gateways of one installation disagree.
    @Test func everyProcessFindsTheSameLane() {
        #expect((1...16).map { Lanes.index(of: $0, count: 4) } == [1, 2, 0, 1, 3, 0, 2, 3, 1, 2, 0, 1, 3, 0, 2, 3])
        #expect([1_000, 123_456_789, 1 << 62, .max].map { Lanes.index(of: $0, count: 4) } == [1, 0, 0, 2])
    }

    @Test(arguments: [1, 2, 3, 4, 7, 64], [1, 4, 10, 64] as [Int64])
    func roomsSpreadEvenlyAlsoWhenTheirNumbersLieFarApart(count: Int, stride: Int64) {
        var rooms = [Int](repeating: 0, count: count)
        for n in 1...Int64(10_000) { rooms[Lanes.index(of: n * stride, count: count)] += 1 }
        let fair = 10_000 / count
        #expect(rooms.allSatisfy { $0 > fair * 7 / 10 && $0 < fair * 13 / 10 })
    }
}
