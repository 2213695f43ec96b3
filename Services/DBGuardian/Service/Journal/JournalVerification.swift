import Foundation

/// What `audit verify-journal` finds in one repository.
package struct JournalReport: Encodable, Sendable {
    package let journal: String
    package var ok: Bool { problems.isEmpty }
    package internal(set) var entries: Int64 = 0
    package internal(set) var problems: [Problem] = []
    /// What is no loss: half a line that a crash has left.
    package internal(set) var notes: [String] = []
    /// The line at which a change was noticed before.
    var noticed = 0
    /// Changes that nobody has been told of.
    package var news: [Problem] { problems.filter { $0.line ?? .max > noticed } }

    package struct Problem: Encodable, Sendable, Equatable {
        /// The line of the file, from 1; nil for what is not there.
        package let line: Int?
        /// The entry's number, where one is known.
        package let entry: Int64?
        package let problem: String
    }

    private enum CodingKeys: String, CodingKey { case journal, ok, entries, problems, notes }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(journal, forKey: .journal)
        try container.encode(ok, forKey: .ok)
        try container.encode(entries, forKey: .entries)
        try container.encode(problems, forKey: .problems)
        try container.encode(notes, forKey: .notes)
    }
}

extension Journal {
    /// Reads the whole chain.
    /// - Parameter known: an entry that is known from elsewhere (the database); a journal that does not reach it was cut or replaced.
    package func verify(known: (number: Int64, code: String)? = nil) throws -> JournalReport {
        // Nobody writes meanwhile; where nothing can be written nobody does anyway.
        let lock = access(storage.root, W_OK) == 0 ? try locked() : nil
        defer { withExtendedLifetime(lock) {} }
        var report = JournalReport(journal: file)
        var head: JournalHead?
        do { head = try JournalHead.read(headFile, keys) } catch let error as DamageError {
            report.add(nil, nil, "\(error.artefact): \(error.problem)")
        }
        var chain = Chain(known: known)
        let (end, rest) = try forEachLine { line, bytes in chain.take(line, JournalEntry.read(bytes, keys: keys), &report) }
        report.entries = chain.count
        if rest > 0 {
            if end >= head?.offset ?? 0 {
                report.notes.append("the last line is not finished, as a crash leaves it; the next entry takes its place")
            } else {
                report.add(nil, nil, "the last line was cut")
            }
        }
        let last = chain.last
        if let head, last < head.number {
            report.add(nil, nil, "the end is missing: entries \(last + 1) to \(head.number)")
        } else if let head, chain.codes[head.number].map({ $0 != head.code }) ?? false {
            report.add(nil, head.number, "it is not the one that was written")
        }
        if head == nil, chain.count > 0, report.problems.isEmpty {
            report.add(nil, nil, "\(JournalHead.name) is missing, so it cannot be told whether the end was cut")
        }
        if let known, known.number > max(last, head?.number ?? 0) {
            report.add(
                nil, nil, "the database knows of entries up to \(known.number), the journal of \(last): its end is missing")
        } else if let known, known.number > 0, let code = chain.codes[known.number], code != known.code {
            report.add(nil, known.number, "the database knows another one of that number: the journal was replaced")
        }
        return report
    }

    /// Follows the chain; after a break it goes on from what it finds, so that each change is told once.
    private struct Chain {
        let known: (number: Int64, code: String)?
        var count: Int64 = 0
        var last: Int64 = 0
        private var code = ""
        /// Codes of the entries that somebody asks for; the newest is always there.
        var codes: [Int64: String] = [:]
        /// A damaged line may have been the next entry.
        private var damaged = false

        init(known: (number: Int64, code: String)?) { self.known = known }

        mutating func take(_ line: Int, _ read: (entry: JournalEntry, isGenuine: Bool)?, _ report: inout JournalReport) {
            guard let (entry, isGenuine) = read else {
                report.add(line, nil, "it is no entry: the line was changed")
                damaged = true
                return
            }
            count += 1
            if !isGenuine {
                report.add(line, entry.number, "it was edited: its code is wrong")
            } else if case .tampered(let what) = entry.event {
                report.noticed = line
                report.add(line, entry.number, "the journal had been changed before it: \(what)")
            } else if entry.number <= last {
                report.add(line, entry.number, "it is out of its place: it follows entry \(last)")
            } else if entry.number > last + 1, !(damaged && entry.number == last + 2) {
                report.add(line, entry.number, "entries \(last + 1) to \(entry.number - 1) are missing before it")
            } else if entry.previous != code, !damaged {
                report.add(line, entry.number, "it does not follow the entry before it")
            }
            damaged = !isGenuine
            guard isGenuine, entry.number > last else { return }
            last = entry.number
            code = entry.code
            codes = codes.filter { $0.key == known?.number }
            codes[entry.number] = entry.code
        }
    }
}

extension JournalReport {
    fileprivate mutating func add(_ line: Int?, _ entry: Int64?, _ problem: String) {
        // A journal full of damage is told by its beginning.
        if problems.count < 100 { problems.append(Problem(line: line, entry: entry, problem: problem)) }
    }
}
