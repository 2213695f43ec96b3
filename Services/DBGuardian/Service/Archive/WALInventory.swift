package import EverlineProtocol
import Foundation

/// What the archive of a system has: its segments by timeline, how timelines branched off, and what each segment says of itself.
package struct WALInventory: Sendable {
    package static let missing = "it is not in the archive"

    /// A segment that a restore cannot pass.
    package struct Hole: Codable, Sendable, Equatable {
        package let segment: String
        package let cause: String
        /// Its cause as a saying's.
        package let kind: String

        init(segment: String, cause: String) {
            self.segment = segment
            self.cause = cause
            kind = (cause == missing ? Saying.Kind.missingWAL : .damagedWAL).rawValue
        }

        package var saying: Saying {
            cause == missing ? Saying(.missingWAL) : Saying(.damagedWAL, ["text": .text(cause)])
        }
    }

    /// Where a timeline left its parent.
    package struct Branch: Sendable {
        package let parent: UInt32
        package let at: LSN
    }

    package let system: System
    /// 0 while there is no segment.
    package let segmentSize: UInt64
    /// The numbers of the segments of each timeline, and why one that is there cannot be used.
    private let segments: [UInt32: [UInt64: SegmentState]]
    /// For each timeline its ancestors, the oldest first.
    package let branches: [UInt32: [Branch]]
    /// The first segment of each timeline that pruning has left: nothing is missed before it.
    private let kept: [UInt32: UInt64]
    /// What could not be read of the histories, and those that are not there.
    package let brokenHistories: [Hole]
    private let expected: ExpectedWAL

    private enum SegmentState: Sendable {
        case whole(SegmentContents)
        case streamed(SegmentContents)
        case broken(String)

        var contents: SegmentContents? {
            switch self {
            case .whole(let contents), .streamed(let contents): contents
            case .broken: nil
            }
        }
    }

    /// - Parameter now: what was to be archived shortly before may still be on its way.
    package init(_ system: System, now: Timestamp = .now) throws {
        self.system = system
        let storage = system.repository.storage
        var size: UInt64 = 0
        var names: [(name: String, state: SegmentState, streamed: Bool)] = []
        var branches: [UInt32: [Branch]] = [:]
        var broken: [Hole] = []
        for folder in try storage.list(system.wal) {
            for file in try storage.list("\(system.wal)/\(folder)") {
                let streamed = file.hasSuffix(WALArchive.streamed)
                let name = streamed ? String(file.dropLast(WALArchive.streamed.count)) : file
                switch ArchiveFile(name) {
                case .segment:
                    do {
                        let information = try Self.information("\(system.wal)/\(folder)/\(file)", storage)
                        size = information.segmentSize
                        names.append((name, streamed ? .streamed(information.contents) : .whole(information.contents), streamed))
                    } catch {
                        names.append((name, .broken((error as? DamageError)?.problem ?? "\(error)"), streamed))
                    }
                case .history(let timeline):
                    do { branches[timeline] = try Self.history("\(system.wal)/\(folder)/\(file)", system.repository) } catch {
                        broken.append(Hole(segment: name, cause: (error as? DamageError)?.problem ?? "\(error)"))
                    }
                default: break
                }
            }
        }
        var segments: [UInt32: [UInt64: SegmentState]] = [:]
        // What the archiver brought goes before what the stream did.
        for (name, state, streamed) in names where size > 0 {
            guard let segment = SegmentName(name, size: size) else { continue }
            if streamed, segments[segment.timeline]?[segment.number] != nil { continue }
            segments[segment.timeline, default: [:]][segment.number] = state
        }
        // Inside a timeline what the stream left of a segment is worth nothing once later ones have come.
        for (timeline, numbers) in segments {
            let last = numbers.filter { if case .streamed = $0.value { false } else { true } }.keys.max() ?? 0
            for (number, state) in numbers {
                if case .streamed = state, number < last { segments[timeline]?[number] = nil }
            }
        }
        kept = try whole(or: KeptWAL()) { try KeptWAL.read(system) }.from
        self.segments = segments
        self.branches = branches
        expected = try ExpectedWAL(system, branches, now: now)
        segmentSize = size > 0 ? size : expected.segmentSize
        // Without its history nobody knows what a timeline goes on from.
        for timeline in Set(segments.keys).union(expected.upTo.keys) where timeline > 1 && branches[timeline] == nil {
            let name = String(format: "%08X.history", timeline)
            if !broken.contains(where: { $0.segment == name }) { broken.append(Hole(segment: name, cause: Self.missing)) }
        }
        brokenHistories = broken
    }

    package var timelines: [UInt32] { Set(segments.keys).union(branches.keys).union(expected.upTo.keys).sorted() }

    package func numbers(of timeline: UInt32) -> [UInt64] { segments[timeline].map { $0.keys.sorted() } ?? [] }

    func newest(of timeline: UInt32) -> (whole: UInt64?, streamed: UInt64?) {
        let numbers = segments[timeline] ?? [:]
        let streamed = numbers.filter { if case .streamed = $0.value { true } else { false } }.keys
        return (numbers.keys.filter { !streamed.contains($0) }.max(), streamed.max())
    }

    // MARK: Ways

    /// The segment of that number on the way to `timeline`: as recovery looks for it, the youngest timeline first that had
    /// begun by then.
    package func segment(_ number: UInt64, to timeline: UInt32) -> (name: SegmentName, contents: SegmentContents?, cause: String?)
    {
        for candidate in lineage(timeline) where candidate.from <= number && number <= candidate.upTo {
            guard let state = segments[candidate.timeline]?[number] else { continue }
            let name = SegmentName(timeline: candidate.timeline, number: number, size: segmentSize)
            if case .broken(let cause) = state { return (name, nil, cause) }
            var contents = state.contents
            if number == candidate.upTo {
                // What the parent wrote behind the branch is not on the way.
                contents?.lastCommit = nil
                contents?.points = []
            }
            return (name, contents, nil)
        }
        let expected = lineage(timeline).first { $0.from <= number }?.timeline ?? timeline
        return (SegmentName(timeline: expected, number: number, size: segmentSize), nil, Self.missing)
    }

    /// The timeline and its ancestors, the youngest first, with the numbers of the first and the last segment of each that lie
    /// on the way; the last one
    /// of an ancestor is that in which its child begins.
    private func lineage(_ timeline: UInt32) -> [(timeline: UInt32, from: UInt64, upTo: UInt64)] {
        let ancestors = branches[timeline] ?? []
        var all: [(timeline: UInt32, from: UInt64, upTo: UInt64)] = []
        var current = timeline
        var end = UInt64.max
        for branch in ancestors.reversed() {
            let number = branch.at.value / max(1, segmentSize)
            all.append((current, number, end))
            current = branch.parent
            end = number
        }
        all.append((current, 0, end))
        return all
    }

    /// Whether what was written on `older` up to `lsn` belongs to `timeline`.
    package func belongs(_ older: UInt32, upTo lsn: LSN, to timeline: UInt32) -> Bool {
        if older == timeline { return true }
        return (branches[timeline] ?? []).contains { $0.parent == older && lsn <= $0.at }
    }

    /// Follows the WAL from a segment as far as it goes without a hole.
    package func run(from first: UInt64, to timeline: UInt32) -> Run {
        var number = first
        var last: UInt64?
        var contents: [SegmentContents] = []
        var stop: Hole?
        let end =
            lineage(timeline).compactMap { one in
                [segments[one.timeline]?.keys.max(), expected.archived[one.timeline]].compactMap { $0 }.max().map {
                    min($0, one.upTo)
                }
            }.max() ?? 0
        while number <= end {
            let found = segment(number, to: timeline)
            guard let one = found.contents else {
                stop = Hole(segment: found.name.description, cause: found.cause ?? Self.missing)
                break
            }
            contents.append(one)
            last = number
            number += 1
        }
        return Run(timeline: timeline, first: first, last: last, lastCommit: contents.compactMap(\.lastCommit).max(), stop: stop)
    }

    package struct Run: Sendable {
        package let timeline: UInt32
        package let first: UInt64
        /// nil if not even the first is there.
        package let last: UInt64?
        package let lastCommit: Int64?
        /// What it ended before; nil if at the archive's end.
        package let stop: Hole?
    }

    // MARK: Holes and points

    /// Segments and histories that lack or cannot be read.
    package func holes() -> [Hole] {
        (brokenHistories + timelines.flatMap { segmentHoles(on: $0) }).sorted { $0.segment < $1.segment }
    }

    package func holes(on timeline: UInt32) -> [Hole] {
        segmentHoles(on: timeline) + brokenHistories.filter { ArchiveFile($0.segment) == .history(timeline) }
    }

    /// A hole may be as long as the archive was off; the list stays readable.
    private static let mostHoles: UInt64 = 1_000

    /// From the first that a base backup needs, or with which the timeline begins, to the last that is there or must be.
    private func segmentHoles(on timeline: UInt32) -> [Hole] {
        let numbers = segments[timeline] ?? [:]
        guard segmentSize > 0, let end = [numbers.keys.max(), expected.upTo[timeline]].compactMap({ $0 }).max() else { return [] }
        let branch = branches[timeline]?.last.map { $0.at.value / segmentSize }
        let begin = [numbers.keys.min(), expected.from[timeline], branch].compactMap { $0 }.min() ?? end
        let first = max(min(begin, end), kept[timeline] ?? 0)
        guard first <= end else { return [] }
        var found: [Hole] = []
        for number in first..<(end + 1) {
            let name = SegmentName(timeline: timeline, number: number, size: segmentSize).description
            switch numbers[number] {
            case nil: found.append(Hole(segment: name, cause: Self.missing))
            case .broken(let cause): found.append(Hole(segment: name, cause: cause))
            case .whole, .streamed: break
            }
            if found.count >= Self.mostHoles { break }
        }
        return found
    }

    /// Every restore point of that name, with the timeline that it is on, the newest last.
    package func points(named name: String) -> [(timeline: UInt32, point: SegmentContents.RestorePoint)] {
        segments.flatMap { timeline, numbers in
            numbers.values.flatMap { state in
                (state.contents?.points ?? []).filter { $0.name == name }.map { (timeline: timeline, point: $0) }
            }
        }.sorted { $0.point.at < $1.point.at }
    }

    // MARK: Reading

    private static func information(_ name: String, _ storage: any Storage) throws -> SegmentInformation {
        guard let file = try storage.open(name) else { throw DamageError(name, missing) }
        do {
            return try JSONDecoder().decode(SegmentInformation.self, from: Data(try EncodedReader.information(file, name: name)))
        } catch is DecodingError {
            throw DamageError(name, "its header is damaged")
        }
    }

    /// A history file has a line for each ancestor, the oldest first: timeline, position, reason.
    private static func history(_ name: String, _ repository: Repository) throws -> [Branch] {
        var bytes: [UInt8] = []
        try repository.decode(name) { bytes += $0 }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let fields = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
            guard !line.hasPrefix("#"), fields.count >= 2, let parent = UInt32(fields[0]), let at = LSN(fields[1]) else {
                return nil
            }
            return Branch(parent: parent, at: at)
        }
    }
}
