import EverlinePostgres
import EverlineProtocol
import EverlineService
import Foundation

extension Watch {
    func sendCanary() async throws {
        if isCaughtUp, canary.hasBecomeLate() {
            tell(
                .silence(
                    object: "canary",
                    words:
                        "a statement of the watch's own was not recorded: auditing or logging is off, or the log goes elsewhere",
                    evidence: [], certain: true))
        }
        guard let statement = try canary.next() else { return }
        do {
            try await session.query(PostgresQuery(PostgresStatement(unsafeSQL: statement)))
        } catch {
            canary.withdraw()
            throw error
        }
    }

    func lookAtActivity() async throws {
        let begun = ContinuousClock.now
        var activity = try await ActivityQueries.all(session)
        activity.seconds = lastActivity.map { Double((begun - $0).components.seconds) + 1 } ?? 1
        lastActivity = begun
        written = activity.written
        for one in activity.sessions {
            let id = SessionID(start: UInt32(truncatingIfNeeded: one.started), process: UInt32(truncatingIfNeeded: one.process))
            if let began = one.transaction { deeds.keepAlive(process: id.process, since: began, now: scene.now) }
            guard let verb = verb(one.application, id) else { continue }
            activity.errands.insert(one.process)
            if Errands.reading.contains(verb), verb != "watch" { activity.isReadingMuch = true }
        }
        tell(.activity(activity))
        lookForTheMissing(activity)
        let sessions = activity.sessions
        for child in Children.of(sessions.map(\.process)) {
            let parent = sessions.first { $0.process == child.parent }
            tell(.child(process: child.process, role: parent?.role ?? "", address: parent?.address ?? "", command: child.command))
        }
        try await lookAtStatements()
    }

    /// Whoever was let in, is not there, and has not gone by the log has silenced it.
    private func lookForTheMissing(_ activity: Activity) {
        guard isCaughtUp else { return }
        let there = Set(
            activity.sessions.map {
                SessionID(start: UInt32(truncatingIfNeeded: $0.started), process: UInt32(truncatingIfNeeded: $0.process))
            })
        for (id, record) in authorized where !there.contains(id) && scene.now - record.milliseconds > 2_000 {
            missing[id, default: 0] += 1
            guard missing[id, default: 0] >= 3 else { continue }
            authorized[id] = nil
            missing[id] = nil
            tell(
                .silence(
                    object: "\(record.role)@\(record.host)",
                    words: "the session of \(record.role) (process \(id.process)) ended without a line: it had silenced the log",
                    evidence: [record.evidence], certain: true))
        }
    }

    /// Statements of superusers that pg_stat_statements counts, recorded or not; and of others, but the guardian and the watch, whose canaries are all different,
    /// those of unusual kinds.
    private func lookAtStatements() async throws {
        guard known.databases[scene.database]?.things["extension"]?["pg_stat_statements"] != nil else { return }
        let counts = try await session.query(
            """
            SELECT concat_ws(' ', s.userid, s.dbid, s.queryid, s.toplevel), s.calls FROM everline_watch.pg_stat_statements(false) s
            JOIN pg_roles r ON r.oid = s.userid
            WHERE r.rolsuper OR s.toplevel AND r.rolname NOT IN (\(Role.owner), \(Role.watch), 'replicator') LIMIT 20000
            """)
        var now: [String: Int64] = [:]
        for row in 0..<counts.count {
            let key: String = try counts.decode(row, 0)
            if !usual.contains(key) { now[key] = try counts.decode(row, 1) }
        }
        defer {
            counted = now
            countsStatements = true
        }
        let new = countsStatements ? now.filter { counted[$0.key] ?? 0 < $0.value }.keys.sorted() : []
        guard !new.isEmpty else { return }
        let texts = try await session.query(
            """
            SELECT r.rolname::text, d.datname::text, left(s.query, 10000), r.rolsuper, concat_ws(' ', s.userid, s.dbid, s.queryid, s.toplevel)
            FROM everline_watch.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles r ON r.oid = s.userid
            WHERE concat_ws(' ', s.userid, s.dbid, s.queryid, s.toplevel) = ANY (\(Array(new.prefix(500))))
            """)
        for row in texts {
            guard let sql = try row[2].decode(as: String?.self) else { continue }
            let isSuperuser: Bool = try row[3].decode()
            if !isSuperuser, !RecordSight.isUnusual(Statement(sql)) {
                // Its text need not be asked for again.
                if usual.count > 50_000 { usual.removeAll() }
                usual.insert(try row[4].decode())
                continue
            }
            guard unrecorded.count < 5_000 else { break }
            unrecorded.append(
                Counted(
                    role: try row[0].decode(), database: try row[1].decode(), sql: sql, isSuperuser: isSuperuser, seen: .now,
                    milliseconds: scene.now))
        }
    }

    /// What was counted and has no record, when that should have come.
    func judgeCounted() {
        guard isCaughtUp else { return }
        let due = unrecorded.prefix { .now - $0.seen > Self.grace }
        unrecorded.removeFirst(due.count)
        for one in due where !recorded.contains(one.role, Statement(one.sql)) {
            var sight = RecordSight.counted(
                role: one.role, database: one.database, sql: one.sql, at: one.milliseconds, isSuperuser: one.isSuperuser)
            for index in rules.indices { raise(rules[index].see(&sight, scene)) }
        }
    }

    func lookAtLogins() async throws {
        let attempts = try await LoginLook.since(state.login, session)
        guard let last = attempts.last else { return }
        state.login = last.id
        tell(.logins(attempts))
    }

    func lookAtRooms() async throws {
        var look = rooms
        let found = try await look.look(session)
        rooms = look
        tell(.rooms(found))
    }

    func lookAtRepository() async throws {
        let settings = settings
        let state = try await Blocking.run { try RepositoryLook.state(settings) }
        if let state { tell(.repository(state)) }
    }
}

enum LoginLook {
    static func newest(_ session: PostgresSession) async throws -> Int64 {
        try await session.query("SELECT coalesce(max(id), 0) FROM everline.login_log").decode(0, 0)
    }

    static func since(_ id: Int64, _ session: PostgresSession) async throws -> [LoginAttempt] {
        try await session.query(
            """
            SELECT id, (extract(epoch FROM at) * 1000)::bigint, name, outcome, address FROM everline.login_log WHERE id > \(id) ORDER BY id LIMIT 5000
            """
        ).map { row in
            LoginAttempt(
                id: try row[0].decode(), milliseconds: try row[1].decode(), name: try row[2].decode(),
                outcome: try row[3].decode(), address: try row[4].decode())
        }
    }
}

enum RepositoryLook {
    static func state(_ settings: Settings) throws -> RepositoryState? {
        let repositories = try Repositories(settings)
        guard try !repositories.first.systems().isEmpty else { return nil }
        let backups = try Catalogue(repositories.first.onlySystem(repositories.wanted)).all()
        var state = RepositoryState()
        for backup in backups {
            guard let started = Timestamp(backup.manifest.startedAt), let finished = Timestamp(backup.manifest.finishedAt) else {
                continue
            }
            state.backups.append(
                .init(
                    id: backup.manifest.id, kind: backup.manifest.kind.rawValue, milliseconds: finished.milliseconds,
                    seconds: Double(finished.milliseconds - started.milliseconds) / 1_000, bytes: backup.manifest.bytes))
        }
        state.proven = backups.compactMap { $0.proven.flatMap { Timestamp($0.at)?.milliseconds } }.max()
        return state
    }
}
