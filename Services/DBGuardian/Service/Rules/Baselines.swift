/// What each role usually does, learned from its logins: `audit baselines` shows it, and forgets it on demand. Bounded for each role.
package struct Baselines: Codable, Sendable {
    package struct Usual: Codable, Sendable {
        /// When it was first seen, in milliseconds since 1970.
        package var since: Int64
        package var addresses: [String] = []
        package var applications: [String] = []
        /// Hours of the day in UTC.
        package var hours: [Int] = []
    }

    package private(set) var roles: [String: Usual] = [:]
    private static let mostRoles = 1_000
    private static let most = 100

    package init() {}

    /// What is new about a login of that role; nothing while it is being learned.
    /// - Parameters:
    ///   - application: nil where it is none of the things to learn.
    ///   - isHourly: whether the hour is.
    ///   - learn: for so many milliseconds from its first login on.
    package mutating func see(
        role: String, address: String, application: String?, at now: Int64, isHourly: Bool = true, learn: Int64
    ) -> [String] {
        if roles[role] == nil, roles.count >= Self.mostRoles { return [] }
        var usual = roles[role] ?? Usual(since: now)
        let hour = Int((now / 3_600_000) % 24)
        var new: [String] = []
        if !usual.addresses.contains(address) { new.append("address \(address)") }
        if let application, !usual.applications.contains(application) { new.append("application \(application)") }
        if isHourly, !usual.hours.contains(hour) { new.append("hour \(hour) UTC") }
        if new.isEmpty { return [] }
        let isLearning = now - usual.since < learn
        // Once told it is known, so that it is told once.
        if !usual.addresses.contains(address), usual.addresses.count < Self.most { usual.addresses.append(address) }
        if let application, !usual.applications.contains(application), usual.applications.count < Self.most {
            usual.applications.append(application)
        }
        if isHourly, !usual.hours.contains(hour) { usual.hours = (usual.hours + [hour]).sorted() }
        roles[role] = usual
        return isLearning ? [] : new
    }

    /// - Parameter role: nil for all.
    /// - Returns: whose were forgotten.
    package mutating func forget(_ role: String?) -> [String] {
        let names = role.map { roles[$0] == nil ? [] : [$0] } ?? roles.keys.sorted()
        for name in names { roles[name] = nil }
        return names
    }
}
