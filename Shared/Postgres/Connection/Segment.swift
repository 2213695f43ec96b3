internal import DequeModule
internal import Logging
internal import Metrics

/// The calls between two sync points of a pipeline: one implicit transaction. They succeed or fail together, and the answer goes to the
/// caller only with the sync, because that is when the server has committed.
///
/// Lives on the reactor's thread, inside one connection.
final class Segment {
    enum Step {
        /// The server keeps a statement under `name`, once it has answered.
        case prepare(StatementKey, name: String)
        case query
        case sync
    }

    let id: UInt64
    let calls: [PostgresQuery]
    /// A script of several statements, sent outside of pipeline mode; then `calls` is empty.
    let script: String?
    let neverCancel: Bool
    var deadline: PostgresDeadline
    /// What passing the deadline means for the caller: `deadline`, or `cancelled` when its task was.
    var lapse: PostgresError.Kind = .deadline
    /// Set once a cancel request is on its way: until when the statement may take to end.
    var graceEnd: PostgresDeadline?

    private(set) var steps: [Step] = []
    private var position = 0
    /// The result of the current step came; its end has not.
    private(set) var isAnswered = false
    private(set) var rows: [PostgresRows] = []
    private(set) var failure: PostgresError?
    private var completion: ((Result<[PostgresRows], PostgresError>) -> Void)?

    init(
        id: UInt64, calls: [PostgresQuery], script: String? = nil, deadline: PostgresDeadline, neverCancel: Bool,
        completion: @escaping (Result<[PostgresRows], PostgresError>) -> Void
    ) {
        self.id = id
        self.calls = calls
        self.script = script
        self.deadline = deadline
        self.neverCancel = neverCancel
        self.completion = completion
    }

    /// The caller has its answer already; what comes from the server is dropped.
    var isAbandoned: Bool { completion == nil }
    var step: Step? { position < steps.count ? steps[position] : nil }

    func sent(_ step: Step) { steps.append(step) }

    /// libpq returned the result of the current step.
    func answered(_ result: PostgresRows?) {
        isAnswered = true
        if let result { rows.append(result) }
    }

    func failed(_ error: PostgresError) {
        isAnswered = true
        if failure == nil { failure = error }
    }

    /// libpq said that the current step's results are all there.
    func stepEnded() {
        isAnswered = false
        position += 1
    }

    /// The commit failed: its error stands, and the sync is still to come.
    func syncRefused() { isAnswered = false }

    func complete(_ result: Result<[PostgresRows], PostgresError>) {
        guard let completion else { return }
        self.completion = nil
        if case .failure(let error) = result {
            Counter(label: "everline_postgres_errors_total", dimensions: [("kind", error.kind.rawValue)]).increment()
        }
        completion(result)
    }
}

/// What a prepared statement is found by: the same text with other parameter types is another statement.
struct StatementKey: Hashable {
    let sql: String
    let types: [UInt32]
}
