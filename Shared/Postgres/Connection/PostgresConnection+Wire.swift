internal import CPostgres
internal import DequeModule
internal import Logging

// Between the queue and libpq: what is sent, and what comes back (PostgreSQL manual 34.5, pipeline mode).
extension PostgresConnection {
    /// Sends what may be sent now.
    func pump() {
        while let segment = waiting.first, !isCancelling, !isInScript, let pointer = link.pointer, isOpen {
            if let script = segment.script {
                // A script needs the simple protocol, and that the pipeline is empty.
                guard segments.isEmpty else { break }
                waiting.removeFirst()
                segments.append(segment)
                isInScript = true
                guard PQexitPipelineMode(pointer) == 1, PQsendQuery(pointer, script) == 1 else { return lost() }
            } else {
                waiting.removeFirst()
                segments.append(segment)
                for call in segment.calls {
                    guard send(call, of: segment, pointer) else { return lost() }
                }
                guard PQpipelineSync(pointer) == 1 else { return lost() }
                segment.sent(.sync)
            }
        }
        flush()
    }

    private func send(_ query: PostgresQuery, of segment: Segment, _ pointer: OpaquePointer) -> Bool {
        let key = StatementKey(sql: query.sql, types: query.parameters.types)
        var name: String?
        if let known = prepared[key] {
            // Not confirmed yet: it may still be refused, so this call goes without a name.
            name = known
        } else if query.isFixed, prepared.count < Self.preparedLimit {
            let new = "s\(prepared.count)_\(lastID)"
            guard PQsendPrepare(pointer, new, query.sql, Int32(key.types.count), key.types) == 1 else { return false }
            prepared[key] = .some(nil)
            segment.sent(.prepare(key, name: new))
            name = new
        }
        segment.sent(.query)
        return query.parameters.withPointers { count, values, lengths, formats in
            if let name { return PQsendQueryPrepared(pointer, name, count, values, lengths, formats, 1) == 1 }
            return PQsendQueryParams(pointer, query.sql, count, key.types, values, lengths, formats, 1) == 1
        }
    }

    private func flush() {
        guard let pointer = link.pointer, let token, isOpen else { return }
        let unsent = PQflush(pointer)
        if unsent < 0 { return lost() }
        if (unsent == 1) != isWriting {
            isWriting = unsent == 1
            reactor.change(token, PQsocket(pointer), writing: isWriting)
        }
    }

    /// The socket is readable or writable, or has failed.
    func handle(_ events: UInt32) {
        guard let pointer = link.pointer, isOpen else { return }
        if events & ~EPOLLOUT.rawValue != 0 {
            repeat {
                guard PQconsumeInput(pointer) == 1 else {
                    receive()
                    return lost()
                }
                receive()
                guard isOpen else { return }
            } while everline_pq_pending(pointer) > 0
        }
        pump()
    }

    /// Takes all results that are complete.
    private func receive() {
        while let pointer = link.pointer, isOpen, let segment = segments.first, PQisBusy(pointer) == 0 {
            let result = PQgetResult(pointer)
            let goesOn = isInScript ? receiveScript(result, segment, pointer) : receivePipeline(result, segment)
            guard goesOn else { return }
        }
    }

    /// False when there is nothing more to read now.
    private func receivePipeline(_ result: OpaquePointer?, _ segment: Segment) -> Bool {
        guard let result else {
            // The end of a step's results. Where none has come libpq has nothing for us, and would say so for ever.
            guard segment.isAnswered, PQstatus(link.pointer) == CONNECTION_OK else { return false }
            if case .sync = segment.step { segment.syncRefused() } else { segment.stepEnded() }
            return true
        }
        switch PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            finishHead(segment)
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            if case .prepare(let key, let name) = segment.step {
                PQclear(result)
                prepared[key] = name
                segment.answered(nil)
            } else {
                segment.answered(PostgresRows(result))
            }
        case PGRES_PIPELINE_ABORTED:
            // An earlier step of the segment failed; its error is the segment's.
            PQclear(result)
            forget(segment.step)
            segment.answered(nil)
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            PQclear(result)
            close(PostgresError(.usage, "COPY is not spoken here"))
            return false
        default:
            let fatal = PostgresError.isFatal(result)
            let error = PostgresError(.server, result: result)
            PQclear(result)
            forget(segment.step)
            if fatal || PQstatus(link.pointer) != CONNECTION_OK {
                lost(error)
                return false
            }
            segment.failed(error)
        }
        return true
    }

    /// A statement that was not prepared after all is prepared by the next call.
    private func forget(_ step: Segment.Step?) {
        if case .prepare(let key, _) = step { prepared[key] = nil }
    }

    private func receiveScript(_ result: OpaquePointer?, _ segment: Segment, _ pointer: OpaquePointer) -> Bool {
        guard let result else {
            guard PQstatus(pointer) == CONNECTION_OK else { return false }
            isInScript = false
            guard PQenterPipelineMode(pointer) == 1 else {
                lost()
                return false
            }
            finishHead(segment)
            return true
        }
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: break
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            close(PostgresError(.usage, "COPY is not spoken here"))
            return false
        default:
            let error = PostgresError(.server, result: result)
            if PostgresError.isFatal(result) || PQstatus(pointer) != CONNECTION_OK {
                lost(error)
                return false
            }
            segment.failed(error)
        }
        return true
    }

    /// The first segment has come to its end: the server has committed or rolled back.
    private func finishHead(_ segment: Segment) {
        segments.removeFirst()
        if let failure = segment.failure {
            let error = classify(failure, segment)
            if error.isStalePlan || error.sqlState?.isAboutConnection == true { retire(error) }
            segment.complete(.failure(error))
        } else if segment.graceEnd != nil {
            // A commit that is cancelled while it waits for a synchronous standby answers success, and may still be lost with the primary.
            segment.complete(
                .failure(PostgresError(.outcomeUnknown, "it ended after it was cancelled, and may have taken effect")))
        } else {
            segment.complete(.success(segment.rows))
        }
        if let next = segments.first, next.isAbandoned { lapse(next) }
        if let ending, load == 0 { close(ending) }
    }

    /// What was rolled back for a reason outside itself is as if it was never sent: a plan that the connection has kept for too long; a
    /// cancellation that was meant for a neighbour, or that someone else (pg_cancel_backend) made of a call that is not to be cancelled.
    private func classify(_ error: PostgresError, _ segment: Segment) -> PostgresError {
        if error.isStalePlan {
            var again = error
            again.kind = .notExecuted
            return again
        }
        guard error.sqlState == .queryCanceled else { return error }
        if segment.graceEnd != nil {
            return PostgresError(segment.lapse, "cancelled and rolled back", sqlState: .queryCanceled)
        }
        guard cancelsSent > 0 || segment.neverCancel else { return error }
        return PostgresError(.notExecuted, "another's cancellation hit this call; it was rolled back", sqlState: .queryCanceled)
    }

    /// The connection is gone. `error` is the server's last word, if it had one.
    func lost(_ error: PostgresError? = nil) {
        guard isOpen else { return }
        let said = error ?? link.lastFatal
        var reason =
            said ?? PostgresError(.outcomeUnknown, "connection lost: \(link.pointer.map { PostgresLink.message(of: $0) } ?? "")")
        reason.kind = .outcomeUnknown
        logger.debug("postgres connection lost", metadata: ["reason": "\(reason)"])
        close(reason)
    }
}
