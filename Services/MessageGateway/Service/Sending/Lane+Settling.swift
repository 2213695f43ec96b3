import EverlinePostgres
import EverlineProtocol
import Logging
import Metrics
import Synchronization

/// From a batch to the outcome of each of its sends.
extension Lane {
    private static let doubted = Counter(label: "everline_appends_doubted_total")
    private static let repeated = Counter(label: "everline_appends_repeated_total")
    private static let batchSize = Recorder(label: "everline_append_batch_messages")
    private static let time = Timer(label: "everline_append_seconds")

    /// How long a batch that cannot be sent is tried again.
    private static let patience = Duration.seconds(1)

    /// Repeats the append until its outcome is known: a repetition is harmless, since each entry carries its clientId.
    func settle(_ batch: [PendingSend]) async {
        var batch = batch
        var pause = Duration.milliseconds(20)
        // Whether one of the attempts may have taken effect.
        var unknown = false
        let begun = ContinuousClock.now
        while !batch.isEmpty {
            do {
                let current = try await EpochStore.current(store.session, in: epochs)
                batch = refuseOthers(than: current, batch)
                if batch.isEmpty { return }
                let sent = ContinuousClock.now
                let appended = try await append(batch.map(\.entry), epoch: current)
                Self.time.record(duration: .now - sent)
                Self.batchSize.record(batch.count)
                return await finish(batch, appended, epoch: current)
            } catch let error as PostgresError {
                switch Verdict(error) {
                case .otherEpoch: epochs.doubt()
                case .aboutOneRow: return await bisect(batch, error)
                case .unknown: unknown = true
                case .closed: return answer(batch.map { ($0, .failure(Self.atTheEnd(unknown))) })
                case .retry: break
                case .refused:
                    logger.error("an append was refused", metadata: ["error": "\(error)"])
                    // What an earlier attempt came to is then not known, and the senders are told so.
                    let answered = RPCError(unknown ? .deadline : .internalError, retryAfterMs: unknown ? 1_000 : nil)
                    return answer(batch.map { ($0, .failure(answered)) })
                }
                logger.warning("an append is repeated", metadata: ["error": "\(error)", "sends": "\(batch.count)"])
            } catch {
                logger.warning("an append is repeated", metadata: ["error": "\(error)", "sends": "\(batch.count)"])
            }
            Self.repeated.increment()
            let now = ContinuousClock.now
            let late = batch.filter { $0.deadline <= now }
            if unknown {
                // Nothing else of these rooms may go before it is known what became of them; their senders are told that it is not.
                answer(late.map { ($0, .failure(RPCError(.deadline, retryAfterMs: 1_000))) })
                batch = batch.map { $0.deadline <= now ? $0.abandoned : $0 }
            } else {
                refuse(late)
                batch.removeAll { $0.deadline <= now }
                if now - begun > Self.patience {
                    refuse(batch)
                    return refuseQueue()
                }
            }
            try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
            pause = min(pause * 2, .milliseconds(500))
            if Task.isCancelled { return answer(batch.map { ($0, .failure(Self.atTheEnd(unknown))) }) }
        }
    }

    private static func atTheEnd(_ unknown: Bool) -> RPCError {
        unknown ? RPCError(.deadline, retryAfterMs: 1_000) : RPCError(.shuttingDown)
    }

    private func refuseOthers(than current: String, _ batch: [PendingSend]) -> [PendingSend] {
        let others = batch.compactMap { send in send.refusal(in: current).map { (send, $0) } }
        if others.isEmpty { return batch }
        answer(others.map { ($0.0, .failure($0.1)) })
        return batch.filter { $0.refusal(in: current) == nil }
    }

    /// What an error says of an append.
    private enum Verdict {
        case otherEpoch, aboutOneRow, unknown, closed, retry, refused

        init(_ error: PostgresError) {
            self =
                switch error.kind {
                case .outcomeUnknown: .unknown
                case .closed: .closed
                case .cancelled: .retry
                case .server where error.sqlState?.rawValue == AppendStore.epochChanged: .otherEpoch
                case .server where error.sqlState?.isAboutOneRow == true: .aboutOneRow
                default: error.isRetryable ? .retry : .refused
                }
        }
    }

    /// The fast form where all senders are known to be members; the careful one where not, or when the fast one had a doubt.
    private func append(_ entries: [Entry], epoch: String) async throws -> AppendedBatch {
        if let revs = members.withLock({ $0.revs(for: entries, epoch: epoch) }) {
            do {
                return try await store.appendFast(entries, membersRevs: revs, epoch: epoch)
            } catch let error as PostgresError where Self.doubts.contains(error.sqlState?.rawValue ?? "") {
                Self.doubted.increment()
            }
        }
        let appended = try await store.append(entries, epoch: epoch)
        members.withLock { $0.learn(entries, appended, epoch: epoch) }
        return appended
    }

    /// A membership that changed, and a clientId that is known already.
    private static let doubts: Set<String> = [AppendStore.membershipChanged, SQLState.uniqueViolation.rawValue]

    /// A row that PostgreSQL refuses must not spoil its neighbours; order is kept.
    private func bisect(_ batch: [PendingSend], _ error: PostgresError) async {
        guard batch.count > 1 else {
            if error.constraint == AppendStore.numberConstraint {
                // Not this message's fault: the room's counter is below numbers that are taken.
                logger.error("a room's counter is below its messages", metadata: ["room": "\(batch[0].entry.room)"])
                return refuse(batch)
            }
            logger.warning("a message was refused by the database", metadata: ["sqlstate": "\(error.sqlState?.rawValue ?? "")"])
            return answer(batch.map { ($0, .failure(RPCError(.invalidParams, detail: "the database cannot hold this message"))) })
        }
        await settle(Array(batch[..<(batch.count / 2)]))
        await settle(Array(batch[(batch.count / 2)...]))
    }
}
