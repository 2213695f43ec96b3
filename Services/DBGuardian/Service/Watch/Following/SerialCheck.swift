/// Each server process numbers its lines of the log from 1 without a gap: a number that lacks is a line that was taken away.
package struct SerialCheck: Sendable {
    package struct Session: Codable, Sendable, Equatable {
        var id: SessionID
        var number: Int
        /// The number of its last audited statement; 0 for none.
        var statement: Int
    }
    package struct Gap: Sendable, Equatable {
        package var session: SessionID
        /// The last number before it, and the one behind it.
        package var before: Int
        package var after: Int
        /// Whether statements lack, and not lines.
        package var isStatement: Bool
    }

    private var sessions: [SessionID: Session]
    /// Sessions that began earlier were not seen from their beginning. Seconds since 1970.
    private let since: UInt32

    /// So many sessions are kept an eye on; beyond it all are begun anew.
    private static let most = 20_000

    package init(_ sessions: [Session], since: UInt32) {
        self.sessions = Dictionary(sessions.map { ($0.id, $0) }) { _, last in last }
        self.since = since
    }

    package var state: [Session] { sessions.values.sorted { ($0.id.start, $0.id.process) < ($1.id.start, $1.id.process) } }

    /// Sessions whose end has not been seen.
    package var open: Dictionary<SessionID, Session>.Keys { sessions.keys }

    package mutating func forget(_ id: SessionID) { sessions[id] = nil }

    package mutating func see(_ serial: LogParser.Serial, statement: Int?) -> Gap? {
        let known = sessions[serial.session]
        if serial.isLast {
            sessions[serial.session] = nil
        } else {
            if sessions.count >= Self.most { sessions.removeAll(keepingCapacity: true) }
            sessions[serial.session] = Session(
                id: serial.session, number: serial.number, statement: max(statement ?? 0, known?.statement ?? 0))
        }
        let before = known?.number ?? (serial.session.start > since ? 0 : serial.number - 1)
        if serial.number > before + 1 {
            return Gap(session: serial.session, before: before, after: serial.number, isStatement: false)
        }
        // Numbers of statements count what is recorded. A session whose beginning was not seen may be anywhere.
        if let statement, let known, statement > known.statement + 1, known.statement > 0 || serial.session.start > since {
            return Gap(session: serial.session, before: known.statement, after: statement, isStatement: true)
        }
        return nil
    }
}
