import EverlineProtocol
import Foundation
import GuardianService
import Testing

@Suite("What can be restored, and what may go") struct PlanningTests {
    static let size: UInt64 = 1 << 20
    static let system = "7000000000000000001"
    static let day: Int64 = 86_400_000_000
    /// 2026-11-24T00:00:00Z in microseconds.
    static let now: Int64 = 1_795_478_400_000_000

    /// A base backup that ended so many days ago, in the segment of that number.
    func base(_ place: TemporaryRepository, daysAgo: Int64, segment: UInt64, proven: Bool = false, timeline: UInt32 = 1) throws
        -> String
    {
        let stopped = Self.now - daysAgo * Self.day
        let at = Timestamp(milliseconds: stopped / 1_000)
        let id = "\(at.compact)-base-\(String(segment, radix: 16))"
        let catalogue = Catalogue(place.repository.system(Self.system))
        try catalogue.note(BackupFinding(at: at.description, ok: true), BackupFinding.verifiedName, of: id)
        if proven { try catalogue.note(BackupFinding(at: at.description, ok: true), BackupFinding.provenName, of: id) }
        try catalogue.publish(
            BackupManifest(
                id: id, kind: .base, system: Self.system, startedAt: at.description, finishedAt: at.description, bytes: 1,
                storedBytes: 1,
                files: [], server: 15, superuser: "postgres", databases: [], needs: [],
                wal: .init(
                    timeline: timeline, start: LSN(segment * Self.size + 40), stop: LSN(segment * Self.size + 400),
                    segmentSize: Self.size,
                    stoppedAt: stopped), extensions: nil))
        return id
    }

    func archive(_ place: TemporaryRepository, _ numbers: ClosedRange<UInt64>, timeline: UInt32 = 1) throws {
        for number in numbers {
            let name = SegmentName(timeline: timeline, number: number, size: Self.size).description
            _ = try WALArchive(place.repository).push(try GuardianTests.segment(name))
        }
    }

