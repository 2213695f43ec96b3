package import Foundation

/// Turns alarms into findings: those of one rule with an equal cause, not longer apart than the window, are one with a count. An acknowledged finding takes no
/// more, and neither does one that has gone on for a day, so that somebody is told again.
package struct Gathering: Sendable {
    package enum Outcome: Sendable, Equatable {
        case new(Finding)
        /// It got worse: the severity rose, or data was destroyed for the first time.
        case worse(Finding)
        case more(Finding)
        /// What it was told before: the watch was killed before it had kept that.
        case same
    }

    private struct Key: Hashable {
        let rule: String
        let cause: String
    }

    package let window: TimeInterval
    private var open: [Key: (finding: Finding, first: Date, last: Date)] = [:]
    private var perRule: [String: Int] = [:]

    private static let longest: TimeInterval = 86_400
    /// Of one rule, so many findings may be open at once; what comes beyond is one more finding, for all of it. So a flood costs bounded memory and disk.
    package static let mostOpen = 200
    private static let flood = "many different causes"

    package init(window: TimeInterval) { self.window = window }

    package mutating func take(_ alarm: Alarm, random: [UInt8]) -> Outcome {
        var key = Key(rule: alarm.rule, cause: alarm.cause)
        if open[key] == nil, perRule[alarm.rule, default: 0] >= Self.mostOpen {
            forget(before: alarm.at)
            if perRule[alarm.rule, default: 0] >= Self.mostOpen { key = Key(rule: alarm.rule, cause: Self.flood) }
        }
        // A clock that was set back counts as near, too.
        if let known = open[key], abs(alarm.at.timeIntervalSince(known.last)) <= window,
            alarm.at.timeIntervalSince(known.first) <= Self.longest
        {
            let before = known.finding
            if before.tells(alarm) { return .same }
            var finding = before
            finding.add(alarm)
            open[key] = (finding, min(known.first, alarm.at), max(known.last, alarm.at))
            let isWorse = finding.severity > before.severity || (finding.destroyedAt != nil && before.destroyedAt == nil)
            return isWorse ? .worse(finding) : .more(finding)
        }
        let finding = Finding(alarm, id: Finding.newID(at: alarm.at, random: random))
        if open.updateValue((finding, alarm.at, alarm.at), forKey: key) == nil { perRule[alarm.rule, default: 0] += 1 }
        return .new(finding)
    }

    /// What was changed about a finding outside (its advice), so that it stays.
    package mutating func keep(_ finding: Finding) {
        guard let key = key(of: finding.id) else { return }
        open[key]?.finding = finding
    }

    /// A finding from before a restart that may still go on.
    package mutating func resume(_ finding: Finding, first: Date, last: Date) {
        let key = Key(rule: finding.rule, cause: finding.cause)
        // What has come since it was written, while the journal was read, is not set back.
        if let known = open[key]?.finding, known.id == finding.id, known.count > finding.count { return }
        if open.updateValue((finding, first, last), forKey: key) == nil { perRule[finding.rule, default: 0] += 1 }
    }

    /// One that another guardian has made, so that what it was of is no second one here.
    package mutating func adopt(_ finding: Finding, first: Date, last: Date) {
        guard open[Key(rule: finding.rule, cause: finding.cause)] == nil else { return }
        resume(finding, first: first, last: last)
    }

    package func isOpen(_ id: String) -> Bool { key(of: id) != nil }

    package mutating func acknowledge(_ id: String) {
        guard let key = key(of: id) else { return }
        remove(key)
    }

    /// Lets go of what can take no more.
    package mutating func forget(before now: Date) {
        for (key, value) in open where now.timeIntervalSince(value.last) > window { remove(key) }
    }

    private func key(of id: String) -> Key? { open.first { $0.value.finding.id == id }?.key }

    private mutating func remove(_ key: Key) {
        guard open.removeValue(forKey: key) != nil else { return }
        perRule[key.rule, default: 1] -= 1
    }
}
