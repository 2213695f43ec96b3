import EverlineProtocol
import NIOCore

/// Who may read along: looked at again whenever `members_rev` has moved, so that whoever was removed stops receiving although the signal was lost.
extension RoomFeed {
    /// A reader came who was not among those asked about last. From any thread.
    nonisolated func membersInDoubt() {
        Task { await self.doubtMembers() }
    }

    private func doubtMembers() {
        memberDoubts += 1
        checkMembersSoon(membersRev)
    }

    /// Beside whatever else goes on; one check at a time.
    func checkMembersSoon(_ rev: Int64) {
        guard membersAreChecked else { return }
        membersAreChecked = false
        Task {
            await checkMembers(rev)
            membersAreChecked = true
        }
    }

    /// - Parameter rev: the counter, read before.
    func checkMembers(_ rev: Int64) async {
        let doubts = memberDoubts
        var readers: Set<Int64> = []
        for hub in hubs {
            guard let found = try? await hub.loop.submit({ hub.readers(of: self) }).get() else { continue }
            readers.formUnion(found)
        }
        // What cannot be read now, or is in doubt again, is read at the timer's next turn.
        membersRev = -1
        guard let members = try? await rooms.members(of: room, among: Array(readers)),
            let banned = try? await rooms.banned(from: room, among: Array(readers))
        else { return }
        if doubts == memberDoubts { membersRev = rev }
        let readership = LoopHub.Readership(
            asked: readers, members: members, banned: banned, isPublic: kind == .public, membersRev: rev)
        for hub in hubs { hub.loop.execute { hub.keep(readership, of: self) } }
    }
}