    @Test("times are read with their zone, in every usual form, and refused without one")
    func times() throws {
        let expected = try RestoreTarget.time(from: "2026-01-31T08:00:00Z")
        for text in [
            "2026-01-31 16:00:00+08", "2026-01-31T16:00:00+08:00", "2026-01-31 13:30:00+0530", "2026-01-31T03:00:00.000-05:00",
            "2026-01-31 08:00Z",
            " 2026-01-31 08:00:00 Z",
        ] { #expect(try RestoreTarget.time(from: text) == expected, "\(text)") }
        #expect(try RestoreTarget.time(from: "2026-01-31T08:00:00.123456Z").text == "2026-01-31T08:00:00.123456Z")
        for text in [
            "2026-01-31 08:00:00", "2026-01-31", "", "now", "2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z", "1769846400",
        ] {
            #expect(throws: GuardianError.self, "\(text)") { try RestoreTarget.time(from: text) }
        }
    }

    @Test("a hole ends what can be restored, and a later backup begins it anew")
    func holes() throws {
        let place = try TemporaryRepository()
        let first = try base(place, daysAgo: 5, segment: 2)
        let second = try base(place, daysAgo: 1, segment: 8)
        try archive(place, 1...4)
        try archive(place, 6...9)
        let windows = try Windows(place.repository.system(Self.system))
        let window = try #require(windows.all().first)
        let missing = SegmentName(timeline: 1, number: 5, size: Self.size).description
        #expect(window.holes.map(\.segment) == [missing] && window.holes.map(\.cause) == [WALInventory.missing])
        #expect(window.ranges.map(\.backup) == [first, second])
        let planner = try RestorePlanner(place.repository.system(Self.system))
        #expect(try planner.plan(.latest).backup.manifest.id == second)
        #expect(try planner.plan(.backup(first)).backup.manifest.id == first)
        do {
            _ = try planner.plan(.time(Self.now - 3 * Self.day))
            Issue.record("a moment in a hole was planned")
        } catch { #expect("\(error)".contains(missing)) }
        do {
            _ = try planner.plan(.time(Self.now - 9 * Self.day))
            Issue.record("a moment before the first backup was planned")
        } catch { #expect("\(error)".contains("before the end of the first backup")) }
    }

    func ledger(_ place: TemporaryRepository, minutesAgo: Int64, segment: UInt64, timeline: UInt32 = 1) throws -> String {
        let at = Self.now - minutesAgo * 60_000_000
        let id = "\(Ledger.prefix)\(Timestamp(milliseconds: at / 1_000).compactMilliseconds)-1"
        let json = """
            {"id":"\(id)","system":"\(Self.system)","timeline":\(timeline),"lsn":"\(LSN(segment * Self.size + 500))","at":\(at),"epoch":"1-x",
            "rooms":[],"totals":{"messages":0,"users":0,"rooms":0,"members":0,"digest":""},"roles":"","migrations":[]}
            """
        let ledger = try JSONDecoder().decode(Ledger.self, from: Data(json.utf8))
        try LedgerShelf(place.repository.system(Self.system)).add(ledger)
        return id
    }

    func name(_ number: UInt64, timeline: UInt32 = 1) -> String {
        SegmentName(timeline: timeline, number: number, size: Self.size).description
    }

    /// The holes at `now`, which the wall's clock has nothing to do with.
    func holes(_ place: TemporaryRepository) throws -> [String] {
        try WALInventory(place.repository.system(Self.system), now: Timestamp(milliseconds: Self.now / 1_000)).holes().map(
            \.segment)
    }

    @Test("what backups and ledgers lie in must be there, once the archiver has had time to bring it")
    func tails() throws {
        let place = try TemporaryRepository()
        _ = try base(place, daysAgo: 5, segment: 2)
        try archive(place, 2...4)
        #expect(try holes(place) == [])
        _ = try ledger(place, minutesAgo: 1, segment: 6)
        #expect(try holes(place) == [])
        _ = try ledger(place, minutesAgo: 20, segment: 5)
        #expect(try holes(place) == [name(5)])
        _ = try base(place, daysAgo: 1, segment: 7)
        #expect(try holes(place) == [name(5), name(6), name(7)])
        try archive(place, 5...7)
        #expect(try holes(place) == [])
    }

    @Test("what was archived once is missed at once, to the last segment of its timeline")
    func once() throws {
        let place = try TemporaryRepository()
        let system = place.repository.system(Self.system)
        try ArchivedWAL.note([3, 4].map { SegmentName(timeline: 1, number: $0, size: Self.size) }, system)
        try ArchivedWAL.note([SegmentName(timeline: 1, number: 2, size: Self.size)], system)
        // Its size is not known yet.
        #expect(try holes(place) == [])
        _ = try base(place, daysAgo: 0, segment: 2)
        #expect(try holes(place) == [name(2), name(3), name(4)])
        try archive(place, 2...3)
        #expect(try holes(place) == [name(4)])
        let planner = try RestorePlanner(system)
        #expect(try planner.plan(.latest).notes.contains { $0.contains(name(4)) })
        // What was pruned on purpose is missed by nobody.
        var kept = try KeptWAL.read(system)
        kept.from[1] = 5
        try kept.write(system)
        #expect(try holes(place) == [])
    }

    @Test("a timeline that only a backup names is walked, and its history is missed")
    func namedOnly() throws {
        let place = try TemporaryRepository()
        _ = try base(place, daysAgo: 3, segment: 9, timeline: 2)
        #expect(try holes(place) == ["00000002.history", name(9, timeline: 2)].sorted())
        #expect(try Windows(place.repository.system(Self.system)).all().map(\.timeline) == [2])
    }

    @Test("what a lost machine wrote behind the point from which another went on is not waited for")
    func lostTail() throws {
        let place = try TemporaryRepository()
        _ = try base(place, daysAgo: 5, segment: 2)
        try archive(place, 2...4)
        try archive(place, 4...5, timeline: 2)
        _ = try ledger(place, minutesAgo: 600, segment: 6)
        #expect(try holes(place) == ["00000002.history", name(5), name(6)].sorted())
        let history = "1\t\(LSN(4 * Self.size + 512))\tno recovery target specified\n"
        _ = try place.repository.encode("\(place.repository.system(Self.system).wal)/00000002/00000002.history") {
            try $0.write(Array(history.utf8))
        }
        #expect(try holes(place) == [])
    }

    @Test("a ledger that went otherwise than by pruning is missed, also when others come after it")
    func ledgers() throws {
        let place = try TemporaryRepository()
        let system = place.repository.system(Self.system)
        let shelf = LedgerShelf(system)
        let ids = try [30, 20, 10].map { try ledger(place, minutesAgo: $0, segment: 2) }
        try shelf.remove([ids[0]])
        #expect(try shelf.ids() == Array(ids[1...]) && shelf.missing() == [])
        try system.repository.storage.remove(LedgerShelf.name(ids[1], system))
        _ = try ledger(place, minutesAgo: 1, segment: 2)
        #expect(try shelf.missing() == [ids[1]])
        #expect(try shelf.rebuildList() == [ids[1]])
        #expect(try shelf.missing() == [])
    }

    @Test("a timeline that branched off is followed over the promotion; what its parent wrote later is not its own")
    func timelines() throws {
        let place = try TemporaryRepository()
        let old = try base(place, daysAgo: 5, segment: 2)
        let beyond = try base(place, daysAgo: 2, segment: 6)
        try archive(place, 2...7)
        try archive(place, 4...5, timeline: 2)
        let history = "1\t\(LSN(4 * Self.size + 512))\tno recovery target specified\n"
        _ = try WALArchive(place.repository).push(
            try IncomingWAL(name: "00000002.history", kind: .history(2), bytes: Array(history.utf8), control: Self.system))
        let windows = try Windows(place.repository.system(Self.system))
        #expect(windows.timelines == [1, 2])
        #expect(windows.reaches(on: 1).map(\.backup.manifest.id) == [old, beyond])
        #expect(windows.reaches(on: 2).map(\.backup.manifest.id) == [old])
        let run = windows.inventory.run(from: 2, to: 2)
        #expect(run.last == 5 && run.stop == nil)
        #expect(windows.inventory.segment(3, to: 2).name.timeline == 1)
        #expect(windows.inventory.segment(4, to: 2).name.timeline == 2)
        let plan = try RestorePlanner(place.repository.system(Self.system)).plan(.latest)
        #expect(plan.timeline == 2 && plan.backup.manifest.id == old)
    }

    @Test("nothing goes while nothing is proven; the last proven backup stays whatever its age")
    func retention() throws {
        let place = try TemporaryRepository()
        let system = place.repository.system(Self.system)
        let now = Timestamp(milliseconds: Self.now / 1_000)
        var ids: [String] = []
        for (index, days) in [60, 50, 40, 30, 20, 10, 3, 1].enumerated() {
            ids.append(try base(place, daysAgo: Int64(days), segment: UInt64(2 + index * 2)))
        }
        let rule = Retention(weekly: 2, days: 7, dumps: 7)
        #expect(throws: GuardianError.self) { try rule.plan(system, now: now) }
        try Catalogue(system).note(BackupFinding(at: now.description, ok: true), BackupFinding.provenName, of: ids[1])
        try archive(place, 2...17)
        let plan = try rule.plan(system, now: now)
        // The proven one; the one that the last seven days begin with; those within; the newest of two weeks.
        #expect(plan.keep.map(\.id) == [ids[1], ids[5], ids[6], ids[7]])
        #expect(plan.delete.map(\.id) == [ids[0], ids[2], ids[3], ids[4]])
        let wal = try #require(plan.wal.first)
        #expect(wal.count == 2 && wal.keptFrom == SegmentName(timeline: 1, number: 4, size: Self.size).description)
        // A failed drill takes the proof away again.
        try Catalogue(system).note(BackupFinding(at: now.description, ok: false), BackupFinding.provenName, of: ids[1])
        #expect(throws: GuardianError.self) { try rule.plan(system, now: now) }
    }

    @Test("seven bad backups do not push the good one out")
    func sevenBadDays() throws {
        let place = try TemporaryRepository()
        let system = place.repository.system(Self.system)
        let good = try base(place, daysAgo: 30, segment: 2, proven: true)
        for day in 0..<7 { _ = try base(place, daysAgo: Int64(day), segment: UInt64(10 + (7 - day))) }
        let plan = try Retention(weekly: 1, days: 0, dumps: 1).plan(system, now: Timestamp(milliseconds: Self.now / 1_000))
        #expect(plan.keep.map(\.id).contains(good))
    }

    @Test("losses are counted room by room")
    func losses() {
        let found = LastNumbers.losses(known: ["唐詩": 10, "宋詞": 5, "same": 3], restored: ["唐詩": 7, "same": 3, "more": 9])
        #expect(found.map { "\($0.room) \($0.from) \($0.to)" } == ["唐詩 8 10", "宋詞 1 5"])
    }

    @Test("a word for the shell stays one word")
    func quoting() throws {
        for text in ["plain", "with space", "it's", "$HOME `id` \"x\" \\", "唐詩\n"] {
            #expect(try Tool("sh", ["-c", "printf %s \(Shell.quoted(text))"]).text() == text)
        }
    }
}
