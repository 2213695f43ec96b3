import Glibc
package import Logging
package import NIOSSL
import Synchronization

/// Where a new connection takes its TLS context from.
package protocol TLSContextSource: Sendable {
    var now: NIOSSLContext { get }
}

/// One that never changes.
extension NIOSSLContext: TLSContextSource {
    package var now: NIOSSLContext { self }
}

/// One that is replaced when its files have changed.
package final class LiveContext: TLSContextSource {
    fileprivate let make: @Sendable () throws -> NIOSSLContext
    private let current: Mutex<NIOSSLContext>

    fileprivate init(_ make: @escaping @Sendable () throws -> NIOSSLContext) throws {
        self.make = make
        current = Mutex(try make())
    }

    package var now: NIOSSLContext { current.withLock { $0 } }
    fileprivate func replace(_ context: NIOSSLContext) { current.withLock { $0 = context } }
}

/// Follows a service's TLS files, so that a renewed certificate needs no restart: connections made from then on show it, those that are open go on.
package final class TLSKeeper: Sendable {
    /// A file as it lies there; another one in its place differs in one of these.
    private struct Stamp: Equatable {
        let device: UInt
        let inode: UInt
        let seconds: Int
        let nanoseconds: Int
    }

    private let files: TLSFiles
    private let logger: Logger
    private let contexts = Mutex<[LiveContext]>([])
    /// As they were before any context was made of them: what changes before the first look is seen by it.
    private let first: [Stamp?]

    package init(_ files: TLSFiles, logger: Logger) {
        self.files = files
        self.logger = logger
        first = Self.stamps(files)
    }

    /// - Throws: what is wrong with the files as they are now.
    package func client() throws -> LiveContext { try keep { [files] in try files.clientContext() } }
    package func server(_ clients: TLSFiles.ClientCertificate) throws -> LiveContext {
        try keep { [files] in try files.serverContext(clients) }
    }

    private func keep(_ make: @escaping @Sendable () throws -> NIOSSLContext) throws -> LiveContext {
        let context = try LiveContext(make)
        contexts.withLock { $0.append(context) }
        return context
    }

    /// Looks at the files until the task is cancelled.
    package func run(every pause: Duration = .seconds(5)) async {
        var known = first
        var told = false
        while !Task.isCancelled {
            try? await Task.sleep(for: pause)
            let found = Self.stamps(files)
            guard found != known else { continue }
            do {
                try renew()
                known = found
                told = false
                logger.info("the certificate was renewed", metadata: ["file": "\(files.certificate)"])
            } catch {
                // Between the two renames of a certificate and its key they do not match; the next look finds both.
                if told {
                    logger.warning(
                        "TLS files have changed and cannot be used; those from before stay in use",
                        metadata: ["file": "\(files.certificate)", "error": "\(error)"])
                    known = found
                }
                told.toggle()
            }
        }
    }

    private func renew() throws {
        let all = contexts.withLock { $0 }
        // All or none.
        let made = try all.map { try $0.make() }
        for (context, new) in zip(all, made) { context.replace(new) }
    }

    private static func stamps(_ files: TLSFiles) -> [Stamp?] {
        [files.ca, files.certificate, files.key].map { path in
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            return Stamp(
                device: UInt(status.st_dev), inode: UInt(status.st_ino), seconds: status.st_mtim.tv_sec,
                nanoseconds: status.st_mtim.tv_nsec)
        }
    }
}
