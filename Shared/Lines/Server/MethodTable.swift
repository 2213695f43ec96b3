package import EverlineProtocol
import Logging

/// The methods that a listener answers, by name. `Context` is what is known of the caller.
package struct MethodTable<Context: Sendable>: Sendable {
    package typealias Admission = @Sendable (Context) -> RPCError?

    private struct Entry: Sendable {
        let figures: MethodFigures
        let admit: Admission
        let call: @Sendable (JSON?, Context) async throws -> [UInt8]
    }

    private var entries: [String: Entry] = [:]
    /// The wire's word for an error of a handler that is not one already.
    private let translate: @Sendable (any Error) -> RPCError
    private let spans: Spans

    package init(translate: @escaping @Sendable (any Error) -> RPCError) {
        self.translate = translate
        spans = Spans(logger: Logger(label: "requests"))
    }

    /// - Parameter admit: why this caller may not call the method, if so; asked before parameters are read.
    package mutating func register<M: Method>(
        _ method: M.Type, admit: @escaping Admission = { _ in nil },
        _ handler: @escaping @Sendable (M.Params, Context) async throws -> M.Result
    ) {
        entries[M.name] = Entry(figures: MethodFigures(M.name), admit: admit) { params, context in
            try await handler(try M.Params(params ?? .object([]), strict: true), context).jsonBytes()
        }
    }

    /// Registers a method whose result is JSON bytes already, passed on as they came.
    package mutating func registerRaw<M: Method>(
        _ method: M.Type, admit: @escaping Admission = { _ in nil },
        _ handler: @escaping @Sendable (M.Params, Context) async throws -> [UInt8]
    ) {
        entries[M.name] = Entry(figures: MethodFigures(M.name), admit: admit) { params, context in
            try await handler(try M.Params(params ?? .object([]), strict: true), context)
        }
    }

    /// The answer's bytes; `nil` if there is nothing to answer.
    package func answer(_ incoming: Incoming, _ context: Context) async -> [UInt8]? {
        switch incoming {
        case .refused(let error): return Response.failure(id: .null, error: error)
        case .single(let element): return await answer(element, context)
        case .batch(let elements):
            // One after another: a batch costs what its requests cost on their own.
            var answers: [[UInt8]] = []
            var bytes = 0
            for element in elements {
                let answer = bytes < Limits.batchAnswer ? await answer(element, context) : Self.tooMuch(element)
                guard let answer else { continue }
                answers.append(answer)
                bytes += answer.count
            }
            return Response.batch(answers)
        }
    }

    package func answer(_ element: Incoming.Element, _ context: Context) async -> [UInt8]? {
        switch element {
        case .failure(let refusal): return Response.failure(id: refusal.id, error: refusal.error)
        case .success(let request):
            let begun = ContinuousClock.now
            let span = request.trace ?? TraceContext()
            return await TraceContext.$current.withValue(span) {
                let figures = entries[request.method]?.figures ?? .unknown
                do {
                    let result = try await result(of: request, context)
                    figures.record(nil, since: begun)
                    spans.ended(span, figures.method, nil, since: begun)
                    return request.id.map { Response.success(id: $0, result: result) }
                } catch {
                    let error = error as? RPCError ?? translate(error)
                    figures.record(error.code, since: begun)
                    spans.ended(span, figures.method, error.code, since: begun)
                    return request.id.map { Response.failure(id: $0, error: error) }
                }
            }
        }
    }

    /// Not begun, so that one batch is not gathered without bound.
    private static func tooMuch(_ element: Incoming.Element) -> [UInt8]? {
        let error = RPCError(
            .overloaded, detail: "the answers before this one fill the batch; ask again in another", retryAfterMs: 100)
        switch element {
        case .failure(let refusal): return Response.failure(id: refusal.id, error: refusal.error)
        case .success(let request): return request.id.map { Response.failure(id: $0, error: error) }
        }
    }

    private func result(of request: Request, _ context: Context) async throws -> [UInt8] {
        guard let entry = entries[request.method] else { throw RPCError(.methodNotFound) }
        if let refusal = entry.admit(context) { throw refusal }
        return try await entry.call(request.params, context)
    }
}
