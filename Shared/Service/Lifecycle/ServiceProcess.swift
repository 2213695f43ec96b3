import CoreMetrics
import EverlinePostgres
package import EverlineProtocol
import EverlineRedis
import Foundation
package import Logging
import NIOCore
package import ServiceLifecycle
import UnixSignals

/// A service's process: what every executable does around its own parts.
package struct ServiceProcess: Sendable {
    package let name: String
    package let settings: Settings
    package let logger: Logger
    package let prometheus: Prometheus

    package init(_ name: String, _ settings: Settings) throws {
        self.name = name
        self.settings = settings
        guard let level = Logger.Level(rawValue: try settings.string("log.level")) else {
            throw ConfigurationError("log.level is trace, debug, info, notice, warning, error or critical")
        }
        prometheus = Prometheus(service: name)
        let onTerminal = isatty(2) == 1
        LoggingSystem.bootstrap { _ in
            if onTerminal { return TextLog(service: name, level: level, metadataProvider: .request) }
            return JSONLog(service: name, level: level, metadataProvider: .request)
        }
        MetricsSystem.bootstrap(prometheus)
        logger = Logger(label: name)
        // A peer that is gone is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // A connection is a descriptor, and the usual soft limit of 1,024 is for programs that use select().
        var files = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0 {
            files.rlim_cur = files.rlim_max
            _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        }
    }

    /// Runs the parts until SIGTERM or SIGINT; then they stop in the reverse order, within ten seconds.
    package func run(_ parts: [any Service], readiness: @escaping Readiness) async throws {
        let observation = try await ObservationServer(
            host: try settings.string("metrics.host"), port: try settings.port("metrics.port"), prometheus: prometheus,
            readiness: readiness)
        var configuration = ServiceGroupConfiguration(
            services: parts, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(8)
        configuration.maximumCancellationDuration = .seconds(2)
        logger.info("started", metadata: ["pid": "\(getpid())"])
        try await ServiceGroup(configuration: configuration).run()
        await observation.shutdown()
        logger.info("stopped")
    }

    /// The wire's word for an error; what is our own fault is logged and not told.
    package func translate(_ error: any Error) -> RPCError {
        switch error {
        case let error as RPCError: return error
        case let error as PostgresError:
            switch error.kind {
            case .overloaded: return RPCError(.overloaded, retryAfterMs: 500)
            case .notExecuted, .deadline, .cancelled, .closed:
                return RPCError(.unavailable, detail: "the database cannot be reached", retryAfterMs: 500)
            case .outcomeUnknown:
                return RPCError(.unavailable, detail: "the database was lost; the outcome is not known", retryAfterMs: 500)
            case .server where error.isRetryable:
                return RPCError(.unavailable, detail: "the database cannot serve now", retryAfterMs: 500)
            case .server, .usage: break
            }
        case is RedisError: return RPCError(.unavailable, detail: "redis cannot be reached", retryAfterMs: 500)
        default: break
        }
        logger.error("an unexpected error", metadata: ["error": "\(error)"])
        return RPCError(.internalError)
    }
}

/// A part that runs until it is told to stop, and then does what `stop` says.
package struct Part: Service {
    private let body: @Sendable () async throws -> Void

    /// - Parameter body: cancelled when the process is to stop.
    package init(_ body: @escaping @Sendable () async throws -> Void) {
        self.body = {
            try await cancelWhenGracefulShutdown {
                do { try await body() } catch is CancellationError {}
            }
        }
    }

    private init(whole body: @escaping @Sendable () async throws -> Void) { self.body = body }

    /// Something that was started already: only its end is ours. (Not an initializer, which a trailing closure could mean by mistake.)
    package static func ending(_ stop: @escaping @Sendable () async -> Void) -> Part {
        Part(whole: {
            try? await gracefulShutdown()
            await stop()
        })
    }

    package func run() async throws { try await body() }
}
